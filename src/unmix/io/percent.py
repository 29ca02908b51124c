"""Known fractions that were written in percent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

#: Largest value that is still a fraction, and largest sum of a row in percent: both with room for rounding.
_FRACTION, _PERCENT = 1.05, 105.0


def as_fractions(table: pd.DataFrame, name: str) -> tuple[pd.DataFrame, list[str]]:
    """Return known fractions between 0 and 1, and a sentence where they were given in percent.

    A table is in percent if its cells are written ``12 %``, or if a value is above 1 and no row sums to more than 100.

    Parameters
    ----------
    table
        Samples x types; numbers, or text such as ``12 %``.
    name
        Of the table, for sentences.

    Raises
    ------
    DataError
        If a cell is text, if some rows are fractions and others percent, or if values above 1 are not percent either.
    """
    values, signed = _numbers(table, name)
    largest, sums = values.max(axis=1), values.sum(axis=1)
    if not signed and not (largest > _FRACTION).any():
        return values, []
    highest = largest if signed else sums
    if (highest > _PERCENT).any():
        raise DataError(
            f"{name}: sample {highest.idxmax()!r} has {highest.max():g}, which is neither a fraction nor percent.",
            "fractions between 0 and 1, or rows of percent that sum to 100 or less",
            "divide every row by the number of all its cells",
        )
    if not signed and (mixed := (largest > 0) & (largest <= _FRACTION)).any():
        percent = values.index[(largest > _FRACTION).argmax()]
        raise DataError(
            f"{name}: sample {percent!r} looks like percent, sample {values.index[mixed.argmax()]!r} like fractions.",
            "one unit in all rows",
            "divide the rows that are in percent by 100",
        )
    return values / 100, [f"{name} is in percent; its values were divided by 100."]


def _numbers(table: pd.DataFrame, name: str) -> tuple[pd.DataFrame, bool]:
    """Return a table as numbers, and whether its cells were written with a percent sign (0 needs none)."""
    import pandas as pd

    text = table.map(lambda cell: str(cell).strip() if isinstance(cell, str) else "")
    signed = text.map(lambda cell: cell.endswith("%"))
    bare = table.where(text == "", text.map(lambda cell: cell.removesuffix("%").strip().replace(",", ".")))
    values = bare.replace("", np.nan).apply(pd.to_numeric, errors="coerce").astype(float)
    wrong = values.isna() & (text != "")
    if wrong.to_numpy().any():
        raise DataError(
            f"{name}: column {values.columns[wrong.any().to_numpy().argmax()]!r} holds text.",
            "samples x cell types, numbers only",
            "remove the columns that hold no fractions",
        )
    if signed.to_numpy().any() and (unsigned := ~signed & (values > 0)).to_numpy().any():
        column = values.columns[unsigned.any().to_numpy().argmax()]
        raise DataError(
            f"{name}: some cells have a percent sign, and some of column {column!r} have none.",
            "one unit in all cells",
            "write all cells as percent, or all as fractions",
        )
    return values, bool(signed.to_numpy().any())
