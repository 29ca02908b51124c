"""MuSiC: least squares in which genes that differ between donors weigh less (Wang et al. 2019).

    min sum over genes of (sample - sum of f S theta)^2 / (nu + residual^2 + sum of (f S)^2 Sigma), f >= 0

theta and Sigma are mean and variance over donors of a type's profile, S the mean total count of its cells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.classical.base import ClassicalMethod
from unmix.classical.base import Recipe as Base
from unmix.classical.signature import Genes, donor_profiles, filled
from unmix.classical.solvers import weighted_nonnegative
from unmix.contract.method import Needs
from unmix.methods import register
from unmix.settings import Count, NonNegative, Positive

if TYPE_CHECKING:
    from unmix.reference import Reference


class Recipe(Base):
    """Recipe of MuSiC."""

    genes: Genes = Genes(rule="expressed")
    """Genes of the model."""
    nu: Positive = 1e-4
    """Code: least variance of a gene, where a sample sums to 100 over all genes."""
    tolerance: NonNegative = 0.01
    """Code: change of the fractions (sum of absolute values) below which to stop."""
    max_iter: Count = 1000
    """Code: largest number of iterations."""
    platform: NonNegative = 0.0
    """Deviation of a gene between platforms, relative to its mean; its square is added to the variance between
    donors (our addition, chosen on simulated pseudobulk)."""
    drop_zeros: bool = True
    """Code: the fit of a sample uses only genes that the sample expresses."""


@register
class MuSiC(ClassicalMethod):
    """Weighted non-negative least squares on the donors' mean profiles times the size of a cell."""

    name = "music"
    layout = {"profile": "amount: types genes", "variance": "amount: types genes", "size": "amount: types"}
    needs = Needs(donors=2)
    quantity = "cell"
    recipes = {
        "default": Recipe(genes=Genes(rule="markers"), platform=2.0),
        "published": Recipe(),
    }

    def learn(self, cells: Reference, genes: np.ndarray, recipe: Recipe) -> dict[str, np.ndarray]:
        """Return the mean relative profile over donors (theta), its variance (Sigma) and the size of a cell (S)."""
        profiles = donor_profiles(cells.select(genes=genes))
        variance = filled(profiles.variance) + (recipe.platform * profiles.mean) ** 2
        return {"profile": profiles.mean, "variance": variance, "size": profiles.size}

    def solve(self, learned: dict[str, np.ndarray], sample: np.ndarray, recipe: Recipe) -> np.ndarray:
        """Return fractions of cells."""
        found = sample > 0 if recipe.drop_zeros else np.ones(len(sample), bool)
        return weighted_nonnegative(
            (learned["profile"] * learned["size"][:, None])[:, found].T,
            100 * sample[found] / sample.sum(),
            learned["variance"][:, found].T,
            learned["size"],
            nu=recipe.nu,
            tolerance=recipe.tolerance,
            max_iter=recipe.max_iter,
        )
