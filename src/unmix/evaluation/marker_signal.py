"""Expression of the markers of each cell type in each sample: a second look at the bulk, without a deconvolution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from unmix.contract.alignment import aligned
from unmix.io.levels import names_of
from unmix.io.matrices import row_blocks
from unmix.io.units import per_million
from unmix.reference import Reference

if TYPE_CHECKING:
    import anndata as ad

#: Markers of a type at most and at least, the lowest profile of one (per million), its lowest ratio to any other type.
MOST, LEAST, EXPRESSED, RATIO = 25, 3, 20.0, 3.0
#: Added before ratios are taken (per million), so that genes of few counts are no markers.
OFFSET = 5.0


def marker_signal(bulk: ad.AnnData, prepared: ad.AnnData) -> tuple[pd.DataFrame, dict[str, list[str]]]:
    """Return the signal of the markers of every cell type and group of types, and the markers.

    Markers are genes of the bulk whose profile in the type is at least :data:`RATIO` times that in any type outside
    it, the highest ratios first. The signal is their mean log2(x + 1), x per million over the genes that bulk and
    reference share.

    Parameters
    ----------
    bulk
        Samples x genes, linear (``bulk.h5ad``).
    prepared
        A prepared reference; its levels give the groups.

    Returns
    -------
    Table
        ``sample cell_type signal``; without types that have fewer than :data:`LEAST` markers.
    dict
        The markers of every type in it.
    """
    cells = Reference.from_anndata(prepared)
    shared = bulk.var_names.get_indexer(cells.genes) >= 0  # np.isin compares objects one by one
    cells = cells.select(genes=np.flatnonzero(shared))
    profiles = per_million(cells.profiles())
    chosen_of = {}
    for name, members in _sets(cells).items():
        if members.all():
            continue
        chosen = strongest(profiles, members)
        if len(chosen) >= LEAST:
            chosen_of[name] = chosen
    signal = np.empty((len(chosen_of), bulk.n_obs))
    for rows in row_blocks(bulk.X):
        logs = np.log2(per_million(aligned(bulk, cells.genes, rows)) + 1)
        for k, chosen in enumerate(chosen_of.values()):
            signal[k, rows] = logs[:, chosen].mean(1)
    long = {
        "sample": np.tile(bulk.obs_names, len(chosen_of)),
        "cell_type": np.repeat(np.array(list(chosen_of), dtype=object), bulk.n_obs),
        "signal": signal.ravel(),
    }
    markers = {name: [str(gene) for gene in cells.genes[chosen]] for name, chosen in chosen_of.items()}
    return pd.DataFrame(long), markers


def strongest(profiles: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Return the places of the markers of some types (mask) among others, the highest ratios first.

    `profiles` are types x genes, per million.
    """
    lowest = profiles[members].min(0)
    ratio = (lowest + OFFSET) / (profiles[~members].max(0) + OFFSET)
    usable = np.flatnonzero((lowest >= EXPRESSED) & (ratio >= RATIO))
    return usable[np.argsort(-ratio[usable], kind="stable")][:MOST]


def _sets(cells: Reference) -> dict[str, np.ndarray]:
    """Return a mask of the types for every type and every group of types of its levels."""
    names = np.array(cells.cell_types)
    sets = {str(name): names == name for name in names}
    for groups in cells.levels.groups:
        for group in names_of(groups, cells.cell_types):
            sets.setdefault(group, np.array([groups[name] == group for name in cells.cell_types]))
    return sets
