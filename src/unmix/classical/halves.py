"""Random halves of the genes, and the sums over them of which normal equations are made."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np

from unmix.classical.normal import BLOCK, products


@lru_cache(maxsize=1)
def random_halves(subsets: int, genes: int) -> np.ndarray:
    """Return random halves of the genes (subsets x genes, 0 or 1), the same for every sample.

    The original seeds them 1 to 100.
    """
    halves = (np.random.default_rng(0).random((subsets, genes)).argsort(1) < genes // 2).astype(float)
    halves.flags.writeable = False
    return halves


def capped_sums(
    caps: np.ndarray, weights: np.ndarray, halves: np.ndarray, columns: np.ndarray, room: np.ndarray
) -> np.ndarray:
    """Return the sums over the genes of a half of products of columns, weighted by weights of at most a cap.

    All caps share what is summed, since a cap parts the genes, ordered by weight, in two: those below it keep their
    weight, the others have that of the cap.

    Parameters
    ----------
    caps
        Ascending.
    weights
        Genes.
    halves
        Halves x genes, 0 or 1.
    columns
        Columns x genes: the types and the sample.
    room
        Of :func:`unmix.classical.normal.room_for`.

    Returns
    -------
    Caps x halves x pairs of columns (the upper triangle).
    """
    number = len(columns) * (len(columns) + 1) // 2
    below, above = (np.zeros((len(caps), len(halves), number)) for _ in range(2))
    reached = np.searchsorted(caps, weights, side="right")  # how many caps a weight has reached
    order = np.argsort(reached, kind="stable")
    for genes in np.array_split(order, -(-len(order) // BLOCK)):
        pairs, both = products(columns[:, genes], room), np.empty((2, len(halves), len(genes)))
        plain = np.take(halves, genes, axis=1, out=both[1], mode="clip")  # the default would make a copy first
        np.multiply(plain, np.minimum(weights[genes], caps[-1]), out=both[0])
        both = both.reshape(-1, len(genes))
        starts = np.flatnonzero(np.diff(reached[genes], prepend=-1))
        for start, end in pairwise([*starts, len(genes)]):
            count, sums = reached[genes[start]], both[:, start:end] @ pairs[:, start:end].T
            if count < len(caps):
                below[count] += sums[: len(halves)]
            if count > 0:
                above[count - 1] += sums[len(halves) :]
    for i in range(1, len(caps)):
        below[i] += below[i - 1]
        above[-i - 1] += above[-i]
    above *= caps[:, None, None]
    below += above
    return below
