"""Weights of genes and levels of samples: what a regression on a signature compares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from unmix.classical.base import Classical

#: Added to a gene's mean before dividing by it, as a share of the mean over genes: spares genes of hardly any counts.
OFFSET = 0.05
#: Rounds in which the level of a capped sample settles; each takes away all but a share of what is too much.
ROUNDS = 100


def weighed(signature: np.ndarray, recipe: Classical) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Return a signature (types x genes) of mean 1 with weighed genes (genes x types), and what does so to samples."""
    scaled = signature / signature.mean()
    weights = weights_of(scaled, recipe)

    def weigh(samples: np.ndarray) -> np.ndarray:
        samples = capped(signature, samples, recipe.max_ratio)
        return samples / np.maximum(samples.mean(-1, keepdims=True), 1e-12) * weights

    return (scaled * weights).T, weigh


def capped(signature: np.ndarray, samples: np.ndarray, max_ratio: float) -> np.ndarray:
    """Return samples whose genes are at most `max_ratio` times their highest type (types x genes); 0: as they are.

    The level at which sample and signature are compared is that of the capped sample, found by iteration: the mean of
    the sample itself follows the very gene that is to be capped.

    Parameters
    ----------
    signature
        Types x genes.
    samples
        Genes last.
    max_ratio
        Largest ratio.
    """
    if not max_ratio:
        return samples
    highest, found = max_ratio * signature.max(0) / signature.mean(), samples
    settled = np.zeros((*samples.shape[:-1], 1), bool)
    for _ in range(ROUNDS):
        last = found
        found = np.where(settled, last, np.minimum(samples, highest * last.mean(-1, keepdims=True)))
        settled = settled | (np.abs(found - last) <= 1e-6 * last).all(-1, keepdims=True)
        if settled.all():
            break
    return found


def weights_of(signature: np.ndarray, recipe: Classical) -> np.ndarray:
    """Return the weights of the genes of a signature (types x genes) whose mean is 1."""
    if recipe.gene_weights == "none":
        return np.ones(signature.shape[1])
    return (signature.mean(0) + OFFSET) ** (-0.5 if recipe.gene_weights == "root" else -1)
