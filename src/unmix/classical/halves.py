"""Random halves of the genes, and the sums over them of which normal equations are made."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

#: Genes of which the products of columns are held at a time.
BLOCK = 1024


@lru_cache(maxsize=1)
def random_halves(subsets: int, genes: int) -> np.ndarray:
    """Return random halves of the genes (subsets x genes, 0 or 1), the same for every sample.

    The original seeds them 1 to 100.
    """
    halves = (np.random.default_rng(0).random((subsets, genes)).argsort(1) < genes // 2).astype(float)
    halves.flags.writeable = False
    return halves


def parted_sums(
    caps: np.ndarray, weights: np.ndarray, halves: np.ndarray, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the sums over the genes of a half of products of columns: weighted below a cap, and plain from it on.

    Parameters
    ----------
    caps
        Ascending.
    weights
        Genes.
    halves
        Halves x genes, 0 or 1.
    columns
        Genes x columns: the types and the sample.

    Returns
    -------
    Two arrays of caps x halves x pairs of columns (the upper triangle).
    """
    one, other = np.triu_indices(columns.shape[1])
    below, above = np.zeros((2, len(caps), len(halves), len(one)))
    reached = np.searchsorted(caps, weights, side="right")  # how many caps a weight has reached
    for count in np.unique(reached):
        genes = np.flatnonzero(reached == count)
        for block in np.array_split(genes, -(-len(genes) // BLOCK)):
            products = columns[block][:, one] * columns[block][:, other]
            if count < len(caps):
                below[count] += (halves[:, block] * weights[block]) @ products
            if count > 0:
                above[count - 1] += halves[:, block] @ products
    for i in range(1, len(caps)):
        below[i] += below[i - 1]
        above[-i - 1] += above[-i]
    return below, above
