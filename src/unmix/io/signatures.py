"""Published signatures and gene sets in a user's files, each file recognised by its content.

unmix contains none of them: most may not be passed on. docs/signatures.md says where each comes from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unmix.errors import DataError, NotApplicable, UsageError
from unmix.io import tables, text

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

#: How published tables head the column of genes and the column of sets, in order of preference.
GENE_COLUMNS = ("gene", "GeneSymbol", "HUGO symbols", "symbol")
SET_COLUMNS = ("gene_set", "signature", "set", "Cell population", "cell_type")
#: Columns of xCell's fitted curves: raw score to fraction, of each type.
CURVES = ["V1", "V2", "V3"]


@dataclass
class Published:
    """What the files of one method hold; None or empty where none of them does.

    Attributes
    ----------
    signature
        Genes x types, linear.
    variance
        Genes x types: a second table of the signature's types (EPIC).
    sets
        Genes of each set, by its name.
    genes
        A plain list of genes; the method says what it is for.
    size
        mRNA content of a cell of each type, relative.
    curves
        Types x V1, V2, V3 (xCell).
    spillover
        Types x types (xCell).
    """

    signature: pd.DataFrame | None = None
    variance: pd.DataFrame | None = None
    sets: dict[str, list[str]] = field(default_factory=dict)
    genes: list[str] = field(default_factory=list)
    size: pd.Series | None = None
    curves: pd.DataFrame | None = None
    spillover: pd.DataFrame | None = None


def read(paths: Iterable[Path]) -> Published:
    """Read the files of a published method.

    Parameters
    ----------
    paths
        ``.gmt``: gene sets. TSV or CSV, plain or gzip: genes x types (a signature); type and one number (mRNA of a
        cell); a column of sets and one of genes (gene sets); a column of genes (a list); xCell's two tables. A second
        table of the signature's types holds its variances.

    Raises
    ------
    DataError
        A file that is none of these, holds no number where one must be, or a negative one.
    """
    found = Published()
    for path in map(Path, paths):
        _add(found, path)
    return found


def signature_of(paths: Iterable[Path], fractions: str) -> Published:
    """Read files that must hold a signature, and sizes too where fractions of another kind are asked for.

    Raises
    ------
    NotApplicable
        Without a signature.
    UsageError
        If `fractions` asks for a conversion and the sizes of some types are not known.
    """
    found = read(paths)
    if found.signature is None:
        raise NotApplicable(
            "no file of --signature holds a signature",
            "a table of genes x cell types, linear",
            "give the signature as TSV, or no file to build one from the reference (in a samplesheet: METHOD=FILE in "
            "the column signature)",
        )
    if found.size is not None:
        found.size = found.size.reindex(found.signature.columns)
    unknown = found.signature.columns if found.size is None else found.size.index[found.size.isna()]
    if fractions != "own" and len(unknown):
        raise UsageError(
            f"fractions={fractions}, but how much mRNA a cell of {unknown[0]!r} has is not known",
            "a second file: cell type and mRNA content",
            "add --signature SIZES, or take fractions=own",
        )
    return found


def _add(found: Published, path: Path) -> None:
    """Put what a file holds into its place."""
    lines = text.lines(path, [])
    rows = [line.split("\t") for line in lines]
    widths = {len(row) for row in rows}
    if path.name.removesuffix(".gz").endswith(".gmt") or (len(widths) > 2 and min(widths) > 2):  # ragged: no table
        found.sets |= {row[0]: [gene for gene in row[2:] if gene] for row in rows}
        return
    if not any(separator in lines[-1] for separator in "\t,;"):
        found.genes += [line.strip().strip('"') for line in lines if line.strip().strip('"') not in GENE_COLUMNS]
        return
    table = tables.read_table(path)
    columns = {str(table.index.name): table.index.astype(str)} | {name: table[name].astype(str) for name in table}
    genes = next((columns[name] for name in GENE_COLUMNS if name in columns), None)
    sets = next((columns[name] for name in SET_COLUMNS if name in columns), None)
    words = [name for name in table if table[name].dtype == object]
    if words and genes is not None and sets is not None:
        for name, gene in zip(sets, genes, strict=True):
            found.sets.setdefault(name, []).append(gene)
    elif words and genes is not None:
        found.genes += list(genes)
    elif words:
        raise DataError(
            f"{path.name}: column {words[0]!r} holds text, and no column of genes is named",
            f"a signature (genes x types, numbers), or gene sets: columns {SET_COLUMNS[0]}, {GENE_COLUMNS[0]}, or GMT",
            "rename the columns, or save the sets as GMT",
        )
    elif list(table) == CURVES:
        found.curves = _numbers(table, path)
    elif len(table) == table.shape[1] and set(table.index) == set(table):
        found.spillover = _numbers(table, path).loc[:, list(table.index)]
    elif table.shape[1] == 1:
        found.size = _numbers(table, path).iloc[:, 0]
    elif found.signature is not None and set(found.signature) == set(table):
        found.variance = _numbers(table, path).reindex(found.signature.index)[list(found.signature)]
    else:
        found.signature = _numbers(table, path)


def _numbers(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return the table with one row per name; raise where a number is missing or negative."""
    values = table.to_numpy(np.float64)
    if not (np.isfinite(values) & (values >= 0)).all():
        row, column = np.argwhere(~(np.isfinite(values) & (values >= 0)))[0]
        raise DataError(
            f"{path.name}: {values[row, column]} for {table.index[row]!r} in {table.columns[column]!r}",
            "numbers of 0 or more, linear (a logarithm must be undone)",
            "correct the table",
        )
    return table[~table.index.duplicated()].astype(np.float64)
