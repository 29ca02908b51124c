"""Sections of the page of a benchmark: leaks, detection limits, and the error of every test."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from unmix.benchmark import stress
from unmix.benchmark.panel import NAME as CONSENSUS
from unmix.benchmark.scenarios import scenarios
from unmix.evaluation.reference_quality import SPILL
from unmix.report import marks
from unmix.report.words import DASH, count, listed, number, percent

if TYPE_CHECKING:
    from collections.abc import Sequence


def leaks(found: pd.DataFrame) -> dict[str, Any] | None:
    """Return the spillover of pure samples: the mean over the methods, then each."""
    controls = set(found.loc[found["control"].astype(bool), "method"])
    spilled = {name: matrix for name, matrix in stress.spill(found).items() if name not in controls}
    if not spilled:
        return None
    own = [matrix for name, matrix in spilled.items() if name != CONSENSUS] or list(spilled.values())
    mean = sum(own) / len(own)
    leaks = [
        (one, other, [name for name, matrix in spilled.items() if matrix.loc[one, other] >= SPILL])
        for one in mean.index
        for other in mean.columns
        if one != other
    ]
    told = [
        f"{one} is estimated as {other} by {SPILL:.0%} or more by {listed(names)}."
        for one, other, names in leaks
        if names
    ]
    return section(
        [
            "Each row is samples of one cell type alone. The columns show as what they were estimated, in percent.",
            *(told or [f"No type is estimated as another by {SPILL:.0%} or more by any method."]),
        ],
        [_matrix(f"Mean of {count(len(own), 'method')}", mean)],
        folded=[_matrix(name, matrix) for name, matrix in spilled.items()] if len(spilled) > 1 else [],
    )


def _matrix(title: str, matrix: pd.DataFrame) -> dict[str, Any]:
    rows = [
        (
            name,
            False,
            [
                cell(
                    percent(value, 0) if value >= 0.005 else "",
                    marks.ESTIMATE if name == other else marks.DIFFERENCE,
                    value,
                )
                for other, value in row.items()
            ],
        )
        for name, row in matrix.iterrows()
    ]
    return grid(title, "pure sample of", list(matrix.columns), rows)


def limits(found: pd.DataFrame) -> dict[str, Any] | None:
    """Return the detection limit of every type by every method."""
    smallest = stress.detection(found)
    if not len(smallest):
        return None
    most = max(share for level in scenarios()["rare"].levels for share in level.ladder)
    rows = [
        (name, False, [cell(*_limit(value, most)) for value in row])
        for name, row in zip(smallest.index, smallest.to_numpy(float), strict=True)
    ]
    return section(
        [
            "The smallest share of a cell type, in percent, whose estimates are above those of samples without the "
            "type (95% of the ones above 95% of the others). Do not interpret estimates below it. The limits are of "
            "1,000 cells per sample without noise of another platform: in real bulk they are higher."
        ],
        [grid("", "cell type", list(smallest), rows)],
        f"Above {100 * most:g}: none of the shares that were tried was detected.",
    )


def _limit(value: float, most: float) -> tuple[str, str, float]:
    if math.isnan(value):
        return "", marks.ESTIMATE, 0
    if math.isinf(value):
        return f"above {100 * most:g}", marks.DIFFERENCE, 1
    return f"{100 * value:g}", marks.DIFFERENCE, value / most / 2


def tests(table: pd.DataFrame) -> dict[str, Any] | None:
    """Return the error of every method in every test, a table for each scenario."""
    if not len(table):
        return None
    tables = []
    for name, own in table.groupby("scenario", sort=False):
        named = own.assign(column=[_level(row) for row in own.itertuples()])
        columns = list(dict.fromkeys(named["column"]))
        rows = []
        for method, part in sorted(named.groupby("method"), key=lambda item: (bool(item[1]["control"].all()), item[0])):
            by = part.drop_duplicates("column").set_index("column").reindex(columns)
            rows.append((method, bool(part["control"].all()), [_error(row) for row in by.itertuples()]))
        tables.append(grid(title(name), "method", columns, rows, _asks(name)))
    return section(
        [
            "The mean absolute error in percentage points over types and samples, with the mean correlation across "
            "samples below it. Shaded: not clearly below the best control."
        ],
        tables,
    )


def _error(row: Any) -> dict[str, str]:
    flagged = row.level_of_controls is True
    small = f"r {number(row.r)}" if not pd.isna(row.r) else ""
    text = DASH if pd.isna(row.error) else percent(row.error)
    return cell(text if small or text != DASH else "", marks.DIFFERENCE, 0.5 if flagged else 0, small)


def coverage(table: pd.DataFrame) -> dict[str, Any] | None:
    """Return the lowest coverage of the tests of each scenario."""
    with_intervals = table[~table["control"].astype(bool)].dropna(subset="coverage") if len(table) else table
    if not len(with_intervals):
        return None
    lowest = with_intervals.groupby(["method", "scenario"], sort=False)["coverage"].min().unstack()
    rows = [
        (
            name,
            False,
            [
                cell("" if math.isnan(v) else percent(v, 0), marks.DIFFERENCE, 0 if math.isnan(v) else (0.9 - v) / 0.9)
                for v in lowest.loc[name]
            ],
        )
        for name in sorted(lowest.index)
    ]
    return section(
        [
            "How often the 90% intervals hold the known fraction, in percent: the lowest of the tests of a scenario. "
            "Well below 90, do not rely on the intervals for data like these."
        ],
        [grid("", "method", [title(name) for name in lowest.columns], rows)],
    )


def _level(row: Any) -> str:
    named = row.level if isinstance(row.level, str) and row.level else "all samples"
    if row.scenario not in scenarios():
        named = row.test
    return f"{named}, fractions of {row.counts}" if row.counts == "RNA" or row.scenario == "mrna" else named


def title(scenario: str) -> str:
    """Return the title of a scenario; of one that the table lacks, its name."""
    known = scenarios().get(scenario)
    return known.title if known else scenario.capitalize() if isinstance(scenario, str) else "Tests"


def _asks(scenario: str) -> str:
    known = scenarios().get(scenario)
    return known.asks if known else ""


def section(
    paragraphs: Sequence[str], tables: Sequence[dict[str, Any]], note: str = "", folded: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    """Return what the template of a section shows; `folded` are tables that a click shows."""
    return {"paragraphs": paragraphs, "tables": tables, "note": note, "folded": folded}


def grid(
    title: str,
    corner: str,
    columns: Sequence[str],
    rows: Sequence[tuple[str, bool, list[dict[str, str]]]],
    said: str = "",
) -> dict[str, Any]:
    """Return a table: rows are a name, whether it is a control, and cells (:func:`cell`)."""
    return {"title": title, "corner": corner, "columns": list(columns), "rows": list(rows), "said": said}


def cell(text: str, colour: str, share: float, small: str = "") -> dict[str, str]:
    """Return a cell of a table, shaded by a share of 1; an opacity, to show on any background."""
    shade = round(140 * min(1, max(0, 0 if math.isnan(share) else share)))
    return {"text": text, "small": small, "colour": f"{colour}{shade:02x}" if shade else ""}
