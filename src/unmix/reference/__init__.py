"""The reference: single cells (or pure tissues) with labels, prepared and in memory."""

from unmix.reference.reference import Reference

__all__ = ["Reference"]
