"""How well a reference, at the estimated fractions, explains the markers of the cell types in a sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from unmix.evaluation.marker_signal import strongest
from unmix.io.units import per_million

if TYPE_CHECKING:
    import anndata as ad

    from unmix.contract.model import Model
    from unmix.io.fractions import Fractions

#: Added before logarithms are taken (per million over the markers), so that genes of few counts do not decide.
OFFSET = 50.0
#: Fewest markers; fewest samples by which platforms differ in a gene; lowest log2 ratio of a gene that is named.
LEAST, FEWEST, NAMED = 20, 5, 1.0
#: Genes that are named for a sample; samples whose markers are written one by one.
GENES, SHOWN = 5, 6


def fit(model: Model, bulk: ad.AnnData, fractions: Fractions) -> dict[str, pd.DataFrame]:
    """Return observed against fitted expression of the markers, per sample.

    Fitted is the sum of the reference's profiles, weighted by the fractions of mRNA. What a gene differs by in most
    samples alike (the platform) is taken out, if there are :data:`FEWEST` samples or more.

    Parameters
    ----------
    model
        Of any method; its reference gives profiles and markers.
    bulk
        Samples x genes, linear.
    fractions
        Of the model and the bulk.

    Returns
    -------
    dict
        ``fit``: by sample ``markers`` (their number), ``correlation`` (of log2 observed and fitted), ``error`` (median
        absolute log2 ratio), ``higher`` and ``lower`` (genes that are observed at least twice or at most half as high,
        the farthest first, separated by commas). ``fit_markers``: by sample, of the worst :data:`SHOWN`, ``gene
        cell_type observed fitted`` (per million over the markers). Empty where the fractions are not of mRNA, the
        reference has cell states, or there are fewer than :data:`LEAST` markers.
    """
    mrna = fractions.values if fractions.mrna is None and fractions.quantity == "mrna" else fractions.mrna
    if mrna is None or model.states:
        return {}
    genes = np.array(model.facts["reference_genes"], dtype=str)
    genes = genes[bulk.var_names.get_indexer(genes) >= 0]
    profiles = per_million(model.profiles(genes))
    types = np.arange(len(profiles))
    of_type = [strongest(profiles, types == k) for k in types] if len(types) > 1 else []
    places, first = np.unique(np.concatenate([*of_type, np.zeros(0, int)]).astype(int), return_index=True)
    if len(places) < LEAST:
        return {}
    owner = np.repeat(np.array(model.cell_types, dtype=object), [len(chosen) for chosen in of_type])[first]
    names, columns = genes[places], bulk.var_names.get_indexer(genes[places])
    observed = per_million(np.asarray(bulk.X[:, columns], dtype=np.float64))
    fitted = per_million(mrna[list(model.cell_types)].to_numpy(float) @ profiles[:, places])
    y, expected = np.log2(observed + OFFSET), np.log2(fitted + OFFSET)
    apart = y - expected
    apart -= np.median(apart, axis=1, keepdims=True)
    if len(apart) >= FEWEST:
        apart -= np.median(apart, axis=0)
    rows = pd.DataFrame(
        {
            "markers": len(places),
            "correlation": [_correlation(one, one + other) for one, other in zip(expected, apart, strict=True)],
            "error": np.median(np.abs(apart), axis=1),
            "higher": [_named(names, own) for own in apart],
            "lower": [_named(names, -own) for own in apart],
        },
        index=mrna.index,
    )
    worst = np.argsort(rows["correlation"].fillna(-2).to_numpy(), kind="stable")[:SHOWN]
    shown = [
        pd.DataFrame(
            {
                "gene": names,
                "cell_type": owner,
                "observed": 2 ** (expected[at] + apart[at]),
                "fitted": 2 ** expected[at],
            },
            index=[mrna.index[at]] * len(names),
        )
        for at in worst
    ]
    return {"fit": rows, "fit_markers": pd.concat(shown)}


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one, other)[0, 1]) if one.std() > 0 and other.std() > 0 else float("nan")


def _named(genes: np.ndarray, apart: np.ndarray) -> str:
    order = np.argsort(-apart, kind="stable")[:GENES]
    return ",".join(genes[order[apart[order] >= NAMED]])
