"""RNA-Sieve: likelihood of a bulk as a sum of sampled cells (Erdmann-Pham et al. 2021).

A bulk of n cells has, gene by gene, the mean n (profile f) and the variance of drawing n cells from the types. The
profiles are themselves means over the reference's cells. Fractions f, true profiles and n are improved in turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.classical.base import Recipe as Base
from unmix.classical.base import WithErrors
from unmix.classical.signature import Genes
from unmix.classical.solvers import sum_constrained
from unmix.contract.method import Needs
from unmix.methods import register
from unmix.settings import Count, NonNegative, Positive

if TYPE_CHECKING:
    from unmix.reference import Reference


class Recipe(Base):
    """Recipe of RNA-Sieve."""

    genes: Genes = Genes(rule="expressed")
    """Genes of the model."""
    cells: Positive = 500.0
    """Initial number of cells in a sample, to which the sample is scaled; its depth does not give this number."""
    max_iter: Count = 50
    """Largest number of iterations."""
    tolerance: NonNegative = 1e-5
    """Change of the fractions (sum of absolute values) at which to stop."""
    platform: NonNegative = 0.0
    """Deviation of a gene between platforms, relative to its mean; its square is added to the variance of a bulk
    (our addition, as in our MuSiC)."""


def sieve(learned: dict[str, np.ndarray], sample: np.ndarray, recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """Return the fractions of cells and their covariance.

    Parameters
    ----------
    learned
        `mean` and `variance` of a cell's counts, types x genes; `number` of cells.
    sample
        Genes.
    recipe
        `cells`, `max_iter`, `tolerance`, `platform`.
    """
    mean, variance = learned["mean"].T, learned["variance"].T
    uncertain = variance / learned["number"]
    n, types = recipe.cells, mean.shape[1]
    bulk = sample * (n * mean.sum(0).mean() / sample.sum())
    profile, f = mean, np.full(types, 1 / types)
    for _ in range(recipe.max_iter):
        fitted = profile @ f
        drawn = np.clip((profile**2 + variance) @ f - fitted**2, 0, None) / n + (recipe.platform * fitted) ** 2
        drawn = drawn + 1e-6 * (drawn.mean() + 1e-300)  # genes of no variance
        root = 1 / np.sqrt(drawn)
        last, f = f, sum_constrained(profile * root[:, None], root * bulk / n, exactly=True)
        if np.abs(f - last).sum() < recipe.tolerance:
            break
        gain = uncertain * f / (drawn + uncertain @ f**2)[:, None]
        profile = np.clip(mean + gain * (bulk / n - mean @ f)[:, None], 0, None)
        weight = 1 / (n * drawn)
        a, b = weight @ (profile @ f) ** 2, weight @ bulk**2  # a n^2 + genes n - b = 0: the likelihood's n
        n = (np.sqrt(len(bulk) ** 2 + 4 * a * b) - len(bulk)) / (2 * a)
    inverse = np.linalg.pinv((profile / drawn[:, None]).T @ profile)
    ones = inverse.sum(1)
    return f, inverse - np.outer(ones, ones) / max(ones.sum(), 1e-300)  # fractions sum to 1


@register
class RNASieve(WithErrors):
    """bulk ~ Normal(n profile f, n variance of a drawn cell), profile ~ Normal(mean, variance / cells)."""

    name = "rnasieve"
    needs = Needs(cells=True)
    layout = {"mean": "types genes", "variance": "amount: types genes", "number": "types"}
    quantity = "cell"
    recipes = {
        "default": Recipe(genes=Genes(rule="markers"), platform=0.5),
        "published": Recipe(),
    }

    def learn(self, cells: Reference, genes: np.ndarray, recipe: Recipe) -> dict[str, np.ndarray]:
        """Return mean and variance of a cell's counts, and the number of cells they are based on."""
        chosen = cells.select(genes=genes)
        number = np.maximum(cells.cells_per_type(), 1)
        mean = chosen.sums() / number[:, None]
        squares = chosen.sums(power=2) - number[:, None] * mean**2
        variance = np.clip(squares, 0, None) / np.maximum(number - 1, 1)[:, None]
        variance = np.where(number[:, None] > 1, variance, mean)  # a single cell: Poisson
        return {"mean": mean, "variance": variance, "number": number.astype(float)}

    def fitted(
        self, learned: dict[str, np.ndarray], sample: np.ndarray, recipe: Recipe
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the fractions of cells and their covariance, of the Fisher information."""
        return sieve(learned, sample, recipe)
