"""Output layers: what makes fractions of the scores of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def fractions(scores: torch.Tensor, layer: str) -> torch.Tensor:
    """Return non-negative rows that sum to 1, one for each sample (... x types).

    Parameters
    ----------
    scores
        Of the last layer, ... x types.
    layer
        As in :class:`unmix.deep.recipe.Dense`. With ``relu_sum``, a row without anything positive stays 0.
    """
    if layer == "softmax":
        return scores.softmax(-1)
    positive = scores.relu() if layer == "relu_sum" else scores.sigmoid()
    return positive / positive.sum(-1, keepdim=True).clamp(min=1e-12)
