"""MuSiC: least squares that trusts genes the less the more they differ between donors (Wang et al. 2019).

Written from the paper and the description of the code (1.0.0). One thing differs: the original drops a cell type
that a single donor has, because its variance is unknown; here it gets the mean variance of the other types.
`default` takes markers and adds the variance between platforms, which MuSiC does not know: on simulated cohorts
whose platform multiplies every gene by a factor, its error is a third of `published`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from unmix.classical.base import ClassicalMethod
from unmix.classical.base import Recipe as Base
from unmix.classical.signature import Genes, donor_profiles, filled
from unmix.classical.solvers import weighted_nonnegative
from unmix.contract.method import Info, Needs
from unmix.methods import register

if TYPE_CHECKING:
    from unmix.reference import Reference


@dataclass(frozen=True, kw_only=True)
class Recipe(Base):
    """Recipe of MuSiC."""

    genes: Genes = field(default_factory=lambda: Genes(rule="expressed"))
    nu: float = 1e-4
    """Code: least variance of a gene, where a sample sums to 100 over all genes."""
    eps: float = 0.01
    """Code: change of the fractions below which to stop."""
    iterations: int = 1000
    """Code."""
    platform: float = 0.0
    """Deviation of a gene between platforms, relative to its mean; its square is added to the variance between
    donors (our addition, chosen on simulated pseudobulk)."""
    drop_zeros: bool = True
    """Code: genes that a sample does not express are left out of its fit."""


@register
class MuSiC(ClassicalMethod):
    """Weighted non-negative least squares on the donors' mean profiles times the size of a cell."""

    name = "music"
    info = Info(
        title="MuSiC",
        family="classical",
        summary="Weighs genes by how little they differ between donors; take it when the reference has several donors.",
        citation="Wang X et al. Bulk tissue cell type deconvolution with multi-subject single-cell expression "
        "reference. Nature Communications 10, 380 (2019).",
        doi="10.1038/s41467-018-08023-x",
        year=2019,
        licence="GPL-3",
        original="MuSiC 1.0.0 on the small set of omnideconv: its fractions within 1e-6.",
        chosen="a type that a single donor has gets the mean variance of the others (the original drops it); "
        "default takes markers and adds a variance between platforms, chosen on simulated pseudobulk.",
    )
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
            eps=recipe.eps,
            iterations=recipe.iterations,
        )
