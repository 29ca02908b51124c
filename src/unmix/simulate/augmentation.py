"""Reference for rare types, drawn from a zero-inflated negative binomial per type (Digitaldlsorter's idea)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from unmix.reference import Reference

#: Range of the dispersion: from negligible overdispersion to one at which hardly any cell has a count.
_LEAST, _MOST = 1e-6, 1e6
#: Inflations tried for each gene.
_TRIED = 51


def augmented(cells: Reference, wanted: int, rng: np.random.Generator) -> Reference:
    """Return the cells with types of fewer than `wanted` filled up; types of a single cell stay as they are.

    Moment fit per gene (see :func:`fitted`; our choice: the 2019 original fits ZINB-WaVE in R).
    """
    from scipy.sparse import csr_matrix, vstack

    blocks, origins = [cells.counts], [np.arange(len(cells.type_of))]
    for k in range(len(cells.cell_types)):
        members = np.flatnonzero(cells.type_of == k)
        missing = wanted - len(members)
        if missing <= 0 or len(members) < 2:
            continue
        dense = cells.counts[members].toarray()
        mean, theta, inflation = fitted(dense)
        rate = rng.gamma(theta, mean / ((1 - inflation) * theta), (missing, len(mean)))
        made = rng.poisson(rate) * (rng.random(rate.shape) >= inflation)
        blocks.append(csr_matrix(made, dtype=np.float32))
        origins.append(members[rng.integers(0, len(members), missing)])  # whose donor they get
    chosen, counts = cells.select(np.concatenate(origins)), vstack(blocks, format="csr")
    # Genes that are not looked at keep the counts that they have in the cell from which the new one has its donor
    unseen = chosen.total_counts - chosen.counts.sum(1, dtype=np.float64).A1
    return replace(chosen, counts=counts, total_counts=unseen + counts.sum(1, dtype=np.float64).A1)


def fitted(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean, dispersion and inflation of each gene, whose distribution has the cells' mean and variance.

    A negative binomial of mean m / (1 - i) and dispersion t, set to zero with probability i, has the variance
    m + m^2 / (1 - i) (i + 1 / t). Of all pairs of i and t that give the cells' variance, the one whose share of zeros
    is nearest to theirs is taken. A variance below the mean becomes the mean, that of a Poisson distribution.

    Parameters
    ----------
    counts
        Cells x genes, two cells or more.
    """
    mean = counts.mean(0, dtype=np.float64)
    excess = np.maximum(counts.var(0, ddof=1, dtype=np.float64) - mean, 0)
    square = np.maximum(mean**2, 1e-300)
    inflation = np.linspace(0, 1, _TRIED)[:, None] * excess / (excess + square)  # as far as the variance leaves room
    theta = 1 / np.clip(excess * (1 - inflation) / square - inflation, 1 / _MOST, 1 / _LEAST)
    zeros = inflation + (1 - inflation) * np.exp(-theta * np.log1p(mean / ((1 - inflation) * theta)))
    best = np.abs(zeros - (counts == 0).mean(0)).argmin(0), np.arange(len(mean))
    return mean, theta[best], inflation[best]
