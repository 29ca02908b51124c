"""The page of a benchmark on one's own reference: what to reject, and what no method can tell."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from unmix.benchmark import stress
from unmix.benchmark.panel import NAME as CONSENSUS
from unmix.benchmark.store import OK
from unmix.methods import PANEL
from unmix.report import grids, marks
from unmix.report.page import page
from unmix.report.words import count, listed, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unmix.benchmark.store import Record

#: Said first, wherever the figures are shown.
WARNING = (
    "This page is no ranking. Use it to reject methods and cell types, not to choose a method: on our data the rank "
    "correlation between the error on cells held out of one's own reference and the error on real bulk was 0.14. A "
    "method that fails here will fail on bulk too. One that does well here may not."
)
#: Mean r across samples from which on a type counts as told apart, and below which it does not.
TOLD, LOST = 0.8, 0.5
#: Tests in which the types are told apart as well as ever.
PLAIN = ("donors", "laboratory")


def benchmark(found: pd.DataFrame, records: Sequence[Record]) -> str:
    """Return the page; both of :func:`unmix.benchmark.stress.gathered`."""
    table = stress.figures(found) if len(found) else pd.DataFrame(columns=[*stress.TEST, "method", "control"])
    sections = [
        ("summary", "Summary", _summary(found, table, records)),
        ("benchmark_controls", "Beside the controls", _beside(table)),
        ("benchmark_types", "Cell types", _types(found)),
        ("benchmark_leaks", "Leaks between cell types", grids.leaks(found)),
        ("benchmark_limits", "Detection limits", grids.limits(found)),
        ("benchmark_tests", "Error in every test", grids.tests(table)),
        ("benchmark_coverage", "Coverage of the intervals", grids.coverage(table)),
        ("benchmark_problems", "Failed and not applicable", _problems(records)),
    ]
    return page("Benchmark on the own reference", sections, "benchmark.tsv and the store contain")


def _summary(found: pd.DataFrame, table: pd.DataFrame, records: Sequence[Record]) -> dict[str, Any]:
    methods = table[~table["control"].astype(bool)]["method"].unique()
    single = [name for name in methods if name != CONSENSUS]
    failed = [record for record in records if record.status != OK and record.fit.method != CONSENSUS]
    told = [WARNING, *dict.fromkeys(record.case_said for record in records if record.case_said)]
    if len(methods) and not table["control"].any():
        told.append("No control was run, so that nothing says how small an error must be. Add uniform, for example.")
    beside = table[table["level_of_controls"] == True] if len(table) else table  # noqa: E712 - None is neither
    worst = [name for name in methods if len(beside) and (beside["method"] == name).sum() > _tested(table, name) / 2]
    if worst:
        told.append(f"Not better than a control in more than half of the tests: {listed(worst)}.")
    if CONSENSUS in methods:
        told.append(f"The row {CONSENSUS} is the default answer of unmix: that of {listed(PANEL)}, where these apply.")
    if failed:
        told.append(f"{count(len(failed), 'fit')} failed or did not apply; the reasons stand below.")
    tests = table[stress.TEST].drop_duplicates() if len(table) else []
    return {
        "paragraphs": told,
        "cards": [
            (len(single), "method" if len(single) == 1 else "methods"),
            (found["scenario"].nunique(), "scenarios"),
            (len(tests), "tests"),
            (int(found.groupby("test")["cell_type"].nunique().max()) if len(found) else 0, "cell types"),
        ],
    }


def _tested(table: pd.DataFrame, name: str) -> int:
    return int(table.loc[table["method"] == name, "level_of_controls"].notna().sum())


def _beside(table: pd.DataFrame) -> dict[str, Any] | None:
    """Return in how many tests of a scenario a method is at the level of the controls."""
    judged = table.dropna(subset="level_of_controls") if len(table) else table
    if not len(judged):
        return None
    grid = judged.groupby(["method", "scenario"], sort=False)["level_of_controls"]
    hits, all_ = grid.sum().unstack(), grid.size().unstack()
    rows = [
        (
            name,
            False,
            [
                grids.cell(
                    "" if math.isnan(n) else f"{int(k)} of {int(n)}", marks.DIFFERENCE, 0 if math.isnan(n) else k / n
                )
                for k, n in zip(hits.loc[name].astype(float), all_.loc[name].astype(float), strict=True)
            ],
        )
        for name in sorted(hits.index)
    ]
    return grids.section(
        [
            "Controls do not look at the bulk: the same fractions for every sample, those of the reference, or random "
            "ones. The table counts the tests of each scenario in which the error of a method is not clearly below "
            "that of the best control (in 97.5% of 1,000 resamples of the samples). Reject a method for data like "
            "those of a scenario in which it is no better. Methods stand in alphabetical order."
        ],
        [grids.grid("", "method", [grids.title(name) for name in hits.columns], rows)],
    )


def _types(found: pd.DataFrame) -> dict[str, Any] | None:
    """Return r by type and method in the plain tests."""
    tables, told = [], []
    for scenario in PLAIN:
        own = found[(found["scenario"] == scenario) & (found["counts"] != "RNA")]
        if not len(own):
            continue
        r = {name: stress.correlations(part) for name, part in own.groupby("method", sort=True)}
        grid = pd.DataFrame(r)
        controls = set(own.loc[own["control"].astype(bool), "method"])
        rows = [
            (name, False, [grids.cell(number(value), marks.ESTIMATE, max(0, value)) for value in row])
            for name, row in zip(grid.index, grid.to_numpy(), strict=True)
        ]
        columns = [f"{name} (control)" if name in controls else name for name in grid]
        tables.append(grids.grid(grids.title(scenario), "cell type", columns, rows))
        real = grid[[name for name in grid if name not in controls]].dropna()
        if real.shape[1]:
            told += _in_words(grids.title(scenario), real)
    if not tables:
        return None
    return grids.section(
        [
            "The correlation of estimated and known fractions across samples, for every cell type. A type that no "
            "method follows here cannot be told from this reference, whatever the bulk.",
            *told,
        ],
        tables,
        "0: the estimate is the same for all samples. A dash: the type is in no sample.",
    )


def _in_words(title: str, r: pd.DataFrame) -> list[str]:
    """Say which types all methods follow, and which none."""
    every = [name for name, row in r.iterrows() if row.min() >= TOLD]
    none = [name for name, row in r.iterrows() if row.max() < LOST]
    said = [f"{title}: followed by every method (r of {TOLD} or more): {listed(every) or 'no type'}."]
    return [*said, f"{title}: followed by no method (r below {LOST}): {listed(none)}."] if none else said


def _problems(records: Sequence[Record]) -> dict[str, Any] | None:
    """Return what failed or did not apply, a row for each reason."""
    where: dict[tuple[str, str, str], dict[str, None]] = {}
    for record in records:
        name, case = stress.label(record.fit), record.fit.case
        reasons = {f"{case}, {test}": facts["error"] for test, facts in record.tests.items() if "error" in facts}
        status = "no estimate"
        if record.status != OK:
            reasons, status = {case: record.said}, record.status
        for place, said in reasons.items():
            where.setdefault((name, status, said.splitlines()[0]), {})[place] = None
    rows = [(*reason, listed(places, 6)) for reason, places in where.items()]
    return {"rows": rows} if rows else None
