"""MEAD: regression for profiles that were measured with error, with standard errors (Xie et al. 2022).

    (X'WX - sum of w V) f = X'W y

X are mean profiles over donors and V the variance of these means. A gene weighs the inverse of its moderated variance
between donors. Intervals start from the sandwich estimator (HC3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.classical.base import Recipe as Base
from unmix.classical.base import WithErrors
from unmix.classical.signature import Genes, donor_profiles, filled
from unmix.classical.solvers import moderated
from unmix.contract.method import Needs
from unmix.methods import register
from unmix.settings import NonNegative

if TYPE_CHECKING:
    from unmix.reference import Reference


class Recipe(Base):
    """Recipe of MEAD."""

    genes: Genes = Genes(rule="expressed")
    """Genes of the model."""
    platform: NonNegative = 0.0
    """Deviation of a gene between platforms, relative to its mean; its square is added to the variance between
    donors (our addition, as in our MuSiC)."""


def regress(learned: dict[str, np.ndarray], sample: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the coefficients of the types and their covariance.

    Parameters
    ----------
    learned
        `profile` and `error` (variance of the profile), types x genes; `noise`, whose first row is that of the genes.
    sample
        Genes.
    """
    scale = 1 / learned["profile"].mean()
    x, error = scale * learned["profile"].T, scale**2 * learned["error"].T
    y, weight = sample / sample.mean(), 1 / (scale**2 * learned["noise"][0])
    plain = x.T @ (weight[:, None] * x)
    normal = plain - np.diag(weight @ error)
    if np.linalg.eigvalsh(normal)[0] <= 0:  # more error than signal: nothing can be taken out
        normal, error = plain, np.zeros_like(error)
    inverse = np.linalg.pinv(normal)
    beta = inverse @ (x.T @ (weight * y))
    residual = y - x @ beta
    leverage = np.clip(weight * (x @ inverse * x).sum(1), 0, 0.99)
    scores = weight[:, None] * (x * residual[:, None] + error * beta) / (1 - leverage)[:, None]
    return beta, inverse @ (scores.T @ scores) @ inverse


@register
class MEAD(WithErrors):
    """(X'WX - sum of w V) f = X'W y, then f >= 0."""

    name = "mead"
    layout = {"profile": "amount: types genes", "error": "types genes", "noise": "types genes"}
    needs = Needs(donors=2)
    quantity = "mrna"
    recipes = {
        "default": Recipe(genes=Genes(rule="markers"), platform=0.5),
        "published": Recipe(),
    }

    def learn(self, cells: Reference, genes: np.ndarray, recipe: Recipe) -> dict[str, np.ndarray]:
        """Return the mean profile over donors, the variance of that mean, and the variance for the gene weights."""
        profiles, types = donor_profiles(cells.select(genes=genes)), len(cells.cell_types)
        mean, variance = profiles.mean, filled(profiles.variance)
        pairs = np.unique(np.stack([cells.type_of, cells.donor_of]), axis=1)
        donors = np.maximum(np.bincount(pairs[0], minlength=types), 1)
        noise = moderated(variance.mean(0), donors.sum() - types) + (recipe.platform * mean.mean(0)) ** 2
        error = variance / donors[:, None]
        return {"profile": mean, "error": error, "noise": np.tile(np.maximum(noise, 1e-300), (types, 1))}

    def fitted(
        self, learned: dict[str, np.ndarray], sample: np.ndarray, recipe: Recipe
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the coefficients and their covariance."""
        return regress(learned, sample)
