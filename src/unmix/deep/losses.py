"""Losses that several methods may share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unmix.deep.output import fractions

if TYPE_CHECKING:
    import torch


def kullback_leibler(scores: torch.Tensor, truth: torch.Tensor, layer: str) -> torch.Tensor:
    """Return the Kullback-Leibler divergence of fractions (batch x types) from scores (members x batch x types).

    `layer` is the output layer (:func:`unmix.deep.output.fractions`).
    """
    known = truth.clamp(min=1e-7)
    logs = scores.log_softmax(-1) if layer == "softmax" else fractions(scores, layer).clamp(min=1e-7).log()
    return (known * (known.log() - logs)).sum(-1).mean(-1).sum()
