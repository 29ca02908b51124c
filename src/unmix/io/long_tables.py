"""Long tables, one row per sample and cell type, as unmix writes them; the estimates of a folder."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from unmix.errors import DataError
from unmix.io import records
from unmix.io.fractions import Fractions
from unmix.io.levels import Levels

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

#: Columns of ``fractions_long.tsv`` that hold numbers.
NUMBERS = ("fraction", "lower", "upper", "lower_relative", "upper_relative", "distance", "unexpressed")
#: Tables of fractions that ``levels.tsv`` holds for every level, and its columns of numbers.
ENDS = ("values", "lower", "upper", "lower_relative", "upper_relative")
ENDS_OF_LEVELS = ("fraction", *ENDS[1:])
BETWEEN = "between_references"

#: What stands beside ``fractions_long.tsv``: the record, and tables where there are any.
BESIDE = ("run.json", "held_out.tsv", "levels.tsv")

#: Name of the rows of attributions over all samples; a sample may not be called so.
ALL = "(all samples)"

#: By which the fractions of a sample, each rounded, may miss a sum of 1.
ROUNDED = 1e-3


def read_intervals(
    path: Path, text: Collection[str] = (), numbers: Collection[str] = ("lower", "upper")
) -> pd.DataFrame:
    """Read ``fractions_long.tsv``, of which `text` are further columns of names and `numbers` those of numbers.

    Raises
    ------
    DataError
        As for :func:`read_long`; or a cell type occurs twice in a sample.
    """
    table = read_long(path, ("sample", "cell_type", *text), numbers)
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
    return table.assign(**{name: as_numbers(table[name], path.name) for name in numbers})


def as_numbers(column: pd.Series, source: str) -> pd.Series:
    """Return a column of a table as numbers, which may be missing.

    Raises
    ------
    DataError
        If it holds text, or numbers that are not finite.
    """
    found = pd.to_numeric(column, errors="coerce")
    if (bad := found.isna() & column.notna() | found.isin([float("inf"), -float("inf")])).any():
        raise DataError(
            f"{source}: column {column.name!r} holds {column[bad].iloc[0]!r}",
            "finite numbers, or NA where one is missing",
            "correct that cell",
        )
    return found.astype(float)


def read_estimates(path: Path) -> tuple[Fractions, dict[str, Any]]:
    """Read ``fractions_long.tsv`` with the record ``run.json`` and ``held_out.tsv`` beside it; return record too.

    Raises
    ------
    DataError
        If it is another table, the record is missing, or one of the three was changed.
    """
    record, held_out, coarser = (path.with_name(name) for name in BESIDE)
    if not record.exists():
        raise _unusable(path, "no run.json beside it")
    run = records.read(record, "method", "model", "level")
    if not isinstance(run["method"], dict) or not run["method"].get("name"):
        raise _unusable(path, "run.json names no method")
    long = read_intervals(path, ("flag", "quantity"), NUMBERS)
    types = long["cell_type"].unique()
    by_sample = long.drop_duplicates("sample").set_index("sample")
    if len(long[["sample", "flag", "quantity"]].drop_duplicates()) != len(by_sample) or long["quantity"].nunique() != 1:
        raise _unusable(path, "it is empty, or a sample has several flags or quantities")
    quantity = long["quantity"].iloc[0]
    _check(path, long, types, ("fraction",), whole=quantity in ("cell", "mrna"))
    held = _held_out(held_out, set(types)) if held_out.exists() else None

    def wide(name: str, long: pd.DataFrame = long) -> pd.DataFrame:
        order = {"index": long["sample"].unique(), "columns": long["cell_type"].unique()}
        return long.pivot(index="sample", columns="cell_type", values=name).reindex(**order).rename_axis(columns=None)

    found = Fractions(
        *(wide(name) for name in NUMBERS[:3]),
        by_sample["flag"],
        quantity,
        run["level"],
        wide("lower_relative"),
        wide("upper_relative"),
        mrna_per_cell=run.get("mrna_per_cell", {}),
        prior=run.get("prior", {}),
        held_out=held,
        between_references=wide("between_references") if "between_references" in long else None,
        samples=by_sample[["distance", "unexpressed"]].astype(float),
        method=run["method"]["name"],
    )
    levels, by_level = read_levels(coarser, run.get("levels", {}), by_sample.index, types)
    sums = tuple(
        replace(
            found,
            **{end: wide("fraction" if end == "values" else end, by_level[name]) for end in ENDS},
            held_out=None,
            between_references=wide(BETWEEN, by_level[name]) if BETWEEN in by_level[name] else None,
        )
        for name in (levels.names if by_level else ())
    )
    return replace(found, levels=levels, sums=sums), run


def read_levels(
    path: Path, record: Any, samples: Collection[str], types: Collection[str]
) -> tuple[Levels, dict[str, pd.DataFrame]]:
    """Read the levels of a run record, and ``levels.tsv``: the rows of each level by its name, empty without the file.

    Parameters
    ----------
    path
        Of the table.
    record
        What the run record says of levels.
    samples, types
        Of the fractions that belong to them.

    Raises
    ------
    DataError
        As for :func:`read_long`; or table, record and fractions do not agree.
    """
    try:
        levels = Levels.model_validate(record)
    except ValueError as error:
        raise _unusable(path, "run.json beside it holds no levels of cell types") from error
    if not path.exists():
        return levels, {}
    table = read_long(path, ("sample", "level", "cell_type", "members", "flag"), ENDS_OF_LEVELS)
    held = {name: table[table["level"] == name] for name in levels.names}
    whole = [
        len(rows) == len(samples) * len(set(groups.values()))
        and set(rows["cell_type"]) == set(groups.values())
        and groups.keys() == set(types)
        for rows, groups in zip(held.values(), levels.groups, strict=True)
    ]
    twice = table.duplicated(["sample", "level", "cell_type"]).any()
    same = set(table["sample"]) == set(samples) and set(table["level"]) == set(levels.names)
    if twice or not all(whole) or not same:
        raise DataError(
            f"{path.name} and run.json beside it do not agree on the levels of the cell types",
            "levels.tsv and run.json of one prediction",
            "estimate the samples again",
        )
    return levels, held


def _held_out(path: Path, types: set[str]) -> pd.DataFrame:
    """Read the estimates of held-out pseudobulk; each of several references may lack cell types."""
    several = "reference" in read_long(path, ("sample", "cell_type"))
    numbers = ("fraction", "truth", "reference", "weight") if several else ("fraction", "truth")
    held = read_long(path, ("sample", "cell_type"), numbers)
    for _, part in held.groupby("reference", dropna=False) if several else [(1, held)]:
        if not set(part["cell_type"]) <= types or part["weight" if several else "fraction"].isna().any():
            raise _unusable(path, "it is not of the cell types of the fractions, or a weight is missing")
        _check(path, part, set(part["cell_type"]) if several else types, ("fraction", "truth"), whole=True)
    return held


def _check(path: Path, table: pd.DataFrame, types: Collection[str], names: Collection[str], *, whole: bool) -> None:
    """Refuse a table that lacks a cell type in a sample, or fractions that are missing or (`whole`) none."""
    samples = table["sample"].nunique()
    if (
        table.duplicated(["sample", "cell_type"]).any()
        or set(table["cell_type"]) != set(types)
        or len(table) != samples * len(types)
    ):
        raise _unusable(path, "a cell type is missing in a sample, or stands twice")
    for name in names:
        values = table[name]
        sums = values.groupby(table["sample"]).sum()
        fractions = values.between(-ROUNDED, 1 + ROUNDED).all() and ((sums - 1).abs() <= ROUNDED).all()
        if values.isna().any() or (whole and not fractions):
            raise _unusable(path, f"column {name!r} holds values that are no fractions, or do not sum to 1 in a sample")


def _unusable(path: Path, why: str) -> DataError:
    expected = "fractions_long.tsv of unmix_predict.py, with run.json and held_out.tsv of the same run beside it"
    return DataError(f"{path}: {why}", expected, "give the folder's table as unmix_predict.py wrote it")
