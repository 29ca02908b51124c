"""Sums of cells: the inner loop of the simulation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


def sum_cells(counts: csr_matrix, rows: np.ndarray, weights: np.ndarray, owner: np.ndarray, number: int) -> np.ndarray:
    """Sum cells into pseudobulk.

    Parameters
    ----------
    counts
        CSR, cells x genes, float32.
    rows, weights, owner
        Drawn cells, the weight of each, and the sample it belongs to (sorted).
    number
        Number of samples.

    Returns
    -------
    samples x genes, float32.
    """
    from unmix.simulate._rows import sum_rows

    bounds = np.searchsorted(owner, np.arange(number + 1))
    out = np.zeros((number, counts.shape[1]), dtype=np.float32)
    # Reading the cells is what takes time: half the bytes of an index save a quarter of it
    indices = counts.indices.astype(np.uint16) if counts.shape[1] <= 2**16 else counts.indices
    sum_rows(counts.data, indices, counts.indptr, rows, weights.astype(np.float32), bounds, out)
    return out


def once(rows: np.ndarray, weights: np.ndarray, owner: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return every row of a sample once, with the sum of its weights: profiles are few, and long."""
    pairs, place = np.unique(np.stack([owner, rows]), axis=1, return_inverse=True)
    return pairs[1], np.bincount(place.ravel(), weights), pairs[0]
