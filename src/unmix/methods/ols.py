"""Ordinary least squares: the regression with which deconvolution of expression began (Abbas et al. 2009)."""

from __future__ import annotations

import numpy as np

from unmix.classical.base import Classical, LeastSquares
from unmix.methods import register


def abbas(signature: np.ndarray, sample: np.ndarray) -> np.ndarray:
    """Regress the sample on the signature, drop the type with the most negative weight, and again until none is.

    Parameters
    ----------
    signature
        Genes x types.
    sample
        Genes.
    """
    kept = np.arange(signature.shape[1])
    while len(kept):
        weights = np.linalg.lstsq(signature[:, kept], sample, rcond=None)[0]
        if weights.min() >= 0:
            break
        kept = np.delete(kept, weights.argmin())
    result = np.zeros(signature.shape[1])
    if len(kept):
        result[kept] = weights
    return result


@register
class OLS(LeastSquares):
    """Least squares without constraint; types of negative weight are dropped one after the other."""

    name = "ols"
    recipes = {
        "default": Classical(gene_weights="mean", max_ratio=3),
        "published": Classical(),
    }

    def regress(self, signature: np.ndarray, sample: np.ndarray, recipe: Classical) -> np.ndarray:
        """Return the weights of the types."""
        return abbas(signature, sample)
