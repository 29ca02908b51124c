"""Compare estimates with known fractions, of files or in memory: for the step evaluate and for Python."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unmix.contract.method import silent
from unmix.evaluation import pairing
from unmix.io import tables
from unmix.io.fractions import Fractions, read_fractions
from unmix.io.in_memory import as_file
from unmix.io.long_tables import read_intervals
from unmix.io.truth import read_truth

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

    from unmix.io.in_memory import Data


def evaluate(
    fractions: Fractions | Data,
    truth: Data,
    *,
    seed: int = 0,
    **options: Any,
) -> pd.DataFrame:
    """Measure the agreement of estimated with known fractions.

    Parameters
    ----------
    fractions
        Of :func:`unmix.predict` (whose intervals are measured too), samples x cell types, or the path of such a table.
    truth
        Samples x cell types, the path of such a table, or pseudobulk of :func:`unmix.pseudobulk`.
    seed
        Of the bootstrap over samples.
    options
        As for :func:`paired`.

    Returns
    -------
    pandas.DataFrame
        As ``metrics.tsv``: a row per metric, for every cell type and over all; ``attrs["notes"]`` says in sentences
        what was compared.

    Raises
    ------
    DataError
        If the tables share no samples, or fewer than two cell types.

    Examples
    --------
    >>> import unmix
    >>> reference, bulk = unmix.toy()
    >>> fractions = unmix.predict(unmix.train("nnls", reference), bulk, mrna_per_cell="reference")
    >>> metrics = unmix.evaluate(fractions, bulk)
    >>> metrics.query("level == 'mean_type' and metric == 'pearson'")["value"].item() > 0.9
    True
    """
    compared = paired(fractions, truth, **options)
    table = compared.metrics(np.random.default_rng(seed))
    table.attrs["notes"] = compared.notes
    return table


def paired(
    fractions: Fractions | Data,
    truth: Data,
    *,
    long: Path | None = None,
    label_map: Mapping[str, str] | Path | str | None = None,
    quantity: str | None = None,
    renormalise: bool = True,
    say: Callable[[str], None] = silent,
) -> pairing.Pairs:
    """Bring estimates and known fractions to the same samples, cell types and scale (see :func:`pairing.pair`).

    Parameters
    ----------
    fractions, truth
        As for :func:`evaluate`.
    long
        ``fractions_long.tsv`` of the same estimates, where `fractions` is a path.
    label_map
        Name of an estimated cell type to its name among the known, or a table of them (columns from, to).
    quantity
        Which known fractions of pseudobulk to compare with, ``cell`` or ``mrna``; by default the estimated ones.
    renormalise
        Scale both to sum 1 over the shared types.
    say
        Takes sentences for the record.
    """
    intervals = read_intervals(long) if long else None
    if isinstance(fractions, Fractions):
        estimate, found, intervals = fractions.values, fractions.quantity, fractions.long()
    else:
        with as_file(fractions, "fractions in memory") as path:
            estimate, found = read_fractions(path)
    with as_file(truth, "known fractions in memory") as path:
        known = read_truth(path, quantity or ("mrna" if found == "mrna" else "cell"))
        stated = tables.is_h5ad(path)  # pseudobulk says of what its fractions are
    for message in [*estimate.attrs.get("messages", []), *known.attrs.get("messages", [])]:
        say(message)
    if isinstance(label_map, (str, Path)):
        label_map = tables.read_label_map(label_map)
    compared = pairing.pair(
        estimate, known, quantity=found, long=intervals, label_map=label_map, renormalise=renormalise
    )
    if found == "mrna" and quantity is None and not stated:
        compared.notes.insert(0, pairing.MRNA_AND_CELLS)
    for note in compared.notes:
        say(note)
    return compared
