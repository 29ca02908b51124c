"""Joint log-scale model: all samples of a cohort together, with one factor per gene (ours; see classical.cohort).

    ln(bulk + 3) = library size + factor of the gene + factor of gene x factor of sample + ln(fractions x profiles + 3)

The factor of a gene is what a platform, a protocol or another laboratory does to it in every sample. Six fits, with
few or many markers of two kinds, are averaged. Types whose markers do not show in the cohort are capped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.classical import cohort, mapping
from unmix.classical.base import ClassicalMethod
from unmix.classical.base import Recipe as Base
from unmix.classical.signature import Genes
from unmix.methods import register

if TYPE_CHECKING:
    from unmix.reference import Reference


class Recipe(Base):
    """Recipe of the joint log-scale model."""

    genes: Genes = Genes(rule="expressed")
    """Genes that are compared with the reference; markers are chosen among them when the samples are known."""
    cap_absent: bool = True
    """Whether a type whose specific genes show less than 3 % in the mean of the cohort is capped at that level."""


@register
class JointLog(ClassicalMethod):
    """Most likely fractions under a model of the logarithms of all samples."""

    name = "jointlog"
    quantity = "mrna"
    transductive = True
    layout = {"profile": "amount: types genes"}
    recipes = {"default": Recipe()}

    def learn(self, cells: Reference, genes: np.ndarray, recipe: Recipe) -> dict[str, np.ndarray]:
        """Return the pooled profile of every type, per million of all its mRNA."""
        return {"profile": 1e6 * cells.select(genes=genes).profiles()}

    def solve_cohort(self, learned: dict[str, np.ndarray], samples: np.ndarray, recipe: Recipe) -> np.ndarray:
        """Return the fractions of mRNA of all samples."""
        profiles = learned["profile"]
        if len(profiles) == 1:
            return np.ones((len(samples), 1))
        mapped = mapping.Mapped(samples, profiles)
        fractions = cohort.estimate(mapped, profiles)
        return cohort.without_absent(fractions, mapped.mean, profiles) if recipe.cap_absent else fractions
