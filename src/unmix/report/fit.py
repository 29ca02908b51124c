"""The section that asks how well the reference, at the estimated fractions, explains the markers in each sample."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from unmix.report import figures
from unmix.report.words import listed, number

if TYPE_CHECKING:
    from unmix.report.results import Result, Results

#: Methods with a column, samples in the table, genes that are named for a sample, rows up to which the table is open.
METHODS, ROWS, GENES, OPEN = 5, 40, 5, 10
#: Markers up to which each is a point; more are counted in squares, which keeps the page small.
DRAWN = 300
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def fit(results: Results) -> dict[str, Any] | None:
    """Show observed against fitted expression of the markers, the worst samples first.

    A consensus has no profiles of its own: its members are shown.
    """
    lead = results.headline
    members = lead.run.get("members", {})
    able = [lead] if lead.fit is not None else [one for one in results.methods if one.name in members]
    shown = [one for one in able if one.fit is not None and len(one.fit)][:METHODS]
    if not shown:
        return None
    by_method = pd.DataFrame({one.title: one.fit.set_index("sample")["correlation"] for one in shown})
    order = by_method.mean(axis=1).sort_values(kind="stable", na_position="first").index
    genes = shown[0].fit.set_index("sample")
    rows = [
        (
            sample,
            [number(value) for value in by_method.loc[sample]],
            number(genes.loc[sample, "error"]),
            *(listed(genes.loc[sample, side].split(",")[:GENES]) for side in ("higher", "lower")),
        )
        for sample in order[:ROWS]
    ]
    of_first = by_method.iloc[:, 0].dropna()
    return {
        "titles": list(by_method),
        "rows": rows,
        "rest": max(0, len(order) - ROWS),
        "folded": len(order) > OPEN,
        "markers": int(genes["markers"].iloc[0]),
        "consensus": bool(members) and shown[0] is not lead,
        "first": shown[0].title,
        "median": number(of_first.median()) if len(of_first) else "",
        "lowest": number(of_first.min()) if len(of_first) else "",
        "samples": len(order),
        "panels": _panels(shown[0]),
    }


def _panels(result: Result) -> list[tuple[tuple[str, str], Any]]:
    """Return a caption and a figure of the worst samples: fitted across, observed upwards."""
    if result.fit_markers is None:
        return []
    r = result.fit.set_index("sample")["correlation"]
    known = result.fit_markers
    logs = np.log10(known[["observed", "fitted"]].to_numpy(float))
    low, high = math.floor(logs.min()), math.ceil(logs.max())
    ticks = [(at, f"10{str(at).translate(RAISED)}" if at % 2 == low % 2 else "") for at in range(low, high + 1)]
    panels, captions = [], []
    for sample, own in known.groupby("sample", sort=False):
        pairs = pd.DataFrame({"sample": own["gene"] + " (" + own["cell_type"] + ")"})
        pairs["truth"], pairs["estimate"] = (np.log10(own[name].to_numpy(float)) for name in ("fitted", "observed"))
        title = f"{sample}: observed against fitted expression of the markers, r {number(r[sample])}"
        panels.append((title, pairs.assign(lower=math.nan, upper=math.nan), ticks, ticks, True))
        captions.append((sample, f"r {number(r[sample])}"))
    return list(zip(captions, figures.scatter(panels, len(known) > DRAWN * len(panels), "fit"), strict=True))
