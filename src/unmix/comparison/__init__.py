"""What differs between groups of samples: their composition, and its association with survival."""

from unmix.comparison.compare import Comparison, compare, write

__all__ = ["Comparison", "compare", "write"]
