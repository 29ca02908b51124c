"""Reference for rare types, drawn from a zero-inflated negative binomial per type (Digitaldlsorter's idea)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from unmix.reference import Reference


def augmented(cells: Reference, wanted: int, rng: np.random.Generator) -> Reference:
    """Return the cells with types of fewer than `wanted` filled up; types of a single cell stay as they are.

    Moment fit per gene (our choice; the 2019 original fits ZINB-WaVE in R): mean and variance give the
    dispersion, zeros beyond those of the negative binomial give the inflation.
    """
    from scipy.sparse import csr_matrix, vstack

    blocks, origins = [cells.counts], [np.arange(len(cells.type_of))]
    for k in range(len(cells.cell_types)):
        members = np.flatnonzero(cells.type_of == k)
        missing = wanted - len(members)
        if missing <= 0 or len(members) < 2:
            continue
        dense = cells.counts[members].toarray()
        mean, variance = dense.mean(0), dense.var(0, ddof=1)
        theta = np.clip(mean**2 / np.maximum(variance - mean, 1e-8), 1e-2, 1e4)
        expected = (theta / (theta + mean)) ** theta
        inflation = np.clip(((dense == 0).mean(0) - expected) / np.maximum(1 - expected, 1e-8), 0, 0.95)
        rate = rng.gamma(theta, mean / ((1 - inflation) * theta), (missing, len(mean)))
        made = rng.poisson(rate) * (rng.random(rate.shape) >= inflation)
        blocks.append(csr_matrix(made, dtype=np.float32))
        origins.append(members[rng.integers(0, len(members), missing)])  # whose donor they get
    chosen, counts = cells.select(np.concatenate(origins)), vstack(blocks, format="csr")
    # Genes that are not looked at keep the counts that they have in the cell from which the new one has its donor
    unseen = chosen.total_counts - chosen.counts.sum(1, dtype=np.float64).A1
    return replace(chosen, counts=counts, total_counts=unseen + counts.sum(1, dtype=np.float64).A1)
