"""What a published file holds: a signature, gene sets, what belongs to either."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from unmix.errors import DataError
from unmix.io import gene_sets, tables, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import pandas as pd

#: How published tables head the column of genes and the column of sets, in order of preference.
GENE_COLUMNS = ("gene", "GeneSymbol", "HUGO symbols", "symbol")
SET_COLUMNS = ("gene_set", "signature", "set", "Cell population", "cell_type")
#: Columns of xCell's fitted curves: raw score to fraction, of each type.
CURVES = ["V1", "V2", "V3"]
#: A file of words without a header is taken as GMT where every line has so many genes.
FEWEST = 5


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


class File:
    """A published file, and what its recognition looks at."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = text.lines(path, [])

    @cached_property
    def gmt(self) -> bool:
        """Whether this is GMT, by its name or because lines of genes make no table."""
        rows = [line.split("\t") for line in self.lines]
        widths = {len(row) for row in rows}
        if self.path.name.endswith(gene_sets.ENDS) or (len(widths) > 2 and min(widths) > 2):
            return True
        headed = set(rows[0]) & set(GENE_COLUMNS)
        return min(widths) >= 2 + FEWEST and not headed and not any(_number(cell) for row in rows for cell in row[2:])

    @cached_property
    def names(self) -> bool:
        """Whether this is a plain list of names."""
        return not any(separator in self.lines[-1] for separator in "\t,;")

    @cached_property
    def table(self) -> pd.DataFrame:
        """The file as a table."""
        return tables.read_table(self.path)

    @cached_property
    def words(self) -> list[str]:
        """Names of the columns that hold text."""
        return [name for name in self.table if self.table[name].dtype == object]

    @cached_property
    def types(self) -> list[str]:
        """Names of the columns of a table of numbers; none where a column holds text."""
        return [] if self.words else list(self.table)

    def column(self, names: Iterable[str]) -> list[str] | None:
        """Return the first column, or index, of one of these names."""
        columns = {name: self.table[name] for name in self.table} | {str(self.table.index.name): self.table.index}
        return next((list(columns[name].astype(str)) for name in names if name in columns), None)

    def numbers(self) -> pd.DataFrame:
        """Return the table with one row per name; raise where a number is missing or negative."""
        table, values = self.table, self.table.to_numpy(np.float64)
        if not (np.isfinite(values) & (values >= 0)).all():
            row, column = np.argwhere(~(np.isfinite(values) & (values >= 0)))[0]
            raise DataError(
                f"{self.path.name}: {values[row, column]} for {table.index[row]!r} in {table.columns[column]!r}",
                "numbers of 0 or more, linear (a logarithm must be undone)",
                "correct the table",
            )
        return table[~table.index.duplicated()].astype(np.float64)


class Kind(NamedTuple):
    """An attribute of :class:`Published`, when a file holds it, and what it then is."""

    name: str
    fits: Callable[[File, Published], bool]
    content: Callable[[File, Published], Any]


def _listed(file: File, _: Published) -> list[str]:
    names = [line.strip().strip('"') for line in file.lines]
    return [name for name in names if name not in GENE_COLUMNS]


def _collected(file: File, _: Published) -> dict[str, list[str]]:
    sets: dict[str, list[str]] = {}
    for name, gene in zip(file.column(SET_COLUMNS), file.column(GENE_COLUMNS), strict=True):
        sets.setdefault(name, []).append(gene)
    return sets


def _square(file: File, _: Published) -> bool:
    return len(file.types) == len(file.table) and set(file.types) == set(file.table.index)


#: How a file is recognised: the first kind that fits. Files of text come before tables of numbers.
RECOGNISED = (
    Kind("sets", lambda file, _: file.gmt, lambda file, _: gene_sets.parse(file.lines, file.path)),
    Kind("genes", lambda file, _: file.names, _listed),
    Kind("sets", lambda file, _: file.words and file.column(GENE_COLUMNS) and file.column(SET_COLUMNS), _collected),
    Kind("genes", lambda file, _: file.words and file.column(GENE_COLUMNS), lambda file, _: file.column(GENE_COLUMNS)),
    Kind("curves", lambda file, _: file.types == CURVES, lambda file, _: file.numbers()),
    Kind("spillover", _square, lambda file, _: file.numbers().loc[:, list(file.table.index)]),
    Kind("size", lambda file, _: len(file.types) == 1, lambda file, _: file.numbers().iloc[:, 0]),
    Kind(
        "variance",
        lambda file, found: found.signature is not None and set(found.signature) == set(file.types),
        lambda file, found: file.numbers().reindex(found.signature.index)[list(found.signature)],
    ),
    Kind("signature", lambda file, _: bool(file.types), lambda file, _: file.numbers()),
)


def _number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
