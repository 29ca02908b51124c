"""Sections that show the estimates by sample and by cell type, and the agreement between methods."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from unmix.evaluation import metrics
from unmix.io.levels import listed as listed_members
from unmix.report import colours, figures, marks, shades
from unmix.report.words import axis, between, ceiling, count, estimate, listed, number, percent, quantity

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from unmix.report.results import Result, Results

#: Meaning of the flags of fractions_long.tsv.
FLAGS = {
    "low_coverage": "Many genes of the model are missing from the bulk. Check the gene identifiers.",
    "unlike_reference": "The sample expresses genes that no pseudobulk of the reference's cell types explains. "
    "Possible reasons are another cell type, tissue or state, or a technical problem. The estimates may be wrong even "
    "where the intervals are narrow.",
    "unknown_cells": "The highest genes of the sample are of cells that the reference lacks, such as tumour or "
    "connective tissue. The estimates are fractions among the types of the reference at best.",
    "no_expression": "None of the genes of the model is expressed. The estimates carry no information.",
    "poor_library": "Nearly all reads are of mitochondrial and ribosomal genes. The estimates carry no information.",
}

#: Flagged samples up to which their table is open.
FOLDED = 10


def by_abundance(result: Result) -> list[str]:
    """Return the cell types, the most abundant on average first; scores keep their order."""
    if result.quantity == "score":
        return list(result.values)
    return list(result.values.mean().sort_values(ascending=False, kind="stable").index)


def fractions(results: Results) -> dict[str, Any]:
    """Show the estimates of the headline method at the leading level of cell types: stacked bars, and a table."""
    lead = results.headline
    said = _leading(lead)
    files = "levels.tsv" if said else "fractions_long.tsv"
    return _estimates(lead.leading, _colours_of_sums(lead)) | {"said": said, "files": files}


def finer(results: Results) -> dict[str, Any] | None:
    """Show the cell types themselves where groups of them lead."""
    lead = results.headline
    if lead.leading is lead:
        return None
    said = f"{lead.levels.sentence()} Their sums are right where the parts are not, so read these estimates with care."
    return _estimates(lead) | {"said": said, "files": "fractions_long.tsv"}


def _colours_of_sums(lead: Result) -> dict[str, str] | None:
    """Return the colours of the leading groups: each has that of its most abundant cell type in the other figures.

    None where the cell types lead themselves, or are more than there are colours.
    """
    types = by_abundance(lead)
    if lead.leading is lead or len(types) > colours.COLOURED:
        return None
    groups = lead.levels.groups[lead.levels.leads - 1]
    shown: dict[str, str] = {}
    for name, colour in zip(types, colours.colours(len(types)), strict=True):
        shown.setdefault(groups[name], colour)
    return shown


def _leading(lead: Result) -> str:
    """Say which groups of cell types lead the page; empty where the types themselves do."""
    if lead.leading is lead:
        return ""
    groups = lead.levels.groups[lead.levels.leads - 1]
    held = [f"{group} ({of})" for group, of in listed_members(groups).items() if list(groups.values()).count(group) > 1]
    return (
        f"Sums of cell types that cannot be told apart here: {listed(held)}. The cell types follow in the next section."
    )


def _estimates(lead: Result, shown: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the data of a figure and a table of estimates; `shown` are the colours of the types."""
    types = by_abundance(lead)
    values = lead.values[types]
    score = lead.quantity == "score"
    columns = len(values) > figures.LABELLED or figures.many(values)
    drawn = clustered(values)
    return {
        "words": quantity(lead),
        "title": lead.title,
        "score": score,
        "level": lead.level,
        "types": types,
        **legend(types, shown),
        "columns": columns,
        "each": not figures.many(values),
        "open": not columns and values.size <= figures.PRINTED,
        "figures": [] if score else figures.stacked(drawn, lead.name, shown),
        "heatmap": shades.heatmap(drawn, f"heatmap {len(types)}") if len(values) > 1 else [],
        "intervals": lead.lower is not None and bool(lead.lower.notna().any(axis=None)),
        "rows": [
            (
                sample,
                "ok" if lead.flags is None else lead.flags[sample],
                [(estimate(lead, row[name]), _interval(lead, sample, name)) for name in types],
            )
            for sample, row in values.iterrows()
        ]
        if not figures.many(values)
        else [],
    }


def clustered(values: pd.DataFrame) -> pd.DataFrame:
    """Return the samples in the order of a clustering (average linkage), so that alike ones are neighbours."""
    from scipy.cluster import hierarchy

    if len(values) < 3 or values.isna().any(axis=None):
        return values
    table = values.to_numpy(float)
    links = hierarchy.linkage(table, "average", optimal_ordering=len(values) <= figures.SAMPLES)
    return values.iloc[hierarchy.leaves_list(links)]


def legend(types: Sequence[str], shown: dict[str, str] | None = None) -> dict[str, Any]:
    """Return colour and name of every type that has a colour, and what the others are called."""
    rarer = len(types) - colours.COLOURED
    used = [shown[name] for name in types] if shown else colours.colours(colours.COLOURED)
    return {
        "legend": list(zip(used, types, strict=False)),
        "rest": count(rarer, "rarer cell type") if rarer > 0 else "",
        "rest_colour": colours.REST,
    }


def samples_to_check(results: Results) -> dict[str, Any] | None:
    """List the flagged samples and explain the flags."""
    lead = results.headline
    if lead.flags is None:
        return None
    flagged = {sample: flag.split(";") for sample, flag in lead.flags[lead.flags != "ok"].items()}
    reasons = sorted({reason for flags in flagged.values() for reason in flags})
    return {
        "total": count(len(lead.flags), "sample"),
        "unknown": _detection(lead.learned.get("intervals", {})),
        "flagged": len(flagged),
        "folded": len(flagged) > FOLDED,
        "rows": list(flagged.items())[: figures.ROWS],
        "reasons": [
            (
                reason,
                count(sum(reason in flags for flags in flagged.values()), "sample"),
                FLAGS.get(reason, "See the documentation of the method."),
            )
            for reason in reasons
        ],
    }


def _detection(intervals: dict[str, Any]) -> str:
    """Say from which share on the flag notices a cell type that the reference lacks, as measured in training."""
    if "unknown_from" not in intervals:
        return ""
    limit = intervals["unknown_from"]
    found = (
        f"Such a type was flagged in most samples only where it made up {percent(limit, 0)}% or more."
        if limit is not None
        else "Such a type was not flagged in most samples, even where it made up 80% of them."
    )
    return f"The sensitivity to a missing cell type was measured by removing each type from the reference. {found}"


def cell_types(results: Results) -> dict[str, Any] | None:
    """Show the distribution over the samples of the estimates of each cell type, or group of the leading level."""
    lead = results.headline.leading
    if len(lead.values) < 2:
        return None
    types = by_abundance(lead)
    score = lead.quantity == "score"
    low, high = min(0.0, lead.values.min(axis=None)), np.nan_to_num(lead.values.max(axis=None))
    ticks = axis(lead, low, high if score else ceiling(high))
    rows = []
    for name in types:
        values = lead.values[name].dropna()
        width = math.nan if lead.lower is None else (lead.upper[name] - lead.lower[name]).mean()
        rows.append(
            {
                "name": name,
                "mean": estimate(lead, values.mean()),
                "median": estimate(lead, values.median()),
                "range": between(estimate(lead, values.min()), estimate(lead, values.max())),
                "width": estimate(lead, width),
            }
        )
    return {
        "rows": rows,
        "figures": figures.spread(lead.values[types], ticks),
        "each": not figures.many(lead.values),
        "score": score,
        "title": lead.title,
        "widths": lead.lower is not None,
    }


def agreement(results: Results) -> dict[str, Any] | None:
    """Compare the methods with each other, without the controls."""
    methods = [result for result in results.methods if not result.control]
    if len(methods) < 2:
        return None
    r, difference = pairwise(methods)
    names = [result.title for result in methods]
    plots = []
    if not np.isnan(r).all():
        dark = np.nan_to_num(r).clip(0, 1)
        texts = [[number(value) for value in row] for row in r]
        title = "Mean r per cell type between every two methods"
        plots.append(("r", shades.matrix("agreement r", title, names, texts, dark, marks.ESTIMATE)))
    if not np.isnan(difference).all():
        dark = np.nan_to_num(difference / (np.nanmax(difference) or 1))
        texts = [[percent(value) for value in row] for row in difference]
        title = "Mean absolute difference between every two methods"
        plots.append(("difference", shades.matrix("agreement", title, names, texts, dark, marks.DIFFERENCE)))
    return {"plots": plots, "mixed": len({result.quantity for result in methods}) > 1}


def pairwise(methods: Sequence[Result]) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean r per cell type of every two methods, and their mean absolute difference (methods x methods)."""
    pairs = np.array([[_compare(a, b) for b in methods] for a in methods])
    return pairs[..., 0], pairs[..., 1]


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


def _interval(result: Result, sample: str, name: str) -> str:
    if result.lower is None:
        return ""
    ends = (estimate(result, table.loc[sample, name]) for table in (result.lower, result.upper))
    return between(*ends)
