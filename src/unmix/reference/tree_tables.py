"""A tree of cell types as a user gives it: a column for each level, pairs of child and parent, or columns of obs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from unmix.errors import DataError, UsageError
from unmix.io import tables
from unmix.io.text import check_names, show

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What ``--cell-type-tree`` takes beside a tree; ``auto``: the ontology where it knows all types, else inferred.
SOURCES = ("auto", "ontology", "inferred", "none")
#: What stands before columns of obs, from fine to coarse, between commas.
PREFIX = "obs:"
#: Header of a table of pairs.
PAIRS = ["child", "parent"]
_TABLE = "the cell type in the first column, and one column of groups for each level, from fine to coarse"
_EXPECTED = f"one of {', '.join(SOURCES)}, {PREFIX}COLUMN, or a table: {_TABLE}; or the columns {' and '.join(PAIRS)}"

#: The names of the levels, and the groups of every cell type.
Tree = tuple[list[str], dict[str, list[str]]]


def columns(source: str | Path) -> list[str]:
    """Return the columns of obs that a source names, from fine to coarse; none if it names none.

    Raises
    ------
    UsageError
        If there is no name behind the prefix, or one twice.
    """
    text = str(source)
    if not text.startswith(PREFIX):
        return []
    names = [name.strip() for name in text.removeprefix(PREFIX).split(",")]
    if not all(names) or len(set(names)) < len(names):
        raise UsageError(f"--cell-type-tree {text}", f"{PREFIX}COLUMN,COLUMN,... with columns of obs", "name each once")
    return names


def told(source: str | Path, obs: pd.DataFrame) -> Tree | None:
    """Return the tree that a user gives; None where the reference or the ontology has to tell it.

    Parameters
    ----------
    source
        One of :data:`SOURCES`, :data:`PREFIX` and columns, or a table (:func:`read`).
    obs
        Cells with ``cell_type`` and the columns that the source names, their names with the prefix.

    Raises
    ------
    UsageError
        If there is no such source and no such file.
    DataError
        As :func:`read` and :func:`of_columns`.
    """
    if names := columns(source):
        return names, of_columns(obs, names)
    return None if str(source) in SOURCES else read(Path(source))


def of_columns(obs: pd.DataFrame, names: list[str]) -> dict[str, list[str]]:
    """Return the groups of every cell type, from columns of the cells.

    Raises
    ------
    DataError
        If the cells of a type are in several groups of a level, or in none.
    """
    groups: dict[str, list[str]] = {}
    for kind, cells in obs.groupby(obs["cell_type"].astype(str), sort=True):
        for name in names:
            held = sorted({str(value) for value in cells[PREFIX + name]} - {""})
            if len(held) != 1:
                raise DataError(
                    f"the cells of type {kind!r} are in {show(held) if held else 'no group'} of the column {name!r}",
                    "every cell type within one group",
                    "correct the column, or give a table of groups to --cell-type-tree",
                )
            groups.setdefault(str(kind), []).append(held[0])
    check_names((group for row in groups.values() for group in row), "group of cell types", "the columns of the tree")
    return groups


def read(path: Path) -> Tree:
    """Read a table of a tree: one column of groups for each level, or pairs of child and parent.

    Raises
    ------
    UsageError
        If there is no such file and no such source.
    DataError
        If it is no such table, a cell type occurs twice, or a cell is empty; pairs that are no tree.
    """
    if not path.is_file():
        raise UsageError(f"--cell-type-tree {path}: no such file and no such source", _EXPECTED, "correct the name")
    table = tables.read_text(path)
    header, rows = list(table), table.to_numpy().tolist()
    kinds = pd.Index([row[0] for row in rows])
    pairs = [name.lower() for name in header] == PAIRS
    if kinds.has_duplicates:
        twice = kinds[kinds.duplicated()][0]
        what, expected = ("child", "one parent of every child") if pairs else ("cell type", "one line per cell type")
        raise DataError(f"{path.name}: the {what} {twice!r} occurs twice", expected, "remove one")
    for row in rows:
        if not all(row):
            raise DataError(
                f"{path.name}: the line of {row[0]!r} has an empty cell",
                f"the columns {' and '.join(PAIRS)}" if pairs else _TABLE,
                "remove the line: what has no parent needs none"
                if pairs
                else "give every cell type a group at every level; a type that stays alone has its own name as group",
            )
    check_names((cell for row in (header[1:], *rows) for cell in row), "group of cell types", path.name)
    return _of_pairs(path.name, dict(rows)) if pairs else (header[1:], {row[0]: row[1:] for row in rows})


def _of_pairs(name: str, parents: Mapping[str, str]) -> Tree:
    """Return the levels of pairs: at level n, every type is in its highest group that is at most n steps high.

    A group of two types, and a type beside it below one parent, are apart at the first level and one at the second.
    """
    above = {child: _chain(name, parents, child) for child in parents}
    heights: dict[str, int] = {}
    for child, chain in above.items():
        for step, group in enumerate([child, *chain]):
            heights[group] = max(heights.get(group, 0), step)
    steps = range(1, max(heights.values()) + 1)
    leaves = [child for child in parents if child not in set(parents.values())]
    rows = {
        leaf: [[group for group in [leaf, *above[leaf]] if heights[group] <= step][-1] for step in steps]
        for leaf in leaves
    }
    return [f"level_{step}" for step in steps], rows


def _chain(name: str, parents: Mapping[str, str], child: str) -> list[str]:
    """Return the parent of a child, the parent of that, and so on."""
    chain: list[str] = []
    while (child := parents.get(child, "")) and child not in chain:
        chain.append(child)
    if child:
        raise DataError(
            f"{name}: {show(chain)} are parents of each other", "a tree: no one is above itself", "remove a line"
        )
    return chain
