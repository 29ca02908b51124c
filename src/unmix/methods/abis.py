"""ABIS: Huber regression on a signature scaled by the mRNA of each type's cells (Monaco et al. 2019).

    sample ~ signature x fractions, with iteratively reweighted least squares as in R's MASS::rlm

Without a published signature (`--signature`), the signature is that of the reference's markers times the mean total
count of a cell. Negative coefficients become 0, and the rest sum to 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.classical.base import Classical, SignatureMethod
from unmix.classical.weights import weighed
from unmix.methods import register
from unmix.settings import Count, NonNegative, Positive

if TYPE_CHECKING:
    from unmix.reference import Reference


class Recipe(Classical):
    """Recipe of ABIS."""

    k: Positive = 1.345
    """Huber (MASS): residuals beyond this many deviations get less weight."""
    max_iter: Count = 100
    """Code: largest number of iterations."""
    tolerance: NonNegative = 1e-4
    """MASS: relative change of the residuals at which to stop."""


def huber(signature: np.ndarray, sample: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Return the coefficients of Huber's regression without intercept, by iterated weighted least squares.

    The deviation of the residuals is their median absolute value (around 0, as in MASS) over 0.6745.

    Parameters
    ----------
    signature
        Genes x types.
    sample
        Genes.
    recipe
        `k`, `max_iter`, `tolerance`.
    """
    norm = np.maximum(np.sqrt((signature**2).sum(0)), 1e-300)
    design = signature / norm  # columns of one length: the normal equations of a few types are exact enough and fast

    def least_squares(gene_weights: np.ndarray) -> np.ndarray:
        weighted = design.T * gene_weights
        return np.linalg.pinv(weighted @ design, hermitian=True) @ (weighted @ sample) / norm

    weights = least_squares(np.ones(len(sample)))
    residual = sample - signature @ weights
    for _ in range(recipe.max_iter):
        deviation = np.median(np.abs(residual)) / 0.6745
        if deviation <= 1e-12 * np.abs(sample).max():
            break
        weights = least_squares(np.minimum(1, recipe.k * deviation / np.maximum(np.abs(residual), 1e-300)))
        last, residual = residual, sample - signature @ weights
        if np.sqrt(((residual - last) ** 2).sum() / max((last**2).sum(), 1e-300)) < recipe.tolerance:
            break
    return weights


@register
class ABIS(SignatureMethod):
    """sample ~ signature x fractions, outlying genes weighing less."""

    name = "abis"
    quantity = "cell"
    recipes = {
        "default": Recipe(gene_weights="mean"),
        "published": Recipe(),
    }

    def learn(self, cells: Reference, genes: np.ndarray, recipe: Recipe) -> dict[str, np.ndarray]:
        """Return the pooled profiles per million times the relative total count of a cell."""
        size = cells.mrna_per_cell()
        return {"signature": super().learn(cells, genes, recipe)["signature"] * (size / size.mean())[:, None]}

    def solve_cohort(self, learned: dict[str, np.ndarray], samples: np.ndarray, recipe: Recipe) -> np.ndarray:
        """Weigh the signature once for all samples, and regress each."""
        design, weigh = weighed(learned["signature"], recipe)
        return np.stack([self.regress(design, weigh(sample), recipe) for sample in samples])

    def regress(self, signature: np.ndarray, sample: np.ndarray, recipe: Recipe) -> np.ndarray:
        """Return the coefficients; negative ones are 0."""
        return np.clip(huber(signature, sample, recipe), 0, None)
