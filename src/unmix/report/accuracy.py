"""Sections that compare estimates with the truth, always with the controls beside them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from unmix.report.estimates import LABELLED, by_abundance
from unmix.report.words import MINUS, between, ceiling, count, estimate, listed, number, percent, ticks

if TYPE_CHECKING:
    from collections.abc import Callable

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
    ("truth in interval, %", "mean_type", "coverage", "value", percent),
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
    ("truth in interval, %", "type", "coverage", "value", percent),
)


def accuracy(results: Results) -> dict[str, Any] | None:
    """Lay all methods and controls side by side, per-type correlation first."""
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
        "dots": [
            plot for plot in (_dots(scored, "pearson", number), _dots(scored, "mae", percent)) if plot is not None
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
    """Draw estimate against truth, one panel per cell type."""
    lead = results.headline
    if lead.pairs is None:
        return None
    score = lead.quantity == "score"
    panels = []
    for name in _types([lead], results):
        pairs = lead.pairs[lead.pairs["cell_type"] == name]
        right = ceiling(pairs["truth"].max())
        low, high = 0.0, max(right, ceiling(pairs["estimate"].max()))
        if score:
            low, high = pairs["estimate"].min(), pairs["estimate"].max()
        else:
            right = high
        y, *ends = ((pairs[c].clip(low, high) - low) / ((high - low) or 1) for c in ("estimate", "lower", "upper"))
        digits = 0 if right >= 0.1 else 1
        panels.append(
            {
                "name": name,
                "r": number(lead.metric("type", "pearson", name)["value"]),
                "ccc": number(lead.metric("type", "ccc", name)["value"]),
                "x": [percent(share * right, digits) for share in (0, 0.5, 1)],
                "y": [estimate(lead, low + share * (high - low), digits) for share in (0, 0.5, 1)],
                "points": list(zip(pairs["sample"], pairs["truth"] / right, y, *ends, strict=True)),
                "intervals": len(pairs) <= LABELLED and bool(ends[0].notna().any()),
            }
        )
    return {"title": lead.title, "panels": panels, "score": score}


def paragraphs(results: Results) -> list[str]:
    """Say how accurate the headline method is, and what that is worth beside the controls."""
    lead = results.headline
    r, mae, inside = (lead.metric("mean_type", metric) for metric in ("pearson", "mae", "coverage"))
    where = f"the truth of {count(_samples(lead), 'sample')} and {count(len(_types([lead], results)), 'cell type')}"
    said = []
    if math.isnan(r["value"]):
        said.append(f"Compared with {where}, no correlation across samples is defined, as the truth does not vary.")
    else:
        interval = between(number(r["lower"]), number(r["upper"]))
        said.append(
            f"Compared with {where}, the estimates follow the differences between samples with a mean r of "
            f"{number(r['value'])} per cell type ({f'95% interval {interval}; ' if interval else ''}median "
            f"{number(r['median'])}); 1 is perfect, 0 is none."
        )
    if not math.isnan(mae["value"]):
        said.append(f"On average an estimate is off by {percent(mae['value'])} percentage points.")
    if not math.isnan(inside["value"]):
        meant = f" of the intervals that were meant to hold {lead.level}%" if lead.level else " of the intervals"
        said.append(f"{percent(inside['value'], 0)}%{meant} hold the truth.")
    told, verdict = ([], "") if lead.control else _verdict(lead, results)
    return [" ".join(said + told), *([verdict] if verdict else [])]


def _verdict(lead: Result, results: Results) -> tuple[list[str], str]:
    """Say what the controls reach, and whether the method is clearly better."""
    controls = [result for result in results.methods if result.control and result.metrics is not None]
    if not controls:
        return [], "No control was run beside it, so there is nothing to hold these figures against."
    r, mae = lead.metric("mean_type", "pearson"), lead.metric("mean_type", "mae")
    best_r, best_mae = _best(controls)
    told = f"The controls, which look at no sample ({listed([c.title for c in controls])}), reach"
    marks = [f"a mean r of {number(best_r)}"] if not math.isnan(best_r) else []
    marks += [f"an error of {percent(best_mae)} points"] if not math.isnan(best_mae) else []
    said = [f"{told} {' and '.join(marks)} at best."] if marks else []
    if math.isnan(r["lower"]) or math.isnan(best_r):
        return said, ""
    follows, closer = r["lower"] > best_r, mae["upper"] < best_mae
    if lead.quantity == "score":
        closer = follows
    verdicts = {
        (True, True): "is clearly better than every control.",
        (True, False): "follows the differences between samples clearly better than every control, but its error is "
        "not clearly smaller: read it as more or less, not as exact percentages.",
        (False, True): "has a clearly smaller error than every control, but does not follow the differences between "
        "samples clearly better.",
        (False, False): "is not clearly better than the controls: build nothing on these numbers alone.",
    }
    return said, f"{lead.title} {verdicts[follows, closer]}"


def _asides(scored: list[Result]) -> list[str]:
    """Name the methods that the controls match, and those that measure something else."""
    mrna = [result.title for result in scored if result.quantity == "mrna"]
    kinds = f"Fractions of mRNA, which a truth of cell counts does not quite measure: {listed(mrna)}."
    return _matched(scored) + ([kinds] if mrna and len(mrna) < len(scored) else [])


def _matched(scored: list[Result]) -> list[str]:
    controls = [result for result in scored if result.control]
    others = [result for result in scored if not result.control]
    if not controls or len(others) < 2:
        return []
    best_r, best_mae = _best(controls)
    weak = [m.title for m in others if m.metric("mean_type", "pearson")["lower"] <= best_r]
    far = [m.title for m in others if m.metric("mean_type", "mae")["value"] >= best_mae]
    said = (
        [f"No better than a control in mean r, as far as this many samples can tell: {listed(weak)}."] if weak else []
    )
    return said + ([f"Further from the truth on average than the best control: {listed(far)}."] if far else [])


def _best(controls: list[Result]) -> tuple[float, float]:
    """Return the highest mean r and the lowest error of the controls; an oracle is no control to beat."""
    blind = [control for control in controls if control.name != "oracle"]
    r = [control.metric("mean_type", "pearson")["value"] for control in blind]
    mae = [control.metric("mean_type", "mae")["value"] for control in blind]
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
    return {
        "text": number(value),
        "interval": between(number(row["lower"]), number(row["upper"])) if row["flag"] == "" else "",
        "shade": 0 if math.isnan(value) else round(100 * abs(value)),
        "negative": value < 0,
        "constant": row["flag"] == "constant_estimate",
    }


def _dots(scored: list[Result], metric: str, write: Callable[[float], str]) -> dict[str, Any] | None:
    """Return one row per method: its value and interval on a common axis."""
    rows = [(result, result.metric("mean_type", metric)) for result in scored]
    known = [v for _, row in rows for v in (row["value"], row["lower"], row["upper"]) if not math.isnan(v)]
    if not known:
        return None
    scale = 1 if metric == "pearson" else 100
    low, high = 0.0, 1.0 if metric == "pearson" else ceiling(max(known))
    if min(known) < 0:
        low = -0.5 if min(known) >= -0.5 else -1.0
    return {
        "metric": metric,
        "ticks": [
            (100 * (tick - low) / (high - low), f"{scale * tick:g}".replace("-", MINUS)) for tick in ticks(low, high)
        ],
        "zero": 100 * -low / (high - low),
        "rows": [
            (
                result,
                [
                    None if math.isnan(row[k]) else 100 * (row[k] - low) / (high - low)
                    for k in ("value", "lower", "upper")
                ],
                write(row["value"]),
                between(write(row["lower"]), write(row["upper"])),
            )
            for result, row in rows
        ],
    }
