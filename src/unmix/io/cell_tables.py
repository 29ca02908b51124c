"""Single cells in a table of text: counts with or without annotation, CIBERSORTx and Scaden files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from unmix.errors import DataError
from unmix.io import columns, gene_ids, tables, text

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from anndata import AnnData

#: The column of cell types that is made of a file which has no name for it.
LABELS = "cell_type"
_SCADEN = re.compile(r"(.*)_counts\.txt(\.gz)?")


def read(path: Path, messages: list[str], cells: Collection[str] = ()) -> AnnData:
    """Read a table of counts; which side holds the genes is recognised by their names, or by those of the cells.

    A header that repeats names of cell types (CIBERSORTx) and a ``*_celltypes.txt`` beside a ``*_counts.txt`` (Scaden)
    become ``obs["cell_type"]``.

    Parameters
    ----------
    path
        Cells x genes or genes x cells; columns of text, and of numbers by their names (nCount_RNA), annotate the cells.
    messages
        Takes a sentence for every form that was recognised.
    cells
        Names of the cells, where they are known.

    Returns
    -------
    AnnData
        cells x genes, CSR, float32.

    Raises
    ------
    DataError
        Missing values, no numbers, or as many labels as there are cells are not found.
    """
    import anndata

    table = tables.read_table(path)
    messages += table.attrs["messages"]
    words = np.array([not pd.api.types.is_numeric_dtype(dtype) for dtype in table.dtypes])
    numbers, obs = table.loc[:, ~words], table.loc[:, words]
    if numbers.shape[1] == 0:
        raise DataError(f"{path.name} holds no column of numbers.", "counts of cells x genes", "check the file")
    types = _repeated(list(numbers.columns.astype(str)))
    if types is not None:
        names = [f"cell_{number}" for number in range(1, len(types) + 1)]
        numbers, obs = numbers.set_axis(names, axis=1).T, pd.DataFrame({LABELS: types}, index=names)
        messages.append(
            f"{path.name} names its columns by {len(set(types))} cell types, as CIBERSORTx does; they are in "
            f"the column {LABELS!r}."
        )
    elif _genes_in_rows(numbers, cells):
        numbers, obs = numbers.T, pd.DataFrame(index=numbers.columns)
    elif (described := np.array([columns.describes_samples(name) for name in numbers.columns])).any():
        messages.append(
            f"Columns of numbers that describe the cells are no genes: {text.show(numbers.columns[described])}."
        )
        numbers, obs = numbers.loc[:, ~described], pd.concat([obs, numbers.loc[:, described]], axis=1)
    if numbers.isna().to_numpy().any():
        raise DataError(f"{path.name} has missing values.", "counts for every gene and cell", "write 0 where none")
    obs.index = obs.index.astype(str)
    if types is None and (labels := beside(path)) is not None:
        obs = obs.assign(**{LABELS: _scaden(labels, len(obs), path)})
        messages.append(f"The cell types of {labels.name} are in the column {LABELS!r}.")
    var = pd.DataFrame(index=numbers.columns.astype(str))
    return anndata.AnnData(sparse.csr_matrix(numbers.to_numpy(np.float32)), obs=obs, var=var)


def _genes_in_rows(numbers: pd.DataFrame, cells: Collection[str]) -> bool:
    """Return whether the rows are the genes: the columns have more names of cells, or else fewer names of genes."""
    rows, columns = (axis.astype(str) for axis in (numbers.index, numbers.columns))
    named = columns.isin(cells).sum(), rows.isin(cells).sum()
    if max(named):
        return named[0] > named[1]
    return gene_ids.likeness(list(numbers.index)) > gene_ids.likeness(list(numbers.columns))


def _repeated(header: list[str]) -> list[str] | None:
    """Return the cell type of every column where a header repeats few names, with or without R's .1, .2; else None."""
    stems = [re.sub(r"\.\d+$", "", name) for name in header]
    for names in (header, stems):
        if 1 < len(set(names)) <= len(names) / 2 and set(names) <= set(header):
            return names
    return None


def beside(path: Path) -> Path | None:
    """Return the labels beside a table of counts as Scaden writes them, where there are any."""
    match = _SCADEN.fullmatch(path.name)
    names = [f"{match[1]}_celltypes.txt{end}" for end in ("", ".gz")] if match else []
    return next((path.with_name(name) for name in names if path.with_name(name).exists()), None)


def _scaden(path: Path, cells: int, counts: Path) -> list[str]:
    """Return the labels of Scaden's ``*_celltypes.txt``: a header with ``Celltype``, one line per cell, in order."""
    rows = [[cell.strip().strip('"') for cell in line.split("\t")] for line in text.lines(path, [])]
    at = next((i for i, name in enumerate(rows[0]) if name.lower().replace("_", "") == "celltype"), None)
    if at is None or len(rows) - 1 != cells:
        raise DataError(
            f"{path.name} holds {len(rows) - 1:,} labels below {'/'.join(rows[0])!r}, {counts.name} {cells:,} cells.",
            "a header with Celltype, and one line per cell, in the order of the cells",
            "make both files of the same cells",
        )
    return [row[at - len(rows[0])] for row in rows[1:]]  # R's row names have no header
