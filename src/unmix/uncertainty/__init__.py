"""Uncertainty of estimates: intervals and domain shift."""
