"""The section that asks whether the markers of a cell type are expressed where its fraction says."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from unmix.report import figures
from unmix.report.estimates import by_abundance
from unmix.report.words import axis, ceiling, listed, number

if TYPE_CHECKING:
    from unmix.report.results import Result, Results

#: Fewest samples for a correlation; rank correlations below which a type is named; markers that are listed.
FEWEST, LOW, SHOWN = 5, 0.3, 5
#: log2 units from which the signal of a type differs between the samples.
DIFFERS = 1.0
#: A sample contradicts where its ranks by fraction and by signal differ by more than this share of the samples.
APART = 0.5


def markers(results: Results) -> dict[str, Any] | None:
    """Show estimate against the signal of the markers, a panel per cell type, and the rank correlations."""
    lead = results.headline.leading
    if results.marker_signal is None or len(lead.values) < FEWEST:
        return None
    signal = results.marker_signal.pivot_table(index="sample", columns="cell_type", values="signal")
    signal = signal.reindex(lead.values.index)
    panels, rows, low, flat = [], [], [], []
    types = by_abundance(lead)
    for name in [one for one in types if one in signal]:
        values, seen = lead.values[name], signal[name]
        r = _spearman(values, seen)
        if r < LOW:
            low.append(name)
        if values.nunique() < 2 and np.ptp(seen.dropna()) > DIFFERS:
            flat.append(name)
        apart = _contradicting(values, seen)
        rows.append((name, number(r), listed(results.markers.get(name, [])[:SHOWN]), listed(apart, 5)))
        panels.append((name, r, _panel(lead, name, values, seen, r)))
    if not panels:
        return None
    summarised = figures.many(lead.values)
    drawn = figures.scatter([panel for *_, panel in panels], summarised, name="markers")
    captions = [(name, f"rank r {number(r)}") for name, r, _ in panels]
    return {
        "panels": list(zip(captions, drawn, strict=True)),
        "rows": rows,
        "low": listed(low),
        "flat": listed(flat),
        "without": listed([name for name in types if name not in signal], 40),
        "each": not summarised,
        "title": lead.title,
    }


def _spearman(values: pd.Series, signal: pd.Series) -> float:
    """Return the rank correlation over the samples; missing where one of both does not vary."""
    known = values.notna() & signal.notna()
    a, b = values[known].rank(), signal[known].rank()
    return float(np.corrcoef(a, b)[0, 1]) if a.nunique() > 1 and b.nunique() > 1 else math.nan


def _contradicting(values: pd.Series, signal: pd.Series) -> list[str]:
    """Return the samples in which fraction and signal stand at far places of the order, the farthest first."""
    apart = (values.rank(pct=True) - signal.rank(pct=True)).abs().sort_values(ascending=False, kind="stable")
    return [str(name) for name in apart.index[apart > APART]]


def _panel(lead: Result, name: str, values: pd.Series, signal: pd.Series, r: float) -> tuple[Any, ...]:
    low, high = math.floor(signal.min()), max(math.ceil(signal.max()), math.floor(signal.min()) + 1)
    top = values.max() if lead.quantity == "score" else ceiling(values.max())
    bottom = values.min() if lead.quantity == "score" else 0.0
    upwards = axis(lead, bottom, top) if lead.quantity == "score" else axis(lead, 0.0, top)
    across = [(at, f"{at:g}") for at in (low, (low + high) / 2, high)]
    pairs = pd.DataFrame({"sample": values.index, "truth": signal.to_numpy(float), "estimate": values.to_numpy(float)})
    pairs = pairs.assign(lower=math.nan, upper=math.nan)
    return f"{name}: estimate against the signal of its markers, rank r {number(r)}", pairs, across, upwards, False
