"""The section that shows what the members of a consensus say, and how far they are apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unmix.report.estimates import by_abundance
from unmix.report.words import percent

if TYPE_CHECKING:
    from unmix.report.results import Results


def members(results: Results) -> dict[str, Any] | None:
    """Show the mean of every member over the samples, by cell type, and the mean distance between the extremes."""
    lead = results.headline
    named = lead.run.get("members", {})
    shown = [result for result in results.methods if result.name in named and result is not lead]
    if not shown:
        return None
    tables = [result.values.reindex(index=lead.values.index, columns=lead.values.columns) for result in shown]
    rows = []
    for name in by_abundance(lead):
        columns = [table[name] for table in tables]
        apart = np.maximum.reduce(columns) - np.minimum.reduce(columns)
        values = [percent(column.mean()) for column in (lead.values[name], *columns)]
        rows.append((name, values, percent(apart.mean())))
    return {"titles": [result.title for result in shown], "rows": rows}
