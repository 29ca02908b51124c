"""Sums of cells: a product of the numbers in which samples hold the cells, and the counts of these.

Both are sparse. A product of dense matrices takes more operations, each so much cheaper that it is faster unless
samples hold few of the cells. Sums of whole counts below 2**24 are exact in single precision, in whatever order they
are added.
"""

from __future__ import annotations

from functools import cache, cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix
    from threadpoolctl import ThreadpoolController

#: Values that a dense matrix may have (256 MB).
VALUES = 2**26
#: Operations of the dense product that take as long as one of the sparse product: 100 to 200 with AVX-512.
RATIO = 100


class CellSums:
    """Sums cells of one matrix of counts.

    Attributes
    ----------
    counts
        CSR, cells x genes, float32.
    """

    def __init__(self, counts: csr_matrix) -> None:
        self.counts = counts

    @cached_property
    def _dense(self) -> np.ndarray:
        return self.counts.toarray()

    def of(self, rows: np.ndarray, weights: np.ndarray, owner: np.ndarray, number: int) -> np.ndarray:
        """Sum cells into pseudobulk.

        Parameters
        ----------
        rows, weights, owner
            Drawn cells, the weight of each, and the sample it belongs to.
        number
            Number of samples.

        Returns
        -------
        samples x genes, float32.
        """
        cells, genes = self.counts.shape
        added = np.diff(self.counts.indptr)[rows].sum(dtype=np.int64)
        if cells * max(genes, number) <= VALUES and number * cells * genes <= RATIO * added:
            held = np.bincount(owner * cells + rows, weights, number * cells).reshape(number, cells)
            with _libraries().limit(limits=1, user_api="blas"):  # several threads may round differently
                return held.astype(np.float32) @ self._dense
        from scipy.sparse import csr_matrix

        held = csr_matrix((weights.astype(np.float32), (owner, rows)), (number, cells))
        return (held @ self.counts).toarray()


@cache
def _libraries() -> ThreadpoolController:
    """Return the numerical libraries of the process: finding them takes as long as a small product."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
