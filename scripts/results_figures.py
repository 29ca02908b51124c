"""The figures of docs/results.md, as files that follow the reader's choice of light or dark."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np

from unmix.benchmark.panel import is_control
from unmix.report import marks
from unmix.report.svg import inline, panel, styled, text_width

if TYPE_CHECKING:
    import pandas as pd

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "_static"
THEMES = "svg{color:#1b2126}@media(prefers-color-scheme:dark){svg{color:#e8ecef}}"


def saved(figure: str, name: str) -> None:
    """Write a figure as a file that follows the reader's choice of light or dark."""
    root = ElementTree.fromstring(figure)
    root.set("xmlns", "http://www.w3.org/2000/svg")
    style = ElementTree.Element("style")
    style.text = THEMES
    root.insert(0, style)
    (FOLDER / name).write_text(ElementTree.tostring(root, encoding="unicode") + "\n", "utf-8")


@styled
def rank_figure(found: pd.DataFrame) -> str:
    """Draw the ranks of every method, a dot per tissue, and their mean."""
    names = list(found.index)
    axes = marks.rows(names, 720, [(0, "first"), (50, "middle"), (100, "last")], right=24)
    for at, name in enumerate(names):
        own = found.loc[name].dropna().to_numpy()
        colour = marks.CONTROL if is_control(name) else marks.ESTIMATE
        axes.hlines(at, own.min(), own.max(), color=colour, alpha=0.35, linewidth=2)
        axes.plot(own, np.full(len(own), at), "o", color=colour, alpha=0.45, markersize=5, markeredgewidth=0)
        axes.plot([own.mean()], [at], "D", color=colour, markersize=8, markeredgewidth=0)
    return str(inline(axes, "ranks", "Rank of every method on every tissue, and the mean of its ranks"))


@styled
def heat_figure(found: pd.DataFrame, title: str) -> str:
    """Draw a figure of methods x tissues as shades, with its values; values below 0 count as 0."""
    names, tissues = list(found.index), list(found.columns)
    top, left = text_width(tissues) + 14, text_width(names) + 14
    size = 44
    axes = panel(
        left + size * len(tissues) + 4, top + marks.ROW * len(names) + 4, left=left, top=top, right=4, bottom=4
    )
    axes.set(xlim=(0, len(tissues)), ylim=(len(names) - 0.5, -0.5))
    axes.spines[:].set_visible(False)
    axes.xaxis.tick_top()
    axes.set_xticks(np.arange(len(tissues)) + 0.5, tissues, rotation=90)
    axes.set_yticks(range(len(names)), names)
    values = found.to_numpy().round(2) + 0.0  # no -0
    shades = np.ceil(8 * np.clip(values, 0, 1)) / 8
    for shade in np.unique(shades[~np.isnan(shades)]):
        boxes = [((x + 0.02, y - 0.47), (0.96, 0.94)) for y, x in np.argwhere(shades == shade)]
        marks.joined(axes, boxes, marks.ESTIMATE if shade else marks.LINE, 0.1 + 0.6 * float(shade))
    for y, x in np.argwhere(~np.isnan(values)):
        axes.text(x + 0.5, y, f"{values[y, x]:.2f}", ha="center", va="center")
    return str(inline(axes, "heatmap", title))
