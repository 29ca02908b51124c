"""Tables that annotate the cells of a file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from unmix.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import pandas as pd

    from unmix.reference.single_cells import SingleCells

#: Share of the cells of a file that a table must name.
NAMED_SHARE = 1 / 3


def annotate(found: SingleCells, table: pd.DataFrame, name: str) -> SingleCells:
    """Return the cells with the annotation of a table of that name.

    Raises
    ------
    DataError
        The table names none or few of the cells, or cells of the file share their names.
    """
    if found.obs_names.has_duplicates:
        raise _ambiguous(found.name, found.obs_names[found.obs_names.duplicated()].unique(), name)
    named = int(found.obs_names.isin(table.index).sum())
    if named < NAMED_SHARE * len(found.obs_names):
        which = "none" if not named else f"{named:,} of {len(found.obs_names):,}"
        raise DataError(
            f"{name} names {which} of the cells of {found.name} (its first is {table.index[0]!r}, "
            f"the first cell is {found.obs_names[0]!r}).",
            "the names of the cells, as the file writes them, in the first column",
            "check that both come from the same data set and that prefixes and suffixes (-1) agree"
            + ("; or remove the cells that have no label from the file" if named else ""),
        )
    once = table[~table.index.duplicated()].reindex(found.obs_names)

    def column(key: str) -> pd.Series:
        labels = table[key].groupby(level=0).nunique(dropna=False)
        if (twice := labels.index[(labels > 1) & labels.index.isin(found.obs_names)]).size:
            first, second = table.loc[twice[0], key].unique()[:2]
            raise DataError(
                f"{name} has two values of {key!r} for {twice.size:,} cells ({twice[0]!r}: {first!r} and {second!r}).",
                "one label for every cell",
                "keep one line per cell; where samples share barcodes, add the sample to the names in both files",
            )
        return once[key]

    return replace(found, keys=[str(key) for key in table], annotation=column, levels=lambda _: [])


def refuse_shared_names(files: Sequence[SingleCells], name: str) -> None:
    """Refuse a table of labels for several files that hold cells of the same names.

    Raises
    ------
    DataError
        A name occurs in two files, so that one line of the table would label two cells.
    """
    seen: set[str] = set()
    for found in files:
        if shared := seen.intersection(found.obs_names):
            raise _ambiguous(" and ".join(one.name for one in files), sorted(shared), name)
        seen.update(found.obs_names)


def _ambiguous(where: str, names: Collection[str], table: str) -> DataError:
    """Return the error of names that several cells have."""
    return DataError(
        f"{len(names):,} names of cells occur more than once in {where} (first {next(iter(names))!r}), so that "
        f"{table} does not say which cell it labels.",
        "a name of its own for every cell",
        "add the sample to the names of the cells, in the data and in the table",
    )
