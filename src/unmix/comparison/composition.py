"""Estimated fractions as compositions: their log-ratios, and what their intervals mean for these.

Fractions of a sample sum to 1, so they are compared as logarithms of ratios (Aitchison 1982): of each cell type to the
geometric mean of all, or of some that a user names as the reference.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from unmix.errors import DataError, NotApplicable, UsageError
from unmix.io import records
from unmix.io.fractions import QUANTITIES, Fractions
from unmix.io.levels import Levels
from unmix.io.long_tables import as_numbers, read_long
from unmix.io.text import show

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: Fractions below this share of the median upper end of their type's intervals are replaced by it, as are the lower
#: ends: a logarithm has no zero, and smaller fractions cannot be told from it (our choice; benchmarks/compare.py).
FLOOR = 0.01
#: The same where a table has no intervals: share of the smallest fraction of the type above 0 (Martín-Fernández 2003).
FLOOR_WITHOUT = 0.65
#: Nominal coverage of the intervals of a table without a record.
USUAL = 0.9
#: What names the cell types themselves among the levels of a table.
TYPES = "types"
#: What purity is compared with.
OTHERS = "other cells"
NEED = "a table with the columns sample, cell_type, fraction, lower and upper, as fractions_long.tsv"


@dataclass(frozen=True)
class Composition:
    """Fractions of the same cell types in several samples, with the ends of their intervals.

    Attributes
    ----------
    values, lower, upper
        Samples x cell types. Ends that are not known equal the values.
    quantity
        A key of ``unmix.io.fractions.QUANTITIES``.
    level
        Nominal coverage of the intervals; None where there are none.
    flags
        By sample.
    """

    values: pd.DataFrame
    lower: pd.DataFrame
    upper: pd.DataFrame
    quantity: str
    level: float | None
    flags: pd.Series

    def of(self, samples: Sequence[str]) -> Composition:
        """Return the composition of some samples."""
        tables = {name: getattr(self, name).loc[samples] for name in ("values", "lower", "upper", "flags")}
        return replace(self, **tables)

    @property
    def cell_types(self) -> list[str]:
        """Names of the cell types."""
        return list(self.values)

    def floor(self) -> np.ndarray:
        """Return the least fraction of each type that is told from 0, which is above 0."""
        values = self.values.to_numpy()
        above = np.where(values > 0, values, np.inf).min(0)
        least = FLOOR_WITHOUT * np.where(np.isfinite(above), above, above.min())
        if self.level is None:
            return least
        told = FLOOR * np.median(self.upper.to_numpy(), axis=0)
        return np.where(told > 0, told, least)

    def positive(self) -> np.ndarray:
        """Return the fractions (samples x types) without zeros; rows sum to 1."""
        found = np.maximum(self.values.to_numpy(), self.floor())
        return found / found.sum(1, keepdims=True)

    def draws(self, number: int, rng: np.random.Generator) -> np.ndarray:
        """Return fractions that the intervals allow: draws x samples x types, each summing to 1.

        The error of a type is one draw for all samples: it moves each of them along its own interval, on the scale of
        log odds. An error of one sample alone is not drawn, because it is in the scatter of the samples already.
        """
        from scipy.special import expit, logit, ndtri

        floor, most = self.floor(), 1 - 1e-6
        middle, low, high = (
            logit(np.clip(table.to_numpy(), floor, most)) for table in (self.values, self.lower, self.upper)
        )
        error = rng.standard_normal((number, 1, middle.shape[1]))
        one = ndtri((1 + self.level) / 2) if self.level else 1.0
        drawn = expit(
            middle + np.where(error < 0, np.maximum(middle - low, 0), np.maximum(high - middle, 0)) / one * error
        )
        return drawn / drawn.sum(-1, keepdims=True)


def log_ratios(fractions: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Return log2 of fractions (... x types, above 0) relative to the geometric mean of the types `of` (a mask)."""
    logarithms = np.log2(fractions)
    return logarithms - logarithms[..., of].mean(-1, keepdims=True)


def read(
    fractions: Path | str | pd.DataFrame | Fractions, resolution: str | None, say: Callable[[str], None]
) -> Composition:
    """Read the fractions of a long table, of a file or in memory.

    Parameters
    ----------
    fractions
        ``fractions_long.tsv``, whose coverage stands in the run.json beside it, or a table of the same columns; or what
        :func:`unmix.predict` returns.
    resolution
        Level of cell types (docs/resolution.md), or ``types``. By default the finest that the reference can tell apart,
        where fractions have levels. Of another table it is a value of the column ``level``.
    say
        Takes sentences.

    Raises
    ------
    DataError
        The table cannot be read, or lacks a cell type in a sample.
    UsageError
        The table has several levels and none was named, or another one.
    NotApplicable
        The table holds scores, which are no composition.
    """
    if isinstance(fractions, Fractions):
        fractions, resolution = _level_in_memory(fractions, resolution, say), None
        table, name, level = fractions.long(), "the fractions", fractions.level
    elif isinstance(fractions, pd.DataFrame):
        table, name, level = fractions, "the table of fractions", None
        if missing := [column for column in ("sample", "cell_type", "fraction") if column not in table]:
            raise DataError(f"{name} has no column {missing[0]!r}", NEED, "name the columns like this")
    else:
        path, resolution = _level_of_file(Path(fractions), resolution, say)
        table, name, level = read_long(path, ("sample", "cell_type"), ("fraction",)), path.name, _recorded(path)
    table = _one_level(table, resolution, name)
    quantity = str(table["quantity"].iloc[0]) if "quantity" in table else "cell"
    if quantity == "score":
        raise NotApplicable(
            f"{name} holds scores, which are no fractions of a whole",
            "fractions or purity",
            "compare the scores of one cell type at a time with a method for expression, such as limma",
        )
    if quantity not in QUANTITIES:
        raise DataError(
            f"{name}: unknown quantity {quantity!r}", f"one of {', '.join(QUANTITIES)}", "correct the column"
        )
    composition = _wide(table, quantity, level, name, say)
    composition = _with_others(composition) if quantity == "purity" else _without_absent(composition, name, say)
    if composition.values.shape[1] < 2:
        raise DataError(f"{name} has one cell type only", "two or more, whose fractions sum to 1", "add the others")
    return composition


def _level_in_memory(fractions: Fractions, resolution: str | None, say: Callable[[str], None]) -> Fractions:
    """Return the fractions of a level, by default of the leading one."""
    levels = fractions.levels
    if resolution == TYPES or (resolution is None and not levels.leads):
        return fractions
    if resolution is None:
        resolution = _told(levels, say)
    if resolution not in levels.names:
        known = ", ".join((*levels.names, TYPES))
        raise UsageError(f"the fractions have no level {resolution!r}", f"one of {known}", "correct it")
    return fractions.sums[levels.names.index(resolution)]


def _level_of_file(path: Path, resolution: str | None, say: Callable[[str], None]) -> tuple[Path, str | None]:
    """Return the table that holds a level and its name there: ``levels.tsv`` beside a table whose record has levels."""
    record, table = path.with_name("run.json"), path.with_name("levels.tsv")
    if resolution == TYPES or not (record.exists() and table.exists()):
        return path, None if resolution == TYPES else resolution
    try:
        levels = Levels.model_validate(records.read(record).get("levels", {}))
    except ValueError as error:
        raise DataError(
            f"{record} holds no levels of cell types", "the record of a prediction", "predict again"
        ) from error
    if resolution is None and levels.leads:
        resolution = _told(levels, say)
    return (table if resolution in levels.names else path), resolution


def _told(levels: Levels, say: Callable[[str], None]) -> str:
    """Return the name of the leading level, and say why it is compared."""
    name = levels.names[levels.leads - 1]
    apart = "; ".join(" and ".join(types) for types in levels.alike)
    say(
        f"Compared at the level {name!r}, because the reference does not tell apart: {apart or 'some cell types'}. "
        f"--resolution {TYPES} compares the cell types."
    )
    return name


def _recorded(path: Path) -> float | None:
    """Return the coverage of the intervals that the record beside a table names."""
    return records.read(path.with_name("run.json")).get("level")


def _one_level(table: pd.DataFrame, resolution: str | None, name: str) -> pd.DataFrame:
    levels = list(table["level"].astype(str).unique()) if "level" in table else []
    if resolution is None and len(levels) > 1:
        raise UsageError(
            f"{name} holds the cell types at the levels {', '.join(levels)}",
            "one of them",
            f"--resolution {levels[0]}",
        )
    if resolution is None:
        return table
    if resolution not in levels:
        found = f"it has {', '.join(levels)}" if levels else "it has no column 'level'"
        raise UsageError(f"{name} has no level {resolution!r}: {found}", "a value of the column level", "correct it")
    return table[table["level"].astype(str) == resolution]


def _wide(
    table: pd.DataFrame, quantity: str, level: float | None, name: str, say: Callable[[str], None]
) -> Composition:
    """Return a long table as samples x types."""
    table = table.assign(sample=table["sample"].astype(str), cell_type=table["cell_type"].astype(str))
    if (twice := table.duplicated(["sample", "cell_type"])).any():
        row = table[twice].iloc[0]
        raise DataError(
            f"{name}: the cell type {row['cell_type']!r} of sample {row['sample']!r} occurs twice",
            "one row for each sample and cell type",
            "remove one of the rows, or choose a level (--resolution)",
        )
    samples, types = table["sample"].unique(), table["cell_type"].unique()

    def wide(column: str) -> pd.DataFrame:
        numbers = table.assign(**{column: as_numbers(table[column], name)})
        found = numbers.pivot(index="sample", columns="cell_type", values=column)
        return found.reindex(index=samples, columns=types).rename_axis(index=None, columns=None)

    values = wide("fraction")
    if (lost := values.isna()).any(axis=None):
        empty = lost.all(axis=1)
        if lost[~empty].any(axis=None):
            sample, cell_type = lost[~empty].stack()[lambda one: one].index[0]
            raise DataError(f"{name}: no fraction of {cell_type!r} in sample {sample!r}", NEED, "add the row")
        say(f"Left out, because they have no fractions: {show(values.index[empty])}.")
        values = values[~empty]
    outside = (values < 0) | (values > 1 + 1e-6)
    if outside.any(axis=None):
        sample, cell_type = outside.stack()[lambda one: one].index[0]
        found = f"{name}: {values.loc[sample, cell_type]:g} for {cell_type!r} in sample {sample!r} is no fraction"
        raise DataError(found, "numbers from 0 to 1", "correct the table, or divide percentages by 100")
    ends = ("lower_relative", "upper_relative") if "lower_relative" in table else ("lower", "upper")
    known = all(end in table for end in ends) and wide(ends[0]).loc[values.index].notna().any(axis=None)
    lower, upper = [wide(end).loc[values.index].fillna(values) for end in ends] if known else (values, values)
    if not known:
        say("The fractions have no intervals, so the effects hold the scatter of the samples alone.")
    elif level is None:
        say(f"No run.json tells the coverage of the intervals of {name}; {USUAL:.0%} was taken.")
    flags = table.drop_duplicates("sample").set_index("sample")["flag"] if "flag" in table else None
    flags = pd.Series("ok", values.index) if flags is None else flags.loc[values.index].fillna("ok").astype(str)
    return Composition(
        values,
        lower.clip(upper=values),
        upper.clip(lower=values),
        quantity,
        (level or USUAL) if known else None,
        flags,
    )


def _with_others(purity: Composition) -> Composition:
    """Return purity as the composition of the malignant cells and all others."""
    if len(purity.cell_types) > 1:
        return purity
    values, lower, upper = (
        one.assign(**{OTHERS: 1 - other.iloc[:, 0]})
        for one, other in ((purity.values, purity.values), (purity.lower, purity.upper), (purity.upper, purity.lower))
    )
    return replace(purity, values=values, lower=lower, upper=upper)


def _without_absent(composition: Composition, name: str, say: Callable[[str], None]) -> Composition:
    """Return a composition without the types that are 0 everywhere: they have no ratio."""
    absent = (composition.values == 0).all()
    if not absent.any():
        return composition
    say(f"Left out, because they are 0 in every sample of {name}: {show(composition.values.columns[absent])}.")
    kept: dict[str, Any] = {end: getattr(composition, end).loc[:, ~absent] for end in ("values", "lower", "upper")}
    return replace(composition, **kept)
