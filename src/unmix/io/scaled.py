"""Values that were scaled, and from which no unit is read: standardised ones, and square roots."""

from __future__ import annotations

import numpy as np

from unmix.errors import DataError
from unmix.io import matrices

#: Values that are looked at for whole squares.
SOME = 1_000_000


def refuse(values: np.ndarray, known: np.ndarray) -> None:
    """Refuse values that were standardised by gene or by sample.

    Parameters
    ----------
    values, known
        Samples x genes (NaN where missing), and what of it is known.

    Raises
    ------
    DataError
        They were.
    """
    if known.min() >= 0:
        return
    do = "give counts, TPM or their logarithm, as they were before scaling"
    if len(values) > 2:
        with np.errstate(invalid="ignore"):
            centred = np.abs(np.nanmean(values[:, np.isfinite(values).any(axis=0)], axis=0)) < 0.01
        if centred.mean() > 0.9:
            raise DataError("Every gene has a mean of zero: standardised (z-scored) values.", "expression", do)
    if known.size > 100:
        some = values[np.isfinite(values).any(axis=1)]
        means = np.abs(np.nanmean(some, axis=1)) < 0.001
        if means.all() and np.allclose(np.nanstd(some, axis=1), 1, atol=0.01):
            raise DataError("Every sample is standardised (mean 0, sd 1).", "expression", do)


def refuse_roots(values: np.ndarray, known: np.ndarray) -> None:
    """Refuse square roots: their squares are whole numbers, or sum to a million in every sample; they are neither.

    Parameters as for :func:`refuse`.

    Raises
    ------
    DataError
        They are.
    """
    some = known[:SOME]
    some = some[(some > 0) & (some < 50)]  # below 50, a square tells four digits
    squares = some**2
    of_counts = np.abs(squares - np.round(squares)) < 0.01, np.abs(some - np.round(some)) < 0.01
    blocks = (np.nansum(np.square(values[rows]), axis=1) for rows in matrices.row_blocks(values))
    million = len(values) > 1 and all(np.allclose(sums[sums > 0], 1e6, rtol=1e-3, atol=0) for sums in blocks)
    if some.size > 100 and (million or (of_counts[0].mean() > 0.99 and of_counts[1].mean() < 0.9)):
        raise DataError(
            f"The squares of the values {'sum to a million' if million else 'are whole numbers'}: square roots of "
            f"{'TPM' if million else 'counts'}.",
            "expression",
            "square the values, or give the counts or TPM as they were",
        )
