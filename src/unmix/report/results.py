"""Read a folder of results: one folder per method, and what preceded them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any

from unmix.errors import DataError
from unmix.io import records
from unmix.io.fractions import read_fractions
from unmix.io.levels import Levels
from unmix.io.long_tables import ALL, read_intervals, read_levels, read_long
from unmix.io.outputs import standing
from unmix.report.asked import Asked, Skipped

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

#: Further tables of a method, their columns of names, and those of numbers that the report reads.
TABLES = {
    "metrics": (("level", "cell_type", "metric", "flag"), ("value", "lower", "upper", "n", "median")),
    "pairs": (("sample", "cell_type"), ("truth", "estimate", "lower", "upper")),
    "effects": (
        ("contrast", "variable", "reference", "target", "cell_type"),
        (
            *("samples_reference", "samples_target", "log2_ratio", "lower", "upper", "p_value", "q_value"),
            *("points", "points_lower", "points_upper"),
        ),
    ),
    "groups": (("contrast", "sample", "value"), ()),
    "survival": (("cell_type",), ("hazard_ratio", "lower", "upper", "p_value", "q_value", "log_rank_p")),
    "survival_curves": (("cell_type", "group"), ("time", "at_risk", "survival", "lower", "upper")),
    "fit": (("sample", "higher", "lower"), ("markers", "correlation", "error")),
    "fit_markers": (("sample", "gene", "cell_type"), ("observed", "fitted")),
    "attributions": (("sample", "cell_type", "gene"), ("attribution",)),
}

_NO_METRIC = {"value": math.nan, "lower": math.nan, "upper": math.nan, "n": 0, "median": math.nan, "flag": ""}


#: By which a fraction may leave [0, 1].
TOLERANCE = 1e-6


@dataclass(frozen=True, kw_only=True)
class Result(Asked):
    """What one method gave; its record is that of the prediction.

    Attributes
    ----------
    values
        Samples x cell types.
    quantity
        A key of ``unmix.io.fractions.QUANTITIES``.
    lower, upper
        Ends of the intervals (samples x cell types), or None.
    flags
        One string per sample, or None.
    metrics, pairs
        ``metrics.tsv`` and the pairs it was computed from, or None.
    effects, groups, survival, survival_curves
        Tables of the comparison of groups, or None.
    fit, fit_markers
        How well the reference explains the markers in each sample, and the markers of the worst; or None.
    attributions
        Strongest genes, over all samples (``attributions.tsv``), or None.
    evaluation, comparison
        What evaluate and compare recorded; empty where absent.
    levels, sums
        Groups of the cell types, and the same result over the groups of each level; empty where there are none.
    """

    values: pd.DataFrame
    quantity: str
    lower: pd.DataFrame | None = None
    upper: pd.DataFrame | None = None
    flags: pd.Series | None = None
    metrics: pd.DataFrame | None = None
    pairs: pd.DataFrame | None = None
    effects: pd.DataFrame | None = None
    groups: pd.DataFrame | None = None
    survival: pd.DataFrame | None = None
    survival_curves: pd.DataFrame | None = None
    fit: pd.DataFrame | None = None
    fit_markers: pd.DataFrame | None = None
    attributions: pd.DataFrame | None = None
    evaluation: dict[str, Any] = field(default_factory=dict)
    comparison: dict[str, Any] = field(default_factory=dict)
    levels: Levels = field(default_factory=Levels)
    sums: tuple[Result, ...] = ()

    @property
    def leading(self) -> Result:
        """The result over the finest groups of cell types that the reference can tell; or over the cell types."""
        return self.sums[self.levels.leads - 1] if self.sums and self.levels.leads else self

    @property
    def learned(self) -> dict[str, Any]:
        """What run.json says of the model."""
        return self.run.get("model", {})

    @property
    def level(self) -> str:
        """Nominal coverage of the intervals in percent; empty where it is not known."""
        level = self.run.get("level")
        return f"{level * 100:g}" if level else ""

    @cached_property
    def _metrics(self) -> dict[tuple[str, str, str], dict[str, Any]]:
        rows = [] if self.metrics is None else self.metrics.to_dict("records")
        return {(row["level"], row["metric"], row["cell_type"]): row for row in rows}

    def metric(self, level: str, metric: str, cell_type: str = "") -> dict[str, Any]:
        """Return one row of metrics.tsv; missing values where there is none."""
        return self._metrics.get((level, metric, cell_type), _NO_METRIC)


@dataclass(frozen=True)
class Results:
    """A folder of results: the methods (the headline first, controls last), skipped methods, and the preceding steps.

    `marker_signal` (``sample cell_type signal``) and `markers` (genes by cell type) are of the check of the bulk.
    `request` is what was asked for (``request.json``), empty where that is not known.
    `methods` may be empty only if a method was skipped, or a step before all methods failed (the first of `skipped`).
    """

    methods: list[Result]
    skipped: list[Skipped]
    checks: list[dict[str, str]]
    reference: list[str]
    request: dict[str, Any] = field(default_factory=dict)
    marker_signal: pd.DataFrame | None = None
    markers: dict[str, list[str]] = field(default_factory=dict)

    @property
    def headline(self) -> Result:
        """The method whose fractions lead the page."""
        return self.methods[0]


def read_results(folder: Path, headline: str | None = None) -> Results:
    """Read a folder that holds one folder per method, or the output of one method.

    Parameters
    ----------
    folder
        As docs/data_contracts.md describes.
    headline
        Name of the method that leads. By default the one whose fractions also stand in `folder` itself, else the
        first that is no control.

    Raises
    ------
    DataError
        If there are no fractions and no method was skipped, or there is no method named `headline`.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder", "a folder of results", "give the folder that holds fractions.tsv")
    places = [path.parent for path in standing(folder, "*/fractions.tsv")]
    names = [place.name for place in places]
    skipped = [
        Skipped(name=path.parent.name, run=records.read(path, "step", "error"))
        for path in standing(folder, "*/*skipped.json")
    ]
    skipped = [method for method in skipped if bool(method.part) == (method.name in names)]
    skipped.sort(key=lambda method: (not method.preceding, method.control, method.name))
    if headline is not None and headline not in names:
        raise DataError(f"no method {headline!r} in {folder}", f"one of {', '.join(names)}", "correct --headline")
    leader = folder / headline if headline else None
    top = folder / "fractions.tsv"
    if top.exists() and leader is None:
        same = [place for place in places if (place / "fractions.tsv").read_bytes() == top.read_bytes()]
        leader = same[0] if same else folder
        places = places if same else [folder, *places]
    if not places and not skipped:
        raise DataError(
            f"{folder}: no fractions.tsv in it, nor in a folder below it",
            "one folder per method, each with fractions.tsv",
            "run unmix_predict.py with --out-dir inside this folder",
        )
    read = [(place, _read_result(place)) for place in places]
    read.sort(key=lambda item: (item[0] != leader, item[1].control, item[1].name))
    methods = [result for _, result in read]
    checks = folder / "check" / "check.tsv"
    rows = read_long(checks, ("level", "sentence")).to_dict("records") if checks.exists() else []
    prepared = sorted(folder.glob("references/*.run.json"))  # of unmix_run.py; a task of the pipeline has it beside
    reference = records.read(prepared[0] if prepared else folder / "reference.run.json").get("messages", [])
    signal = folder / "check" / "marker_signal.tsv"
    return Results(
        methods,
        skipped,
        rows,
        reference,
        request=records.read(folder / "request.json"),
        marker_signal=read_long(signal, ("sample", "cell_type"), ("signal",)) if signal.exists() else None,
        markers=records.read(folder / "check" / "run.json").get("markers", {}),
    )


def _read_result(folder: Path) -> Result:
    values, quantity = read_fractions(folder / "fractions.tsv")
    values.columns = values.columns.astype(str)
    tables: dict[str, Any] = {}
    if (folder / "fractions_long.tsv").exists():
        long = read_intervals(folder / "fractions_long.tsv", ("flag", "quantity"))
        wide = long.pivot_table(index="sample", columns="cell_type", values=["lower", "upper"], dropna=False)
        for end in ("lower", "upper"):
            tables[end] = wide[end].reindex(index=values.index, columns=values.columns).astype(float)
        held = set(zip(long["sample"], long["cell_type"], strict=True))
        known = {name for name, flag in zip(long["sample"], long["flag"], strict=True) if isinstance(flag, str)}
        _refuse(
            folder, [pair for pair in product(values.index, values.columns) if pair not in held or pair[0] not in known]
        )
        tables["flags"] = long.drop_duplicates("sample").set_index("sample")["flag"].reindex(values.index)
    for name, columns in TABLES.items():
        if (folder / f"{name}.tsv").exists():
            tables[name] = read_long(folder / f"{name}.tsv", *columns)
    if (rows := tables.get("attributions")) is not None:
        tables["attributions"] = rows[rows["sample"] == ALL]
    if quantity != "score":
        outside = (values < -TOLERANCE) | (values > 1 + TOLERANCE)
        _refuse(folder, [pair for pair in product(values.index, values.columns) if outside.loc[pair]])
    run = records.read(folder / "run.json")
    if sizes := run.get("mrna_per_cell"):
        states = sizes.get("states", {})
        sized = {states.get(name, name) for name in sizes["values"]}
        _refuse(folder, [("run.json", name) for name in values.columns if name not in sized])
    evaluation = records.read(folder / "metrics.run.json").get("evaluation", {})
    comparison = records.read(folder / "comparison.run.json").get("comparison", {})
    recorded = {"evaluation": evaluation, "comparison": comparison}
    result = Result(name=folder.name, run=run, values=values, quantity=quantity, **recorded, **tables)
    levels, by_level = read_levels(folder / "levels.tsv", run.get("levels", {}), values.index, values.columns)
    return replace(result, levels=levels, sums=tuple(_of_groups(result, by_level[name]) for name in by_level))


def _of_groups(result: Result, rows: pd.DataFrame) -> Result:
    """Return the result of a method over groups of cell types, from the rows of one level."""
    wide = rows.pivot(index="sample", columns="cell_type", values=["fraction", "lower", "upper"])
    order = {"index": result.values.index, "columns": list(dict.fromkeys(rows["cell_type"]))}
    values, lower, upper = (wide[name].reindex(**order).astype(float) for name in ("fraction", "lower", "upper"))
    return replace(result, values=values, lower=lower, upper=upper, sums=())


def _refuse(folder: Path, pairs: list[tuple[str, str]]) -> None:
    """Refuse tables that do not belong together, or are not of fractions, by the first sample and type of which."""
    if pairs:
        raise DataError(
            f"{folder}: tables and run.json do not agree on {pairs[0][1]!r} of {pairs[0][0]!r}, or it is no fraction",
            "fractions.tsv, fractions_long.tsv and run.json of one prediction",
            "run unmix_predict.py again",
        )
