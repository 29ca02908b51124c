"""Losses that several methods may share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def kullback_leibler(scores: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Return the Kullback-Leibler divergence of fractions (batch x types) from scores (members x batch x types)."""
    known = truth.clamp(min=1e-7)
    return (known * (known.log() - scores.log_softmax(-1))).sum(-1).mean(-1).sum()
