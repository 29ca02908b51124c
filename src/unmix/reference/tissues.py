"""Read bulk samples of pure tissues as the profiles that a reference of the kind ``tissue`` holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scipy import sparse

from unmix.io import tables
from unmix.io.check import read_bulk
from unmix.reference.label_tables import annotate
from unmix.reference.single_cells import Matrix, SingleCells, read_cells

if TYPE_CHECKING:
    import pandas as pd


def read_tissues(path: Path | str, key: str, labels: Path | str | None, unit: str, messages: list[str]) -> SingleCells:
    """Read samples as bulk is read: orientation, names of genes, unit and logarithms are recognised.

    Parameters
    ----------
    path
        An h5ad, or a table of genes x samples.
    key
        The annotation that holds the tissues.
    labels
        A table whose first column holds the samples' names and the others annotate them. Without it the annotation is
        that of the h5ad; samples of a table are then tissues by their own names.
    unit
        One of :data:`unmix.io.units.UNITS`.
    messages
        Takes what was found, as sentences.

    Raises
    ------
    DataError
        The file cannot be used as bulk, or `labels` names none of its samples.
    """
    path = Path(path)
    bulk = read_bulk(path, unit)
    messages += [f"{path.name}: {sentence}" for sentence in bulk.uns["unmix"]["messages"]]
    matrices = [Matrix("X", sparse.csr_matrix(bulk.X), bulk.var)]
    samples = SingleCells(path.name, bulk.obs_names, [key], lambda _: bulk.obs_names, matrices)
    if tables.is_h5ad(path):
        found = read_cells(path, labels)
    elif labels is not None:
        found = annotate(samples, tables.read_table(labels), Path(labels).name)
    else:
        messages.append(f"{path.name} has no labels (--cells): every sample is a tissue by its own name.")
        return samples

    def column(key: str) -> pd.Series:
        return found.column(key).reindex(bulk.obs_names)

    return SingleCells(path.name, bulk.obs_names, found.keys, column, matrices)
