"""The page of a reference: its cells, and which of its cell types can be told apart."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from unmix.evaluation.reference_quality import SHARES, SPILL, measure
from unmix.report import marks
from unmix.report.page import page
from unmix.report.words import DASH, count, listed, number, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    import anndata as ad
    import pandas as pd

    from unmix.evaluation.reference_quality import Quality

#: Donors that get a column each; cells of a type below which it is marked.
DONORS, FEW = 12, 50
#: What ``uns["unmix"]["counts"]`` means.
COUNTS = {
    "raw": "The input held counts.",
    "recovered": "The input held logarithms or scaled counts; whole counts were recovered cell by cell.",
    "corrected": "The input held no whole counts, but values whose sums differ between cells as those of counts do.",
    "normalised": "The counts are not known, or all cells were scaled to one sum, so mRNA per cell is unknown.",
}


def describe(reference: ad.AnnData, name: str, seed: int = 0) -> tuple[str, pd.DataFrame]:
    """Return the page of a prepared reference and the table with all numbers, a row per cell type.

    Parameters
    ----------
    reference
        Of :func:`unmix.reference.prepare.prepare_reference`.
    name
        Of the reference.
    seed
        Of the pseudobulk.

    Raises
    ------
    DataError
        If the reference has a single cell type.
    """
    facts = reference.uns["unmix"]
    quality = measure(reference, seed)
    return render(name, facts["counts"], facts["messages"], quality), quality.table()


def render(name: str, counts: str, messages: Sequence[str], quality: Quality) -> str:
    """Return the page.

    Parameters
    ----------
    name
        Of the reference.
    counts, messages
        ``uns["unmix"]`` of the reference: its kind of counts and what the preparation said.
    quality
        Of :func:`unmix.evaluation.reference_quality.measure`.
    """
    sections = [
        ("reference_summary", "Summary", _summary(counts, quality)),
        ("reference_apart", "Which types can be told apart", _apart(quality)),
        ("reference_cells", "Cells, counts and detection limits", _cells(quality)),
        ("reference_donors", "Cells per type and donor", _donors(quality.cells)),
        ("reference_missing", "What this page cannot know", {"types": list(quality.cells.index)}),
        ("checks", "Messages of the preparation", {"groups": [("", _findings(messages))]}),
    ]
    return page(f"Reference {name}", sections, "The table beside this page contains")


def _summary(counts: str, quality: Quality) -> dict[str, Any]:
    donors = quality.cells.shape[1]
    size = int(quality.cells.to_numpy().sum())
    held = "donors that the method did not see" if quality.by_donor else "cells that the method did not see"
    few = [name for name, cells in quality.cells.sum(1).items() if cells < FEW]
    said = [
        f"{COUNTS[counts]} Everything below was measured on pseudobulk of {held}, with noise of another platform, by "
        "non-negative least squares. Real bulk is harder: these figures are the best that can be expected."
    ]
    if donors < 3:
        said.append(
            f"The reference has {count(donors, 'donor')}: how much people differ cannot be seen, and intervals will be "
            "optimistic. Three or more donors are better."
        )
    if few:
        said.append(f"Fewer than {FEW} cells: {listed(few)}. Their profiles are uncertain.")
    pairs = [f"{one} from {other}" for one, other, _ in quality.merges]
    said.append(
        f"Not told apart well: {listed(pairs)}."
        if pairs
        else f"No type is estimated as another by {SPILL:.0%} or more."
    )
    return {
        "paragraphs": said,
        "cards": [
            (f"{size:,}", "cells"),
            (len(quality.cells), "cell types"),
            (donors, "donor" if donors == 1 else "donors"),
            (f"{quality.genes:,}", f"genes, {quality.used:,} of them used here"),
        ],
    }


def _apart(quality: Quality) -> dict[str, Any]:
    """Return the spillover as a table with shades, the merges, and how alike the profiles are."""
    names = list(quality.spill.index)
    rows = [
        (
            name,
            [
                {"text": percent(value, 0) if value >= 0.005 else "", "colour": _shade(value, own=name == other)}
                for other, value in row.items()
            ],
        )
        for name, row in quality.spill.iterrows()
    ]
    merges = [
        {
            "one": one,
            "other": other,
            "share": percent(share, 0),
            "cosine": number(quality.cosine.loc[one, other]),
            "mutual": quality.spill.loc[other, one] >= SPILL / 2,
            "cells": f"{quality.cells.loc[one].sum():,}",
            "few": quality.cells.loc[one].sum() < FEW,
        }
        for one, other, share in quality.merges
    ]
    joined: dict[str, str] = {}
    for one, other, _ in quality.merges:  # a type goes into one merge, its closest
        if one not in joined and other not in joined:
            joined |= dict.fromkeys((one, other), f"{one} or {other}")
    return {
        "names": names,
        "rows": rows,
        "merges": merges,
        "label_map": list(joined.items()),
        "condition": number(quality.condition, 1),
    }


def _cells(quality: Quality) -> dict[str, Any]:
    cells = quality.cells.sum(1)
    rows = [
        {
            "name": name,
            "few": cells[name] < FEW,
            "values": [
                f"{cells[name]:,}",
                f"{row['counts']:,.0f}",
                f"{row['genes']:,.0f}",
                f"{percent(row['recovered'], 0)}%",
                f"{100 * row['limit']:g}%" if not math.isnan(row["limit"]) else f"above {SHARES[-1]:.0%}",
            ],
        }
        for name, row in quality.types.iterrows()
    ]
    return {"rows": rows, "shares": listed([f"{100 * share:g}" for share in SHARES[1:]])}


def _donors(cells: pd.DataFrame) -> dict[str, Any] | None:
    """Return cells by type and donor; the donors with most cells where they are many."""
    if cells.shape[1] < 2:
        return None
    most = cells.sum().sort_values(ascending=False, kind="stable").index[:DONORS]
    shown = cells[most]
    rows = [
        (name, [f"{value:,}" if value else DASH for value in row], int((cells.loc[name] > 0).sum()))
        for name, row in zip(shown.index, shown.to_numpy(), strict=True)
    ]
    return {"donors": list(most), "rows": rows, "all": cells.shape[1]}


def _shade(value: float, *, own: bool) -> str:
    colour = marks.ESTIMATE if own else marks.DIFFERENCE
    return f"{colour}{round(140 * min(1, value)):02x}" if value >= 0.005 else ""


def _findings(messages: Sequence[str]) -> list[tuple[str, str]]:
    """Return the messages with their level."""
    return [("warning" if text.startswith("Warning: ") else "ok", text.removeprefix("Warning: ")) for text in messages]
