"""A bulk over the genes of a model or a reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import anndata as ad

    from unmix.contract.model import Model


def aligned(bulk: ad.AnnData | None, genes: np.ndarray, rows: slice = slice(None)) -> np.ndarray | None:
    """Return samples (those of `rows`) x `genes`, NaN where the bulk lacks a gene.

    An AnnData of some rows would hold the whole one in a circle, which Python finds late.
    """
    if bulk is None:
        return None
    places = bulk.var_names.get_indexer(genes)
    values = np.take(np.asarray(bulk.X[rows], dtype=np.float64), places, axis=1)
    values[:, places < 0] = np.nan
    return values


def per_base(model: Model, counts: np.ndarray) -> np.ndarray:
    """Return counts (samples x genes of the model) divided by the genes' lengths, where the model knows these."""
    return counts / model.arrays["lengths"] if "lengths" in model.arrays else counts
