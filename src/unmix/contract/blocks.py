"""Samples in blocks: many at once, and each with the same bytes alone and in company.

A product of matrices rounds differently for one row and for many, and for one thread and for several. So every block
has the same shape, the last one filled up with repeats of its last sample, and its products run on one thread. Within
a block of one shape, the place of a row does not change its bytes: in torch by MKL_CBWR, which the package sets, in
NumPy for double precision only.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from threadpoolctl import ThreadpoolController

#: Samples of a block: enough for products at full speed, few enough to stay near the processor.
SIZE = 64


def in_blocks(function: Callable[[np.ndarray], np.ndarray], samples: np.ndarray) -> np.ndarray:
    """Apply a function to blocks of samples, and return what it gives for every sample.

    Parameters
    ----------
    function
        Of a block (`SIZE` x genes, of the type and order that C has) to an array whose first axis is the samples. What
        it gives for a row may depend on that row only.
    samples
        Samples x genes; one or more.
    """
    parts = []
    for start in range(0, len(samples), SIZE):
        rows = np.minimum(np.arange(start, start + SIZE), len(samples) - 1)
        parts.append(function(np.ascontiguousarray(samples[rows]))[: len(samples) - start])
    return np.concatenate(parts)


def one_thread() -> AbstractContextManager:
    """Bound BLAS and LAPACK to one thread; several split a matrix, whose parts round differently."""
    return _libraries(len(sys.modules)).limit(limits=1, user_api="blas")


@lru_cache(maxsize=1)
def _libraries(_modules: int) -> ThreadpoolController:
    """Return the numerical libraries of this process.

    Finding them takes longer than the product of a block, so they are looked for only where a module has come in, which
    may have brought another one.
    """
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
