"""The section of the genes behind the estimates, where fractions were attributed to genes (``--explain``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unmix.report import figures
from unmix.report.estimates import by_abundance

if TYPE_CHECKING:
    from unmix.report.results import Result, Results

#: Genes of a type that are drawn, and methods.
GENES, METHODS = 10, 6


def genes(results: Results) -> dict[str, Any] | None:
    """Show the strongest genes of every cell type over all samples, by every method that was explained."""
    explained = [one for one in results.methods if one.attributions is not None and len(one.attributions)]
    if not explained:
        return None
    return {"methods": [(one, _panels(one)) for one in explained[:METHODS]], "rest": explained[METHODS:]}


def _panels(result: Result) -> list[tuple[str, Any]]:
    by_type = dict(list(result.attributions.groupby("cell_type", sort=False)))
    panels = []
    for name in [one for one in by_abundance(result) if one in by_type]:
        rows = by_type[name].head(GENES)
        if not rows["attribution"].any():  # nothing is estimated in any sample
            continue
        drawn = list(zip(rows["gene"], rows["attribution"].astype(float), strict=True))
        title = f"Strongest genes of {name} by {result.title}"
        panels.append((name, figures.attributions(f"genes {result.name} {name}", title, drawn)))
    return panels
