"""Ridge regression: least squares that draws the weights of similar types towards each other."""

from __future__ import annotations

import numpy as np

from unmix.classical.base import Classical, LeastSquares
from unmix.classical.solvers import nonnegative
from unmix.methods import register
from unmix.settings import NonNegative


class Recipe(Classical):
    """Recipe of ridge regression."""

    penalty: NonNegative = 0.01
    """Of the squared weights, as a share of the mean squared length of a type's profile (our choice)."""


def ridge(signature: np.ndarray, sample: np.ndarray, penalty: float) -> np.ndarray:
    """Return x >= 0 that minimises ||signature x - sample||^2 + penalty s ||x||^2, s the mean squared column length.

    Parameters
    ----------
    signature
        Genes x types.
    sample
        Genes.
    penalty
        Share of the mean squared column length.
    """
    types = signature.shape[1]
    root = np.sqrt(penalty * (signature**2).sum() / types)
    return nonnegative(np.vstack([signature, root * np.eye(types)]), np.append(sample, np.zeros(types)))


@register
class Ridge(LeastSquares):
    """Hoerl & Kennard's penalty with non-negative weights; more stable than nnls where types are similar."""

    name = "ridge"
    recipes = {
        "default": Recipe(gene_weights="mean", max_ratio=3),
        "published": Recipe(),
    }

    def regress(self, signature: np.ndarray, sample: np.ndarray, recipe: Recipe) -> np.ndarray:
        """Return the weights of the types."""
        return ridge(signature, sample, recipe.penalty)

    def inverse(self, active: np.ndarray, design: np.ndarray, recipe: Recipe) -> np.ndarray:
        """Return the matrix that turns a sample into the weights of the active types."""
        types = design.shape[1]
        penalty = recipe.penalty * (design**2).sum() / types
        return np.linalg.solve(active.T @ active + penalty * np.eye(active.shape[1]), active.T)
