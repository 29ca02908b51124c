"""Sections of fractions and flags for MultiQC, as its custom content (files that end in ``_mqc.json``)."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from unmix.report.colours import colours
from unmix.report.estimates import FLAGS, by_abundance
from unmix.report.words import quantity

if TYPE_CHECKING:
    from unmix.report.results import Result, Results


def sections(results: Results, title: str) -> list[dict[str, Any]]:
    """Return the sections of fractions and of flags; the same title gives the same ids, so that rows stand apart.

    Source: "Custom content" of MultiQC's documentation (ids, ``plot_type``, ``pconfig``, ``headers``, ``data``).
    """
    lead = results.headline.leading
    key = f"unmix_{_id(title)}" if title else "unmix"
    named = f"unmix: {title}" if title else "unmix"
    parent = {
        "parent_id": key,
        "parent_name": named,
        "parent_description": "Cell-type deconvolution of bulk RNA-seq.",
    }
    about = f"The {quantity(lead)} estimated by {lead.title}. report.html of unmix shows intervals and limitations."
    return [
        {
            "id": f"{key}_fractions",
            "section_name": "Estimates",
            "description": about,
            **parent,
            **_estimates(lead, key),
        },
        {
            "id": f"{key}_flags",
            "section_name": "Flags",
            "description": "Samples whose estimates may be wrong, and the reason; ok: no flag.",
            **parent,
            "plot_type": "table",
            "pconfig": {"id": f"{key}_flags_table", "title": f"{named}: flags", "col1_header": "Sample"},
            "headers": {
                "flag": {"title": "Flag", "description": "; ".join(FLAGS), "scale": False},
                "largest": {"title": "Largest type", "description": "The cell type with the highest estimate"},
            },
            "data": dict(_flags(lead)),
        },
    ]


def _estimates(lead: Result, key: str) -> dict[str, Any]:
    """Return stacked bars of fractions in percent, or a heatmap of scores."""
    types = by_abundance(lead)
    title = f"unmix: {quantity(lead)}"
    if lead.quantity == "score":
        rows = {str(sample): {name: _number(row[name]) for name in types} for sample, row in lead.values.iterrows()}
        return {"plot_type": "heatmap", "pconfig": {"id": f"{key}_heatmap", "title": title}, "data": rows}
    shown = dict(zip(types, colours(len(types)), strict=True))
    return {
        "plot_type": "bargraph",
        "pconfig": {"id": f"{key}_bars", "title": title, "ylab": "%", "cpswitch": False, "ymax": 100, "tt_decimals": 1},
        "categories": {name: {"name": name, "color": colour} for name, colour in shown.items()},
        "data": {
            str(sample): {name: _number(100 * row[name]) for name in types} for sample, row in lead.values.iterrows()
        },
    }


def _flags(lead: Result) -> list[tuple[str, dict[str, str]]]:
    flags = {} if lead.flags is None else lead.flags.to_dict()
    largest = lead.values.idxmax(axis=1) if lead.values.notna().all(axis=None) else {}
    return [
        (str(sample), {"flag": flags.get(sample, "not known"), "largest": str(largest[sample]) if len(largest) else ""})
        for sample in lead.values.index
    ]


def _number(value: float) -> float:
    return round(float(value), 6) if value == value else 0.0


def _id(title: str) -> str:
    """Return a title as an id of HTML; titles that differ in other characters only stay apart."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", title).strip("_")
    return plain if plain == title else f"{plain[:40]}_{hashlib.sha256(title.encode()).hexdigest()[:6]}"
