"""MCP-counter: the mean of a population's markers on the log scale (Becht et al. 2016).

Written from the paper; the mean is of log2(counts per million + 1), so that depth does not matter, where the original
takes whatever scale it is given. The published markers (CC0) come with `--weights`; without them the markers are those
of the reference's types, as many for each.
"""

from __future__ import annotations

import numpy as np

from unmix.classical.scores import Recipe as Base
from unmix.classical.scores import ScoreMethod
from unmix.contract.method import Info
from unmix.methods import register
from unmix.settings import Positive


class Recipe(Base):
    """Recipe of MCP-counter."""

    pseudocount: Positive = 1.0
    """Added to counts per million before the logarithm (our choice)."""


@register
class MCPcounter(ScoreMethod):
    """score = mean over the markers of log2 expression; compare it between samples, never between populations."""

    name = "mcpcounter"
    info = Info(
        title="MCP-counter",
        family="classical",
        summary="Mean log expression of each type's markers: a score to compare between samples, not a fraction.",
        citation="Becht E et al. Estimating the population abundance of tissue-infiltrating immune and stromal cell "
        "populations using gene expression. Genome Biology 17, 218 (2016).",
        doi="10.1186/s13059-016-1070-5",
        year=2016,
        licence="GPL-3 (code), CC0 (markers)",
        original="The formula is the original's one line; the original itself was not run.",
        chosen="log2(counts per million + 1) of every sample, where the original takes the scale it is given; "
        "10 markers per type by dtangle's ratio where no published markers are given.",
    )
    recipes = {"default": Recipe()}

    def score(self, sample: np.ndarray, member: np.ndarray, recipe: Recipe) -> np.ndarray:
        """Return the mean of each set."""
        logs = np.log2(1e6 * sample / sample.sum() + recipe.pseudocount)
        return member @ logs / member.sum(1)
