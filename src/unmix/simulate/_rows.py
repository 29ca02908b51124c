"""The one inner loop that numpy cannot say: sums of sparse rows. Imported late (numba compiles on import)."""

from __future__ import annotations

import numba
import numpy as np  # noqa: TC002 - numba reads the annotations


@numba.njit(nogil=True)  # a cache is pickle in a folder that others may write to, and would save 0.2 s
def sum_rows(
    data: np.ndarray,
    indices: np.ndarray,
    indptr: np.ndarray,
    rows: np.ndarray,
    weights: np.ndarray,
    bounds: np.ndarray,
    out: np.ndarray,
) -> None:
    """Add rows of a CSR matrix: ``out[i] = sum(weights[j] * X[rows[j]] for j in bounds[i]:bounds[i+1])``."""
    for i in range(out.shape[0]):
        target = out[i]
        for j in range(bounds[i], bounds[i + 1]):
            row, weight = rows[j], weights[j]
            for place in range(indptr[row], indptr[row + 1]):
                target[indices[place]] += weight * data[place]
