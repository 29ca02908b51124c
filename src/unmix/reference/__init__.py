"""The reference: single cells (or profiles of cell types) with labels, prepared and in memory."""

from unmix.reference.reference import Reference

__all__ = ["Reference"]
