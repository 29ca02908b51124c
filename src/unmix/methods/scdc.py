"""SCDC: MuSiC's regression on profiles whose noisy genes are scaled down within every donor (Dong et al. 2021).

The code scales the profiles but not the sample; `default` scales both. For several references train a model of each and
predict with `unmix_predict.py MODEL BULK --also MODEL`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.classical.signature import Genes, donor_profiles, filled
from unmix.contract.method import Needs
from unmix.methods import register
from unmix.methods.music import MuSiC
from unmix.methods.music import Recipe as MuSiCRecipe
from unmix.settings import Rule, Share

if TYPE_CHECKING:
    from unmix.reference import Reference


class Recipe(MuSiCRecipe):
    """Recipe of SCDC; `tolerance` 0.01 is omnideconv's. The package's own 0.001 changes fractions by up to 0.08."""

    low: Share = 0.15
    """Code: quantile of the genes' variance below which it is raised to that quantile."""
    high: Share = 0.85
    """Code: quantile of the genes' variance above which it is lowered to that quantile."""
    original: bool = False
    """Code: the profiles are scaled but the sample is not, and a donor without a type counts as a size of 0."""
    drop_zeros: bool = False
    """Code: genes that a sample does not express stay."""

    rules = (Rule(("low", "high"), lambda s: s.low <= s.high, "low at most high"),)


def gene_scale(cells: Reference, low: float, high: float) -> np.ndarray:
    """Return the divisor of one donor's counts for every gene; zeros if the donor gives none.

    The square root of the largest variance of a gene within a type, relative to that of the median gene, clipped
    at two quantiles. Where the upper quantile is 0 the original gets no number and leaves the donor out.

    Parameters
    ----------
    cells
        Of one donor.
    low, high
        Quantiles.
    """
    number = cells.cells_per_type()[:, None]
    several = number[:, 0] > 1
    if not several.any():
        return np.zeros(len(cells.genes))
    sums, squares = cells.sums()[several], cells.sums(power=2)[several]
    largest = ((squares - sums**2 / number[several]) / (number[several] - 1)).max(0)
    largest[largest < 1e-9 * np.maximum(squares.max(0), 1e-300)] = 0  # rounding of a variance of 0
    largest /= np.median(largest) or 1
    floor = max(largest[largest > 0].min(initial=np.inf), np.quantile(largest, low))
    return np.sqrt(np.minimum(np.maximum(largest, floor), np.quantile(largest, high)))


@register
class SCDC(MuSiC):
    """The design is the mean over donors of the scaled profiles; variance and size of cells are those of MuSiC."""

    name = "scdc"
    needs = Needs(cells=True, donors=2)
    layout = {
        "profile": "amount: types genes",
        "variance": "amount: types genes",
        "size": "amount: types",
        "scale?": "types genes",
    }
    recipes = {
        "default": Recipe(genes=Genes(rule="markers"), platform=2.0),
        "published": Recipe(original=True),
    }

    def learn(self, cells: Reference, genes: np.ndarray, recipe: Recipe) -> dict[str, np.ndarray]:
        """Return the scaled profiles, their variance, the size of a cell, and the scale if samples are to have it."""
        chosen = cells.select(genes=genes)
        plain = donor_profiles(chosen)
        variance = filled(plain.variance) + (recipe.platform * plain.mean) ** 2
        total, number, size = np.zeros_like(plain.mean), np.zeros(len(plain.mean)), np.zeros(len(plain.mean))
        logs = [np.zeros(0)]
        for own in chosen.by_donor():
            sums = own.sums()
            size += own.mrna_per_cell()
            scale = gene_scale(own, recipe.low, recipe.high)
            if scale.all():
                has = sums.any(1)
                scaled = sums[has] / scale
                total[has] += scaled / scaled.sum(1, keepdims=True) * own.profiles()[has].sum(1, keepdims=True)
                number += has
                logs.append(np.log(scale))
        if recipe.original:
            profile = np.where(number[:, None] > 0, total / np.maximum(number, 1)[:, None], plain.mean)
            return {"profile": profile, "variance": variance, "size": size / len(np.unique(chosen.donor_of))}
        scale = np.exp(np.mean(logs[1:], axis=0)) if len(logs) > 1 else np.ones(len(genes))
        learned = {"profile": plain.mean / scale, "variance": variance / scale**2, "size": plain.size}
        return learned | {"scale": np.tile(scale, (len(size), 1))}

    def solve(self, learned: dict[str, np.ndarray], sample: np.ndarray, recipe: Recipe) -> np.ndarray:
        """Return fractions of cells."""
        return super().solve(learned, sample / learned["scale"][0] if "scale" in learned else sample, recipe)
