"""Sections that show the estimates: every sample, every cell type, and how far methods agree."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from unmix.evaluate import metrics
from unmix.report.words import between, ceiling, count, estimate, number, percent, quantity

if TYPE_CHECKING:
    import pandas as pd

    from unmix.report.results import Result, Results

#: Types with a colour of their own; the rarer ones share grey, for more colours cannot be told apart.
COLOURS = 9
#: Samples that get a labelled bar each; more are drawn as columns, this many to a strip.
LABELLED, PER_STRIP = 60, 100
#: What the flags of fractions_long.tsv mean, and what to do.
FLAGS = {
    "low_coverage": "Many genes that the model uses are missing from the bulk. Check the gene identifiers.",
    "unlike_reference": "The sample expresses genes that no pseudobulk sample of the reference's cell types explains: another "
    "cell type, tissue or state, or a technical problem. Its numbers may be wrong although they look sharp.",
    "no_expression": "None of the genes that the model uses is expressed. The numbers say nothing.",
}


def by_abundance(result: Result) -> list[str]:
    """Return the cell types, the largest on average first; scores keep their order."""
    if result.quantity == "score":
        return list(result.values)
    return list(result.values.mean().sort_values(ascending=False, kind="stable").index)


def fractions(results: Results) -> dict[str, Any]:
    """Show every estimate of the headline method, as bars and as a table with intervals."""
    lead = results.headline
    types = by_abundance(lead)
    values = lead.values[types]
    score = lead.quantity == "score"
    bars = [] if score else [(sample, _segments(row)) for sample, row in values.iterrows()]
    strips = []
    if len(bars) > LABELLED:
        order = np.argsort(-values[types[0]].to_numpy(), kind="stable")
        strips = [[bars[i] for i in order[start : start + PER_STRIP]] for start in range(0, len(bars), PER_STRIP)]
    return {
        "words": quantity(lead),
        "title": lead.title,
        "score": score,
        "level": lead.level,
        "types": types,
        "legend": [(f"c{i}", name) for i, name in enumerate(types[:COLOURS])],
        "rest": count(len(types) - COLOURS, "rarer cell type") if len(types) > COLOURS else "",
        "bars": [] if strips else bars,
        "strips": strips,
        "column": 100 / PER_STRIP,
        "open": len(values) <= LABELLED,
        "intervals": lead.lower is not None and bool(lead.lower.notna().any(axis=None)),
        "rows": [
            (
                sample,
                "ok" if lead.flags is None else lead.flags[sample],
                [(estimate(lead, row[name]), _interval(lead, sample, name)) for name in types],
            )
            for sample, row in values.iterrows()
        ],
    }


def trust(results: Results) -> dict[str, Any] | None:
    """List the flagged samples and say what the flags mean."""
    lead = results.headline
    if lead.flags is None:
        return None
    flagged = {sample: flag.split(";") for sample, flag in lead.flags[lead.flags != "ok"].items()}
    reasons = sorted({reason for flags in flagged.values() for reason in flags})
    return {
        "total": count(len(lead.flags), "sample"),
        "unknown": _detection(lead.learned.get("intervals", {})),
        "flagged": flagged,
        "reasons": [
            (
                reason,
                count(sum(reason in flags for flags in flagged.values()), "sample"),
                FLAGS.get(reason, "See the documentation of the method."),
            )
            for reason in reasons
        ],
    }


def _detection(calibration: dict[str, Any]) -> str:
    """Say how much of a cell type that the reference lacks the flags notice, as measured when the model was trained."""
    if "unknown_from" not in calibration:
        return ""
    limit = calibration["unknown_from"]
    found = (
        f"only from {percent(limit, 0)}% of a sample on does such a type raise the flag in most samples"
        if limit is not None
        else "such a type did not raise the flag in most samples, even where it made up 80% of them"
    )
    return (
        f"How much of a cell type that the reference lacks would be noticed was measured by leaving its own types out "
        f"in turn: {found}. Below that, nothing here tells."
    )


def cell_types(results: Results) -> dict[str, Any] | None:
    """Show how the estimates of each cell type spread over the samples."""
    lead = results.headline
    if len(lead.values) < 2:
        return None
    low, high = min(0.0, lead.values.min(axis=None)), lead.values.max(axis=None)
    high = high if lead.quantity == "score" else ceiling(high)
    rows = []
    for name in by_abundance(lead):
        values = lead.values[name].dropna()
        width = math.nan if lead.lower is None else (lead.upper[name] - lead.lower[name]).mean()
        rows.append(
            {
                "name": name,
                "mean": estimate(lead, values.mean()),
                "median": estimate(lead, values.median()),
                "range": between(estimate(lead, values.min()), estimate(lead, values.max())),
                "width": estimate(lead, width),
                "middle": 100 * (values.median() - low) / ((high - low) or 1),
                "points": [(sample, 100 * (v - low) / ((high - low) or 1)) for sample, v in values.items()],
            }
        )
    axis = [estimate(lead, low + share * (high - low), 0) for share in (0, 0.5, 1)]
    return {
        "rows": rows,
        "axis": axis,
        "unit": "" if lead.quantity == "score" else "%",
        "title": lead.title,
        "widths": lead.lower is not None,
    }


def agreement(results: Results) -> dict[str, Any] | None:
    """Compare the methods with each other; controls are left out, as they follow no sample."""
    methods = [result for result in results.methods if not result.control]
    if len(methods) < 2:
        return None
    pairs = [[_compare(a, b) for b in methods] for a in methods]
    furthest = max((d for row in pairs for _, d in row if not math.isnan(d)), default=0.0) or 1.0
    return {
        "titles": [result.title for result in methods],
        "r": [[(number(r), _shade(r)) for r, _ in row] for row in pairs],
        "difference": [[(percent(d), _shade(d / furthest)) for _, d in row] for row in pairs],
        "correlated": any(not math.isnan(r) for row in pairs for r, _ in row),
        "mixed": len({result.quantity for result in methods}) > 1,
    }


def _compare(one: Result, other: Result) -> tuple[float, float]:
    """Return the mean per-type r and, if both measure the same, the mean absolute difference."""
    a, b = one.values, other.values
    samples, types = a.index.intersection(b.index), a.columns.intersection(b.columns)
    if not len(samples) or not len(types):
        return math.nan, math.nan
    x, y = a.loc[samples, types].to_numpy(float), b.loc[samples, types].to_numpy(float)
    varies = ~(metrics.is_constant(x) | metrics.is_constant(y))
    r = metrics.agreement(x[:, varies], y[:, varies])["pearson"].mean() if varies.any() else math.nan
    same = one.quantity == other.quantity != "score"
    return float(r), float(np.abs(x - y).mean()) if same else math.nan


def _shade(value: float) -> int:
    """Return how strongly a cell is tinted, in percent."""
    return 0 if math.isnan(value) else round(100 * min(max(value, 0.0), 1.0))


def _segments(row: pd.Series) -> list[tuple[float, float, str, str]]:
    """Return the parts of a stacked bar: start, length (in percent), colour, what it is."""
    values = np.clip(np.nan_to_num(row.to_numpy(float)), 0, None)
    lengths = 100 * values / max(1.0, values.sum())
    starts = np.cumsum(lengths) - lengths
    parts = [
        (starts[i], lengths[i], f"c{i}", f"{name}: {percent(values[i])}%")
        for i, name in enumerate(row.index[:COLOURS])
        if lengths[i] > 0.005
    ]
    rest = lengths[COLOURS:].sum()
    if rest > 0.005:
        parts.append((starts[COLOURS], rest, "rest", f"rarer types: {percent(values[COLOURS:].sum())}%"))
    return parts


def _interval(result: Result, sample: str, name: str) -> str:
    if result.lower is None:
        return ""
    ends = (estimate(result, table.loc[sample, name]) for table in (result.lower, result.upper))
    return between(*ends)
