"""Cell types that a file writes as numbers: codes of a factor whose names stand elsewhere in the file, or clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.io import tables
from unmix.io.text import show
from unmix.reference.columns import type_columns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from unmix.reference.single_cells import SingleCells

#: Where files keep the levels of a factor, by the name of its column: files of R and of old versions of AnnData.
LEVELS = (
    "obs/__categories/{}",
    *(f"uns/{{}}_{word}" for word in ("levels", "categories", "names")),
    *(f"uns/{{}}.{word}" for word in ("levels", "categories", "names")),
)

#: Labels of no level.
MISSING = frozenset({"", "-1"})


def levels(path: Path, key: str) -> list[str]:
    """Return the names that an h5ad holds for the codes of a column of obs, in order; none where it holds none."""
    import h5py

    with tables.readable(path), h5py.File(path, "r") as file:
        for place in LEVELS:
            node = file.get(place.format(key))
            if isinstance(node, h5py.Dataset) and node.ndim == 1 and h5py.check_string_dtype(node.dtype):
                return list(node.asstr("utf-8", errors="replace")[:])
    return []


def named(found: SingleCells, key: str, messages: list[str]) -> pd.Series:
    """Return a column of the cells, with the names of its levels where it holds their codes, and say so."""
    labels = found.column(key)
    codes = _codes(labels)
    names = _names(codes, found.levels(key)) if codes else {}
    if names:
        examples = ", ".join(f"{code} is {name}" for code, name in list(names.items())[:5])
        messages.append(f"The column {key!r} of {found.name} holds codes; the file names them: {examples}.")
        labels = labels.map(names | dict.fromkeys(MISSING, ""))
    return labels


def doubt(found: SingleCells, key: str) -> list[str]:
    """Return a warning if a column holds numbers that nothing in the file names for sure, with columns that may."""
    labels = found.column(key)
    codes = _codes(labels)
    if not codes or _names(codes, known := found.levels(key)):
        return []
    said = f"Warning: the column {key!r} of {found.name} holds only numbers ({show(codes)}), which become the names of "
    said += "the cell types"
    if known:
        said += f"; the file has names for it ({show(known)}), but does not say which number is which"
    others = {name: found.column(name) for name in type_columns(found) if name != key}
    texts = [name for name, values in others.items() if not _codes(values)]
    texts.sort(key=lambda name: not _one_to_one(labels, others[name]))
    if texts:
        said += f"; columns that may name them: {', '.join(map(repr, texts))} (--cell-type-key)"
    return [f"{said}."]


def _codes(labels: pd.Series) -> list[str]:
    """Return the distinct labels in order if all are whole numbers, else none."""
    values = set(labels) - MISSING
    return sorted(values, key=int) if all(value.isdecimal() for value in values) else []


def _names(codes: Sequence[str], known: Sequence[str]) -> dict[str, str]:
    """Return code -> name where the first code shows whether counting begins at 0 or at 1; else none."""
    first, last = int(codes[0]), int(codes[-1])
    if not known or last > len(known) or (first == 0 and last == len(known)) or (first > 0 and last < len(known)):
        return {}
    start = 1 if last == len(known) else 0
    return {code: known[int(code) - start] for code in codes}


def _one_to_one(labels: pd.Series, other: pd.Series) -> bool:
    pairs = np.unique(np.column_stack([labels.to_numpy(str), other.to_numpy(str)]), axis=0)
    return len(pairs) == labels.nunique() == other.nunique()
