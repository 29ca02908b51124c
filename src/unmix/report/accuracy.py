"""Sections that compare estimates with known fractions, always beside the controls."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from unmix.report import figures, marks
from unmix.report.estimates import by_abundance
from unmix.report.words import MINUS, axis, between, ceiling, count, listed, number, percent, ticks

if TYPE_CHECKING:
    from collections.abc import Callable

    from markupsafe import Markup

    from unmix.report.results import Result, Results

#: Columns of the tables: heading, level, metric, column of metrics.tsv, how it is written.
Column = tuple[str, str, str, str, "Callable[[float], str]"]


def _three(value: float) -> str:
    return number(value, 3)


METHODS: tuple[Column, ...] = (
    ("mean r", "mean_type", "pearson", "value", number),
    ("median r", "mean_type", "pearson", "median", number),
    ("mean CCC", "mean_type", "ccc", "value", number),
    ("mean abs. error, points", "mean_type", "mae", "value", percent),
    ("coverage, %", "mean_type", "coverage", "value", percent),
    ("r within samples", "sample", "pearson", "value", number),
    ("JSD", "sample", "jsd", "value", _three),
    ("pooled r", "all", "pearson", "value", number),
    ("pooled CCC", "all", "ccc", "value", number),
    ("pooled RMSE, points", "all", "rmse", "value", percent),
)
TYPES: tuple[Column, ...] = (
    ("r", "type", "pearson", "value", number),
    ("Spearman r", "type", "spearman", "value", number),
    ("CCC", "type", "ccc", "value", number),
    ("abs. error, points", "type", "mae", "value", percent),
    ("bias, points", "type", "bias", "value", percent),
    ("slope", "type", "slope", "value", number),
    ("coverage, %", "type", "coverage", "value", percent),
)


def accuracy(results: Results) -> dict[str, Any] | None:
    """Compare all methods and controls, by correlation per cell type first."""
    scored = [result for result in results.methods if result.metrics is not None]
    if not scored:
        return None
    scored.sort(key=lambda result: -np.nan_to_num(result.metric("mean_type", "pearson")["value"], nan=-2))
    types = _types(scored, results)
    lead = results.headline
    columns = [column for column in METHODS if _used(column, scored, [""])]
    type_columns = [column for column in TYPES if _used(column, [lead], types)]
    heat = [(result, [_heat(result.metric("type", "pearson", name)) for name in types]) for result in scored]
    return {
        "lead": lead,
        "samples": max(_samples(result) for result in scored),
        "plots": [
            (metric, plot)
            for metric, write in (("pearson", number), ("mae", percent))
            if (plot := _plot(scored, metric, write)) is not None
        ],
        "columns": [column[0] for column in columns],
        "rows": [(result, [_cell(result, column) for column in columns]) for result in scored],
        "types": types,
        "heat": heat,
        "constant": any(cell["constant"] for _, cells in heat for cell in cells),
        "type_columns": [column[0] for column in type_columns],
        "type_rows": [(name, [_cell(lead, column, name) for column in type_columns]) for name in types],
        "notes": lead.evaluation.get("notes", []),
        "sentences": _asides(scored),
    }


def scatter(results: Results) -> dict[str, Any] | None:
    """Draw estimate against known fraction, one panel per cell type."""
    lead = results.headline
    if lead.pairs is None:
        return None
    score = lead.quantity == "score"
    summarised = figures.many(lead.values)
    captions, panels = [], []
    for name in _types([lead], results):
        pairs = lead.pairs[lead.pairs["cell_type"] == name]
        right = ceiling(pairs["truth"].max())
        low, high = 0.0, max(right, ceiling(pairs["estimate"].max()))
        if score:
            low, high = pairs["estimate"].min(), pairs["estimate"].max()
        else:
            right = high
        if len(pairs) > figures.LABELLED:  # so many intervals would cover each other
            pairs = pairs.assign(lower=math.nan, upper=math.nan)
        r, ccc = (number(lead.metric("type", metric, name)["value"]) for metric in ("pearson", "ccc"))
        captions.append((name, f"r {r}" if score else f"r {r}, CCC {ccc}"))
        title = f"{name}: estimate against known fraction, r {r}"
        across = [(tick, f"{round(100 * tick, 1):g}") for tick in (0, right / 2, right)]
        panels.append((title, pairs, across, axis(lead, low, high) if score else across, not score))
    return {
        "title": lead.title,
        "panels": list(zip(captions, figures.scatter(panels, summarised), strict=True)),
        "score": score,
        "each": not summarised,
    }


def paragraphs(results: Results) -> list[str]:
    """Say how accurate the headline method is, and how it compares with the controls."""
    lead = results.headline
    r, mae, inside = (lead.metric("mean_type", metric) for metric in ("pearson", "mae", "coverage"))
    where = f"{count(_samples(lead), 'sample')} and {count(len(_types([lead], results)), 'cell type')}"
    said = [f"The estimates were compared with the known fractions of {where}."]
    if math.isnan(r["value"]):
        said.append("No correlation across samples is defined, because the known fractions do not vary.")
    else:
        interval = between(number(r["lower"]), number(r["upper"]))
        said.append(
            f"The mean r per cell type is {number(r['value'])} "
            f"({f'95% interval {interval}; ' if interval else ''}median {number(r['median'])})."
        )
    if not math.isnan(mae["value"]):
        said.append(f"The mean absolute error is {percent(mae['value'])} percentage points.")
    if not math.isnan(inside["value"]):
        level = f"{lead.level}% " if lead.level else ""
        said.append(f"Empirical coverage of the {level}intervals: {percent(inside['value'], 0)}%.")
    beside, verdict = ([], "") if lead.control else _verdict(lead, results)
    return [" ".join(said + beside), *([verdict] if verdict else [])]


def _verdict(lead: Result, results: Results) -> tuple[list[str], str]:
    """Say what the controls reach, and whether the method is clearly better."""
    controls = [result for result in results.methods if result.control and result.metrics is not None]
    if not controls:
        return [], "No control was run for comparison, so these figures have no baseline."
    r, mae = lead.metric("mean_type", "pearson"), lead.metric("mean_type", "mae")
    best_r, best_mae = _best(controls)
    marks = [f"a mean r of {number(best_r)}"] if not math.isnan(best_r) else []
    marks += [f"a mean absolute error of {percent(best_mae)} points"] if not math.isnan(best_mae) else []
    names = listed([control.title for control in controls])
    said = [f"The best of the input-independent controls ({names}) reach {' and '.join(marks)}."] if marks else []
    if math.isnan(r["lower"]) or math.isnan(best_r):
        return said, ""
    follows, closer = r["lower"] > best_r, mae["upper"] < best_mae
    if lead.quantity == "score":
        closer = follows
    verdicts = {
        (True, True): "is clearly better than every control.",
        (True, False): "has a clearly higher mean r than every control, but its error is not clearly smaller. Use the "
        "estimates to compare samples, not as absolute percentages.",
        (False, True): "has a clearly smaller error than every control, but its mean r is not clearly higher. It does "
        "not show the differences between samples.",
        (False, False): "is not clearly better than the controls. Draw no conclusions from these estimates alone.",
    }
    return said, f"{lead.title} {verdicts[follows, closer]}"


def _asides(scored: list[Result]) -> list[str]:
    """Name the methods that are no better than the controls, and those that estimate something else."""
    mrna = [result.title for result in scored if result.quantity == "mrna"]
    other = f"These methods estimate fractions of mRNA, which differ from fractions of cells: {listed(mrna)}."
    return _matched(scored) + ([other] if mrna and len(mrna) < len(scored) else [])


def _matched(scored: list[Result]) -> list[str]:
    controls = [result for result in scored if result.control]
    others = [result for result in scored if not result.control]
    if not controls or len(others) < 2:
        return []
    best_r, best_mae = _best(controls)
    weak = [m.title for m in others if m.metric("mean_type", "pearson")["lower"] <= best_r]
    far = [m.title for m in others if m.metric("mean_type", "mae")["value"] >= best_mae]
    said = [f"Mean r not clearly above that of the best control: {listed(weak)}."] if weak else []
    return said + ([f"Mean absolute error not below that of the best control: {listed(far)}."] if far else [])


def _best(controls: list[Result]) -> tuple[float, float]:
    """Return the highest mean r and the lowest error of the controls; the oracle knows the fractions: no baseline."""
    independent = [control for control in controls if control.name != "oracle"]
    r = [control.metric("mean_type", "pearson")["value"] for control in independent]
    mae = [control.metric("mean_type", "mae")["value"] for control in independent]
    defined = [[value for value in values if not math.isnan(value)] for values in (r, mae)]
    return max(defined[0], default=math.nan), min(defined[1], default=math.nan)


def _types(scored: list[Result], results: Results) -> list[str]:
    """Return the types that were compared, in the order of the rest of the page."""
    compared = dict.fromkeys(name for result in scored for name in result.metrics.query("level == 'type'")["cell_type"])
    order = {name: i for i, name in enumerate(by_abundance(results.headline))}
    return sorted(compared, key=lambda name: order.get(name, len(order)))


def _samples(result: Result) -> int:
    return int(result.metrics.query("level == 'type'")["n"].max())


def _used(column: Column, scored: list[Result], types: list[str]) -> bool:
    _, level, metric, key, _ = column
    return any(not math.isnan(result.metric(level, metric, name)[key]) for result in scored for name in types)


def _cell(result: Result, column: Column, name: str = "") -> tuple[str, str]:
    """Return a value and its interval as text."""
    _, level, metric, key, write = column
    row = result.metric(level, metric, name)
    return write(row[key]), between(write(row["lower"]), write(row["upper"])) if key == "value" else ""


def _heat(row: dict[str, Any]) -> dict[str, Any]:
    value = row["value"]
    colour = marks.DIFFERENCE if value < 0 else marks.ESTIMATE  # with an opacity, to show on any background
    return {
        "text": number(value),
        "interval": between(number(row["lower"]), number(row["upper"])) if row["flag"] == "" else "",
        "colour": "" if math.isnan(value) or value == 0 else f"{colour}{round(140 * abs(value)):02x}",
        "constant": row["flag"] == "constant_estimate",
    }


def _plot(scored: list[Result], metric: str, write: Callable[[float], str]) -> Markup | None:
    """Draw the mean over cell types of every method with its interval."""
    rows = [(result, result.metric("mean_type", metric)) for result in scored]
    drawn = [
        (result.title, result.control, [row[key] for key in ("value", "lower", "upper")], write(row["value"]))
        for result, row in rows
    ]
    known = [value for _, _, values, _ in drawn for value in values if not math.isnan(value)]
    if not known:
        return None
    correlation = metric == "pearson"
    low, high = 0.0, 1.0 if correlation else ceiling(max(known))
    if min(known) < 0:
        low = -0.5 if min(known) >= -0.5 else -1.0
    marks = [(tick, f"{tick if correlation else 100 * tick:.4g}".replace("-", MINUS)) for tick in ticks(low, high)]
    title = "Mean r per cell type of every method" if correlation else "Mean absolute error of every method, in points"
    return figures.intervals(f"accuracy {metric}", title, drawn, marks)
