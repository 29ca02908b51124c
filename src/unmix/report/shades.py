"""Figures of shades: estimates of all samples, and how alike methods are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.report import figures, marks
from unmix.report.svg import inline, label, panel, styled, text_width

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from markupsafe import Markup


@styled
def heatmap(values: pd.DataFrame, name: str = "heatmap") -> list[Markup]:
    """Draw estimates as shades, a row per cell type, each from its own 0 (scores: lowest) to its own highest.

    Parameters
    ----------
    values
        Samples x types, in the order in which they shall be drawn; of :func:`many`, columns are means.
    name
        Of the figures.
    """
    named = not figures.many(values)
    drawn = values if named else figures.neighbours(values)
    low = np.minimum(values.min().fillna(0), 0)
    span = (values.max() - low).replace(0, 1)
    shades = np.ceil(8 * ((drawn - low) / span).clip(0, 1).fillna(0)) / 8
    left = text_width([label(one) for one in values.columns]) + 14
    fitting = max(10, int((figures.WIDE - left) / 14))  # whose names do not cover each other
    places = min(fitting, max(len(drawn), figures.ROWS)) if named else len(drawn)
    return [
        _shades(shades.iloc[at : at + places], places, f"{name} {at}", named) for at in range(0, len(drawn), places)
    ]


def _shades(shades: pd.DataFrame, places: int, name: str, named: bool) -> Markup:
    """Draw shades of samples (columns, at most `places`) by types (rows)."""
    types, samples = [label(one) for one in shades.columns], [label(one) for one in shades.index]
    bottom = text_width(samples) + 14 if named else 10
    axes = panel(
        figures.WIDE, 4 + bottom + marks.ROW * len(types), left=text_width(types) + 14, right=4, top=4, bottom=bottom
    )
    axes.set(xlim=(0, places), ylim=(len(types) - 0.5, -0.5))
    axes.spines[:].set_visible(False)
    axes.set_yticks(range(len(types)), types)
    axes.set_xticks([at + 0.5 for at in range(len(samples))] if named else [], samples if named else [], rotation=90)
    for shade in np.unique(shades.to_numpy()):
        found = np.argwhere(shades.to_numpy() == shade)
        boxes = [((x + 0.03, y - 0.46), (0.94, 0.92)) for x, y in found]
        colour, alpha = (marks.ESTIMATE, 0.1 + 0.9 * shade) if shade else (marks.LINE, 0.08)
        marks.joined(axes, boxes, colour, float(alpha))
    return inline(axes, name, f"Estimates of {len(samples)} columns by {len(types)} cell types as shades")


@styled
def matrix(
    name: str, title: str, names: Sequence[str], texts: Sequence[Sequence[str]], shades: np.ndarray, colour: str
) -> Markup:
    """Draw a square of values, each shaded by how large it is.

    Parameters
    ----------
    name, title
        Of the figure, and what it shows.
    names
        Of rows and columns.
    texts
        Rows x columns; nothing is drawn on the diagonal.
    shades
        Rows x columns, from 0 (none) to 1.
    colour
        Of the shades.
    """
    from matplotlib.patches import Rectangle

    names = [label(one) for one in names]
    size, margin = 46, text_width(names) + 14
    side = margin + size * len(names)
    axes = panel(side, margin + 28 * len(names), left=margin, top=margin)
    axes.set(xlim=(0, len(names)), ylim=(len(names), 0))
    axes.spines[:].set_visible(False)
    axes.xaxis.tick_top()
    axes.set_xticks(np.arange(len(names)) + 0.5, names, rotation=90)
    axes.set_yticks(np.arange(len(names)) + 0.5, names)
    axes.tick_params(length=0)
    for i, row in enumerate(texts):
        for j, text in enumerate(row):
            if i != j:
                alpha = 0.6 * float(shades[i, j])
                axes.add_patch(Rectangle((j + 0.02, i + 0.03), 0.96, 0.94, facecolor=colour, alpha=alpha, linewidth=0))
                axes.text(j + 0.5, i + 0.5, text, ha="center", va="center")
    return inline(axes, name, title)
