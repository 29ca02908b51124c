"""The section that shows what differs between groups of samples."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from unmix.report import figures
from unmix.report.estimates import by_abundance
from unmix.report.words import axis, between, ceiling, count, listed, number

if TYPE_CHECKING:
    import pandas as pd

    from unmix.report.results import Result, Results

#: Contrasts that have a figure of the samples each; more are in the table of effects alone.
DRAWN = 6


def groups(results: Results) -> dict[str, Any] | None:
    """Show the samples of every contrast by group, the effects with their intervals, and survival."""
    lead = results.headline
    if lead.effects is None:
        return None
    contrasts = [
        _contrast(lead, str(name), table, order)
        for order, (name, table) in enumerate(lead.effects.groupby("contrast", sort=False))
    ]
    relative = lead.comparison.get("reference_types")
    return {
        "contrasts": contrasts,
        "relative": listed(relative) if relative else "all cell types",
        "notes": lead.comparison.get("notes", []),
        "level": f"{100 * lead.comparison.get('level', 0.9):g}",
        "curves": _curves(lead),
        "survival": [] if lead.survival is None else [_hazard(row) for row in lead.survival.to_dict("records")],
    }


def _contrast(lead: Result, name: str, table: pd.DataFrame, order: int) -> dict[str, Any]:
    """Return the figures and rows of one contrast."""
    told = list(table["cell_type"])
    types = [one for one in by_abundance(lead.leading) if one in told]
    types += [one for one in told if one not in types]  # of another level than the page's
    table = table.set_index("cell_type").loc[types]
    first = table.iloc[0]
    continuous = not first["reference"]
    sizes = [first["samples_reference"], first["samples_target"]]
    drawn = not continuous and order < DRAWN and lead.groups is not None
    shown = _samples(lead, name, types, first, order) if drawn else []
    ends = table[["log2_ratio", "lower", "upper"]]
    largest = max(0.5, math.ceil(2 * np.nanmax(np.abs(ends.to_numpy()), initial=0.0)) / 2)
    ticks = [(at, f"{at:+g}" if at else "0") for at in (-largest, -largest / 2, 0.0, largest / 2, largest)]
    rows = [
        (one, False, (row["log2_ratio"], row["lower"], row["upper"]), f"q {small(row['q_value'])}")
        for one, row in table.iterrows()
    ]
    title = f"Log2 ratios of {count(len(types), 'cell type')}, with intervals: {name}"
    what = (
        f"{count(int(sizes[1]), 'sample')}; slope per unit of {first['variable']}"
        if continuous
        else f"{first['target']} ({sizes[1]:g} samples) against {first['reference']} ({sizes[0]:g})"
    )
    return {
        "name": name,
        "what": what,
        "samples": shown,
        "effects": figures.intervals(f"effects {order}", title, rows, ticks),
        "rows": [(one, _words(row)) for one, row in table.iterrows()],
    }


def _samples(lead: Result, name: str, types: list[str], first: pd.Series, order: int) -> list[Any]:
    """Draw the fractions of the samples of every group, the groups of a type one below the other."""
    import pandas as pd

    chosen = lead.groups[lead.groups["contrast"] == name].set_index("sample")["value"]
    values = lead.leading.values.join(lead.values, rsuffix=" (type)").reindex(chosen.index)
    rows = {
        f"{one}, {group}": values[one].where(chosen == group)
        for one in types
        if one in values
        for group in (first["reference"], first["target"])
    }
    drawn = pd.DataFrame(rows)
    if drawn.empty:
        return []
    return figures.spread(drawn, axis(lead, 0.0, ceiling(np.nanmax(drawn.to_numpy()))), f"groups {order}", boxes=True)


def _words(row: pd.Series) -> list[str]:
    """Return the cells of a row of effects."""
    return [
        *(_signed(row, 2, name) for name in ("log2_ratio", "lower upper")),
        *(_signed(row, 1, name) for name in ("points", "points_lower points_upper")),
        small(row["p_value"]),
        small(row["q_value"]),
    ]


def _signed(row: pd.Series, digits: int, names: str) -> str:
    """Return one number with its sign, or two as an interval."""
    told = [f"{'+' if row[name] > 0 else ''}{number(row[name], digits)}" for name in names.split()]
    return told[0] if len(told) == 1 else between(*told)


def _curves(lead: Result) -> list[tuple[str, str, Any]]:
    """Draw the survival of the samples above and below the median log-ratio of every cell type."""
    if lead.survival_curves is None or lead.survival is None:
        return []
    p = dict(zip(lead.survival["cell_type"], lead.survival["log_rank_p"], strict=True))
    drawn = []
    for order, (name, table) in enumerate(lead.survival_curves.groupby("cell_type", sort=False)):
        both = [(str(group), curve) for group, curve in table.groupby("group", sort=True)]
        sizes = ", ".join(f"{group}: {int(curve['at_risk'].max())}" for group, curve in both)
        said = f"log-rank p {small(p.get(name, math.nan))}; {sizes}"
        title = f"Survival of the samples with a high and a low log2 ratio of {name}"
        drawn.append((str(name), said, figures.curves(f"survival {order}", title, both)))
    return drawn


def _hazard(row: dict[str, Any]) -> tuple[str, list[str]]:
    """Return the cells of a row of survival."""
    ratio, low, high = (number(row[name]) for name in ("hazard_ratio", "lower", "upper"))
    return str(row["cell_type"]), [
        ratio,
        between(low, high),
        *(small(row[name]) for name in ("p_value", "q_value", "log_rank_p")),
    ]


def small(value: float) -> str:
    """Return a p or q value as text: three decimals, and a power of ten where it is very small."""
    return f"{value:.0e}" if value < 0.001 else number(value, 3)
