"""Long tables, one row per sample and cell type, as unmix writes them; the estimates of a folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd

from unmix.errors import DataError
from unmix.io.fractions import Fractions

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

#: Columns of ``fractions_long.tsv`` that hold numbers.
NUMBERS = ("fraction", "lower", "upper", "lower_relative", "upper_relative", "distance", "unexpressed")


def read_intervals(path: Path, text: Collection[str] = ()) -> pd.DataFrame:
    """Read ``fractions_long.tsv``, of which `text` are further columns of names.

    Raises
    ------
    DataError
        As for :func:`read_long`; or a cell type occurs twice in a sample.
    """
    table = read_long(path, ("sample", "cell_type", *text), ("lower", "upper"))
    if (twice := table.duplicated(["sample", "cell_type"])).any():
        row = table[twice].iloc[0]
        raise DataError(
            f"{path.name}: the cell type {row['cell_type']!r} of sample {row['sample']!r} occurs twice",
            "one row for each sample and cell type",
            "remove one of the rows",
        )
    return table


def read_long(path: Path, text: Collection[str], numbers: Collection[str] = ()) -> pd.DataFrame:
    """Read a long table as unmix writes it: names stay text even if they look like numbers.

    Parameters
    ----------
    path
        A TSV with a header.
    text
        Columns it must have that hold names; in the others ``NA`` is a missing number.
    numbers
        Columns it must have that hold numbers.

    Raises
    ------
    DataError
        If the file cannot be read, has no such columns, or text where numbers should be.
    """
    needed = (*text, *numbers)
    expected = f"a tab-separated table with the columns {', '.join(needed)}"
    try:
        header = pd.read_csv(path, sep="\t", nrows=0, encoding="utf-8-sig").columns
        table = pd.read_csv(
            path,
            sep="\t",
            dtype=dict.fromkeys(text, str),
            keep_default_na=False,
            na_values={name: ["NA", ""] for name in header if name not in text},
            encoding="utf-8-sig",
            float_precision="round_trip",
        )
    except (OSError, ValueError) as error:  # pandas' own errors are ValueErrors
        raise DataError(f"{path.name} cannot be read: {error}", expected, "give such a table") from error
    if missing := [name for name in needed if name not in table]:
        raise DataError(
            f"{path.name} has no column {', '.join(map(repr, missing))}; it has {', '.join(table.columns[:9])}",
            expected,
            "name these columns in the first line",
        )
    for name in numbers:
        found = pd.to_numeric(table[name], errors="coerce")
        if (bad := found.isna() & table[name].notna() | found.isin([float("inf"), -float("inf")])).any():
            raise DataError(
                f"{path.name}: column {name!r} holds {table[name][bad].iloc[0]!r}",
                "finite numbers, or NA where one is missing",
                "correct that cell",
            )
        table[name] = found.astype(float)
    return table


def read_estimates(path: Path) -> tuple[Fractions, dict[str, Any]]:
    """Read ``fractions_long.tsv`` with the record ``run.json`` and ``held_out.tsv`` beside it; return record too.

    Raises
    ------
    DataError
        If it is another table, or the record is missing.
    """
    expected = "fractions_long.tsv of unmix_predict.py, with run.json beside it"
    do = "give the folder's table as unmix_predict.py wrote it"
    long = read_intervals(path, ("flag", "quantity"))
    if missing := [name for name in NUMBERS if name not in long]:
        raise DataError(f"{path}: no column {missing[0]!r}", expected, do)
    record, held_out = path.with_name("run.json"), path.with_name("held_out.tsv")
    if not record.exists():
        raise DataError(f"{path}: no run.json beside it", expected, do)
    run = json.loads(record.read_text("utf-8"))
    order = {"index": long["sample"].unique(), "columns": long["cell_type"].unique()}

    def wide(name: str) -> pd.DataFrame:
        return long.pivot(index="sample", columns="cell_type", values=name).reindex(**order).rename_axis(columns=None)

    by_sample = long.drop_duplicates("sample").set_index("sample")
    found = Fractions(
        *(wide(name) for name in NUMBERS[:3]),
        by_sample["flag"],
        by_sample["quantity"].iloc[0],
        run["level"],
        wide("lower_relative"),
        wide("upper_relative"),
        mrna_per_cell=run.get("mrna_per_cell", {}),
        held_out=read_long(held_out, ("sample", "cell_type")) if held_out.exists() else None,
        between_references=wide("between_references") if "between_references" in long else None,
        samples=by_sample[["distance", "unexpressed"]].astype(float),
        method=run["method"]["name"],
    )
    return found, run
