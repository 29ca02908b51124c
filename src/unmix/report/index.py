"""The page of a run of the pipeline: a line per row of the samplesheet, with its status and the way to its page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from unmix.report.page import page
from unmix.report.words import count, listed, number, percent

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd


def index(summary: pd.DataFrame, facts: Mapping[str, dict[str, Any]], request: dict[str, Any]) -> str:
    """Return the page.

    Parameters
    ----------
    summary
        ``id method status step found do``: a line for every method of every row (summary.tsv).
    facts
        :func:`unmix.report.beside.facts` of every row that has estimates, by its id.
    request
        ``command``, ``samplesheet`` and ``parameters`` of the run; may be empty.
    """
    rows = [_row(str(name), lines, facts.get(str(name), {})) for name, lines in summary.groupby("id", sort=False)]
    done = sum(bool(row["facts"]) for row in rows)
    problems = summary[summary["status"] != "done"]
    said = [f"{done} of {count(len(rows), 'row')} of the samplesheet {'has' if done == 1 else 'have'} estimates."]
    if len(problems):
        said.append("What was skipped or failed is listed below, with the reason and what to do.")
    given = {name: value for name, value in request.get("parameters", {}).items() if value}
    asked = {"command": " ".join(request.get("command", [])), "samplesheet": request.get("samplesheet", ""), **given}
    sections = [
        ("summary", "Summary", {"cards": [], "paragraphs": said}),
        ("rows", "Rows", {"rows": rows}),
        ("problems", "Skipped and failed", {"rows": problems.to_dict("records")} if len(problems) else None),
        ("asked", "Command and parameters", {"asked": asked} if request else None),
    ]
    return page("Cell-type fractions: all rows", sections, "The tables in the folders of the rows contain")


def _row(name: str, lines: pd.DataFrame, told: dict[str, Any]) -> dict[str, Any]:
    """Return what the page says of one row."""
    by_status = {status: list(some["method"]) for status, some in lines.groupby("status", sort=False)}
    accuracy = told.get("accuracy", {})
    measured = [f"mean r {number(accuracy['pearson'])}"] if "pearson" in accuracy else []
    measured += [f"mean absolute error {percent(accuracy['mae'])} points"] if "mae" in accuracy else []
    return {
        "name": name,
        "href": f"{quote(name)}/report.html",
        "facts": told,
        "largest": listed([f"{one} {share}" for one, share in told.get("largest", {}).items()]),
        "accuracy": ", ".join(measured),
        "statuses": [(status, len(methods), listed(methods, most=40)) for status, methods in by_status.items()],
    }
