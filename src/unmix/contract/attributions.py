"""Attributions of a bulk to genes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from unmix.io.fractions import normalised

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unmix.contract.model import Model


@dataclass(frozen=True)
class Attributions:
    """Attributions of a bulk.

    Attributes
    ----------
    values
        Samples x types x genes of the model.
    estimate
        Samples x types, what is explained.
    baseline
        Types (or samples x types): the estimate from which the attributions lead to `estimate`.
    """

    values: np.ndarray
    estimate: np.ndarray
    baseline: np.ndarray

    def error(self) -> float:
        """Return the largest difference between summed attributions and estimate less baseline."""
        if self.values.size == 0:
            return 0.0
        return float(np.abs(self.values.sum(2) - (self.estimate - self.baseline)).max())


def stacked(parts: Sequence[Attributions]) -> Attributions:
    """Return the attributions of several groups of samples as one, in which every sample has its baseline."""
    values, estimate = (np.concatenate([getattr(part, name) for part in parts]) for name in ("values", "estimate"))
    baselines = [np.broadcast_to(part.baseline, part.estimate.shape) for part in parts]
    return Attributions(values, estimate, np.concatenate(baselines))


def explained(model: Model, estimate: np.ndarray, present: np.ndarray) -> Attributions:
    """Attribute to every gene its share of the expression that a type adds to the sample.

    Parameters
    ----------
    model
        Holds the reference's profiles.
    estimate
        Samples x types.
    present
        Mask of the model's genes that the bulk has.
    """
    profiles = profiles_of(model) * present
    shares = profiles / np.maximum(profiles.sum(1, keepdims=True), 1e-12)
    estimate = _fractions(model, estimate * (profiles.sum(1) > 0))
    return Attributions(estimate[:, :, None] * shares, estimate, np.zeros(estimate.shape[1]))


def profiles_of(model: Model) -> np.ndarray:
    """Return the mean profile of every type over the model's genes (types x genes, per million).

    That of the signature, where the model is one of a signature, which a user's file may have brought; else of the
    reference.
    """
    profiles = model.arrays["signature"] if "signature" in model.arrays else model.profiles(model.genes)
    return np.pad(profiles, [(0, len(model.cell_types) - len(profiles)), (0, 0)])  # a type "Other" has no profile


def _fractions(model: Model, estimate: np.ndarray) -> np.ndarray:
    """Return what predict gives: fractions, or scores as they are."""
    return estimate if model.quantity == "score" else normalised(estimate)
