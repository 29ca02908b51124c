"""Non-negative least squares: the sample as a non-negative sum of the types' mean profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unmix.classical.base import Classical, LeastSquares
from unmix.classical.solvers import nonnegative
from unmix.methods import register

if TYPE_CHECKING:
    import numpy as np


@register
class NNLS(LeastSquares):
    """min ||signature f - sample||, f >= 0 (Lawson & Hanson 1974; for expression Abbas et al. 2009).

    `default` weighs genes alike: on simulated pseudobulk with platform noise its error is a fifth of `published`'s.
    And it caps a gene at three times its highest type: pseudobulk of another laboratory's cells have an RMSE of .120
    instead of .141 (benchmarks/laboratories.py), held-out ones .063 instead of .062.
    """

    name = "nnls"
    recipes = {
        "default": Classical(gene_weights="mean", max_ratio=3),
        "published": Classical(),
    }

    def regress(self, signature: np.ndarray, sample: np.ndarray, recipe: Classical) -> np.ndarray:
        """Return the non-negative weights of the types."""
        return nonnegative(signature, sample)
