"""The section that shows what every method says: mean compositions, and every sample by every method."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unmix.report import figures
from unmix.report.estimates import by_abundance, clustered, legend
from unmix.report.words import percent

if TYPE_CHECKING:
    import pandas as pd

    from unmix.report.results import Result, Results


def all_methods(results: Results) -> dict[str, Any] | None:
    """Show the mean of every method by cell type, how far the methods are apart, and their estimates by sample."""
    import pandas as pd

    lead = results.headline
    shown = [one for one in results.methods if one.quantity == lead.quantity and set(one.values) & set(lead.values)]
    if len(shown) < 2 or lead.quantity == "score":
        return None
    types = by_abundance(lead)
    tables = [one.values.reindex(index=lead.values.index, columns=types) for one in shown]
    means = pd.DataFrame([table.mean() for table in tables], index=_names(shown))
    members = lead.run.get("members", {})
    compared = [
        table
        for one, table in zip(shown, tables, strict=True)
        if (one.name in members if members else not one.control) and (one is not lead or not members)
    ]
    apart = np.ptp(np.stack([table.to_numpy(float) for table in compared]), axis=0).mean(0)
    several = len(compared) > 1
    rows = [
        (name, [percent(value) for value in means[name]], percent(apart[at]) if several else "")
        for at, name in enumerate(types)
    ]
    by_sample = len(lead.values) <= figures.LABELLED
    order = clustered(lead.values[types]).index
    return {
        "consensus": bool(members),
        "several": several,
        "shown": shown,
        "rows": rows,
        "figures": figures.stacked(means, "methods"),
        "samples": [
            (one, figures.stacked(table.reindex(order), f"{one.name} "))
            for one, table in zip(shown, tables, strict=True)
            if by_sample and not one.control and one is not lead
        ],
        "others": [one for one in results.methods if one not in shown],
        **legend(types),
    }


def _names(shown: list[Result]) -> pd.Index:
    """Return the titles; the names of the methods where two have one title."""
    import pandas as pd

    titles = [f"{one.title}{' (control)' if one.control else ''}" for one in shown]
    return pd.Index(titles if len(set(titles)) == len(titles) else [one.name for one in shown])
