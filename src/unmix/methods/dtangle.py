"""dtangle: how far a type's markers lie below their level in the pure type, on the log scale (Hunt et al. 2019).

    fraction ~ 2^((mean of the markers in the sample - their mean in the pure type) / slope)

The reference of a type is the logarithm of its pooled counts per million, because single cells are too sparse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.classical.base import ClassicalMethod
from unmix.classical.base import Recipe as Base
from unmix.classical.signature import Genes
from unmix.contract.blocks import in_blocks
from unmix.methods import register
from unmix.reference.markers import find_markers
from unmix.settings import CountOrZero, Positive

if TYPE_CHECKING:
    from unmix.reference import Reference


class Recipe(Base):
    """Recipe of dtangle."""

    genes: Genes = Genes(rule="all")
    """All genes give the scale of a sample; the markers among them are dtangle's own."""
    slope: Positive = 0.9433902
    """Paper: of log expression on log abundance, for RNA-seq (0.6999978 and 0.4522564 for microarrays)."""
    markers: CountOrZero = 0
    """Markers of each type; 0 is the best tenth of the genes that are highest in it (code's default)."""
    pseudocount: Positive = 1.0
    """Added to counts per million before the logarithm."""


@register
class Dtangle(ClassicalMethod):
    """fraction ~ 2^((mean of the markers in the sample - their mean in the pure type) / slope)."""

    name = "dtangle"
    layout = {"profile": "amount: types genes", "marker": "int: types genes"}
    quantity = "mrna"
    recipes = {
        "default": Recipe(markers=20, slope=0.8),
        "published": Recipe(),
    }

    def learn(self, cells: Reference, genes: np.ndarray, recipe: Recipe) -> dict[str, np.ndarray]:
        """Return the pooled profile of each type and its markers."""
        profile = 1e6 * cells.select(genes=genes).profiles()
        logs = profile + recipe.pseudocount
        return {"profile": profile, "marker": find_markers(logs, recipe.markers).astype(np.uint8)}

    def solve_cohort(self, learned: dict[str, np.ndarray], samples: np.ndarray, recipe: Recipe) -> np.ndarray:
        """Return the fractions; a type without any present marker gets 0."""
        used = np.flatnonzero(learned["marker"].any(0))
        profile, marker = learned["profile"], learned["marker"][:, used].astype(float)
        pure = np.log2(1e6 * profile[:, used] / profile.sum(1, keepdims=True) + recipe.pseudocount)
        number = marker.sum(1)

        def below(block: np.ndarray) -> np.ndarray:
            logs = np.log2(1e6 * block[:, used] / block.sum(1, keepdims=True) + recipe.pseudocount)
            return (logs @ marker.T - (marker * pure).sum(1)) / np.maximum(number, 1) / recipe.slope

        found = in_blocks(below, samples)
        # Fractions of the mRNA of the genes present, divided by what these are of each type's mRNA
        fractions = 2.0 ** (found - found[:, number > 0].max(1, initial=-1e3, keepdims=True)) / profile.sum(1)
        return np.where(number > 0, fractions, 0)
