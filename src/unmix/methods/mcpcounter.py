"""MCP-counter: the mean of a population's markers on the log scale (Becht et al. 2016).

    score = mean over markers of log2(counts per million + 1)

`--gene-sets` takes the published markers; without them the markers are those of the reference's types.
"""

from __future__ import annotations

import numpy as np

from unmix.classical.scores import Recipe as Base
from unmix.classical.scores import ScoreMethod
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
    recipes = {"default": Recipe()}

    def score(self, sample: np.ndarray, member: np.ndarray, recipe: Recipe) -> np.ndarray:
        """Return the mean of each set."""
        logs = np.log2(1e6 * sample / sample.sum() + recipe.pseudocount)
        return member @ logs / member.sum(1)
