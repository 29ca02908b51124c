"""What stands beside the page: the estimates of all methods in one table, a workbook, and sections for MultiQC."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from unmix.io import tables
from unmix.report.multiqc import sections
from unmix.report.words import percent, quantity
from unmix.report.workbook import write_workbook

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from unmix.report.results import Result, Results

#: The files beside the page; a folder of results without estimates has none of them.
JOINED, WORKBOOK, FACTS = "all_methods.tsv", "tables.xlsx", "report.json"
MULTIQC = ("unmix_fractions_mqc.json", "unmix_flags_mqc.json")
FILES = (JOINED, WORKBOOK, FACTS, *MULTIQC)


def write_beside(results: Results, title: str, place: Callable[[str], Path]) -> None:
    """Write :data:`FILES`; nothing where no method gave an estimate.

    Parameters
    ----------
    results
        As the page shows them.
    title
        Of the page.
    place
        Returns where a file of this name is written.
    """
    if not results.methods:
        return
    tables.write_table(joined(results).set_index("method"), place(JOINED), "method")
    write_workbook(results, title, place(WORKBOOK))
    place(FACTS).write_text(_json(facts(results, title)), encoding="utf-8")
    for name, section in zip(MULTIQC, sections(results, title), strict=True):
        place(name).write_text(_json(section), encoding="utf-8")


def joined(results: Results) -> pd.DataFrame:
    """Return ``method control sample cell_type quantity fraction lower upper flag`` of all methods, headline first."""
    import pandas as pd

    return pd.concat([_long(result) for result in results.methods], ignore_index=True)


def _long(result: Result) -> pd.DataFrame:
    import pandas as pd

    samples, types = result.values.shape
    ends = {
        name: float("nan") if table is None else table.to_numpy(float).ravel()
        for name, table in (("lower", result.lower), ("upper", result.upper))
    }
    return pd.DataFrame(
        {
            "method": result.name,
            "control": str(result.control).lower(),
            "sample": result.values.index.repeat(types),
            "cell_type": list(result.values.columns) * samples,
            "quantity": result.quantity,
            "fraction": result.values.to_numpy(float).ravel(),
            **ends,
            "flag": "" if result.flags is None else result.flags.repeat(types).to_numpy(),
        }
    )


def facts(results: Results, title: str) -> dict[str, Any]:
    """Return the headline of the page as numbers, for an index of several pages."""
    lead = results.headline
    flagged = [] if lead.flags is None else list(lead.flags.index[lead.flags != "ok"])
    mean = lead.leading.values.mean().sort_values(ascending=False, kind="stable")[:3]
    measured = {name: lead.metric("mean_type", name)["value"] for name in ("pearson", "mae")}
    return {
        "title": title,
        "method": lead.title,
        "quantity": quantity(lead),
        "samples": len(lead.values),
        "cell_types": lead.values.shape[1],
        "flagged": len(flagged),
        "largest": {}
        if lead.quantity == "score"
        else {str(name): f"{percent(value)}%" for name, value in mean.items()},
        "accuracy": {name: round(value, 4) for name, value in measured.items() if value == value},
    }


def _json(data: dict[str, Any]) -> str:
    return json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
