"""The profile of every type in every sample, given the fractions: the closed form that deep methods start from."""

from __future__ import annotations

import numpy as np

from unmix.io.units import per_million

#: Variances (natural log) of what all types of a sample share (donor, platform), of what a type has of its own, and of
#: the measurement (ours; least error of `attributed` on pseudobulk of held-out donors with and without platform noise).
SHARED, OWN, NOISE = 1.0, 1.0, 0.25
#: Per million, added before logarithms are taken.
OFFSET = 50.0


def attributed(fractions: np.ndarray, cells: np.ndarray, expression: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Return the reference's profiles, changed so that the fractions of a sample rebuild it better.

    The logarithm of a gene in a type may be off by a part that all types of the sample share and by one of its own,
    both normal; the sample gives their sum over types, with noise. This is their most likely value to first order.

    Parameters
    ----------
    fractions
        Samples x types, of cells.
    cells
        Types x genes: the mean cell of each type, linear.
    expression
        Samples x genes, linear.
    present
        Mask of the genes that the samples have; the others keep the reference's profile.

    Returns
    -------
    Samples x types x genes, per million.
    """
    profiles = []
    for share, sample in zip(fractions, expression, strict=True):
        parts = share[:, None] * cells
        parts *= 1e6 / max(parts[:, present].sum(), 1e-12)
        rebuilt = parts.sum(0)
        found = sample * (1e6 / max(sample[present].sum(), 1e-12))
        weights = parts / (rebuilt + OFFSET)
        residual = np.where(present & bool(sample.any()), np.log((found + OFFSET) / (rebuilt + OFFSET)), 0)
        change = (SHARED + OWN * weights) * residual / (SHARED + OWN * (weights**2).sum(0) + NOISE)
        profiles.append(per_million(cells * np.exp(change)))
    return np.stack(profiles)
