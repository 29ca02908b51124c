"""What differs between groups of samples: their composition, and its association with survival."""

from unmix.comparison.compare import compare
from unmix.comparison.result import Comparison, write

__all__ = ["Comparison", "compare", "write"]
