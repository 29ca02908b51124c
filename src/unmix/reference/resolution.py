"""Which cell types a reference can tell apart in level: by the markers that other donors or cells of it confirm.

A bulk tells the level of a type from that of another only by genes that one of them expresses far more, in both
directions. Errors of leave-one-donor-out do not show where these are too few: cells of one laboratory agree on many
small differences that the next laboratory does not have. CD4 and CD8 T cells are told apart well within every
reference, and their levels are wrong in real blood (docs/resolution.md). So markers are counted and not errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.reference.technical import NOT_OF_THE_CELL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import anndata as ad
    from scipy.sparse import csr_matrix

#: Two types are told apart in level if each has so many markers against the other: as many as the smallest set of
#: markers of a fit, or this share of the genes of a small panel.
MARKERS, SHARE = 20, 0.01
#: A marker is expressed above this (per million) and so many times higher in the one type, in both halves of the cells.
EXPRESSED, FOLD = 50.0, 4.0
#: Counts per million added before ratios.
OFFSET = 10.0


def markers(reference: ad.AnnData, cell_types: Sequence[str]) -> np.ndarray:
    """Return the number of markers of each type (rows) against each other type (columns).

    Parameters
    ----------
    reference
        Cells x genes, with ``cell_type`` and ``donor``; technical genes are no markers.
    cell_types
        Names of the types.

    Notes
    -----
    The cells of a type are halved by donor. Those of one donor are halved in their order in the file, which often is
    that of samples or plates. A single cell (a profile) is in both halves.
    """
    technical = reference.var.get("technical")
    group = np.full(reference.n_vars, "") if technical is None else technical.astype(str).to_numpy()
    halves = []
    for cells in _halves(reference, cell_types):
        sums = cells @ reference.X
        sums = np.asarray(sums.todense() if hasattr(sums, "todense") else sums, dtype=np.float64)
        whole = sums[:, ~np.isin(group, NOT_OF_THE_CELL)].sum(1, keepdims=True)
        if reference.uns.get("unmix", {}).get("kind") == "profiles":  # per million, of a part of the transcriptome
            whole = 1e6 * np.asarray(cells.sum(1), dtype=np.float64)
        halves.append(np.log(1e6 * sums[:, group == ""] / np.where(whole > 0, whole, 1) + OFFSET))
    mean = np.log(EXPRESSED + OFFSET)
    found = np.zeros((len(cell_types),) * 2, int)
    for k in range(len(cell_types)):
        expressed = (halves[0][k] + halves[1][k]) / 2 > mean
        higher = [half[k, expressed] - half[:, expressed] > np.log(FOLD) for half in halves]
        found[k] = (higher[0] & higher[1]).sum(1)
    return found


def needed(genes: int) -> int:
    """Return the number of markers that a type needs against another, in a reference of so many genes."""
    return min(MARKERS, max(1, round(SHARE * genes)))


def clusters(fewest: np.ndarray, limit: int, within: Iterable[Iterable[int]]) -> list[list[int]]:
    """Return sets of types, no two of which are told apart (complete linkage), of two or more.

    Parameters
    ----------
    fewest
        Types x types: the markers of that one of the two which has fewer.
    limit
        Of :func:`needed`.
    within
        Sets of types (indices). Types of the first are joined first, where they are alike; then those of the next.
    """
    found = [[k] for k in range(len(fewest))]
    for held in map(set, within):
        while True:
            own = [i for i, one in enumerate(found) if set(one) <= held]
            pairs = [(fewest[np.ix_(found[i], found[j])].max(), i, j) for n, i in enumerate(own) for j in own[n + 1 :]]
            distance, i, j = min(pairs, default=(limit, 0, 0))
            if distance >= limit:
                break
            found[i] = sorted(found[i] + found[j])
            del found[j]
    return [one for one in found if len(one) > 1]


def _halves(reference: ad.AnnData, cell_types: Sequence[str]) -> list[csr_matrix]:
    """Return two matrices (types x cells) that add up the cells of each half of every type."""
    from scipy.sparse import csr_matrix

    label, donor = (reference.obs[key].astype(str).to_numpy() for key in ("cell_type", "donor"))
    rows, cells, half = [], [], []
    for k, name in enumerate(cell_types):
        own = np.flatnonzero(label == name)
        donors, code = np.unique(donor[own], return_inverse=True)
        side = code % 2 if len(donors) > 1 else 2 * np.arange(len(own)) // max(len(own), 1)
        rows.append(np.full(len(own), k))
        cells.append(own)
        half.append(side if len(own) > 1 else np.full(len(own), -1))
    rows, cells, half = (np.concatenate(part) for part in (rows, cells, half))
    shape = (len(cell_types), len(label))
    made = []
    for side in (0, 1):
        kept = (half == side) | (half == -1)
        made.append(csr_matrix((np.ones(kept.sum(), np.float32), (rows[kept], cells[kept])), shape))
    return made
