#!/usr/bin/env python
"""Write unmix_steps.png, the figure of the tools' help: ``python galaxy_tools/static/images/make_figure.py``.

A PNG, since Galaxy takes an SVG for an object and leaves it out of the help.
"""

from __future__ import annotations

import sys
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

OUT = Path(__file__).with_name("unmix_steps.png")
INK, SOFT, INPUT, STEP, RESULT = "#1b2126", "#56616b", "#eef1f4", "#d7ecef", "#fdeccf"
#: Name, what it is, column, row, colour. Columns and rows are counted from the top left.
BOXES = {
    "bulk": ("Bulk samples", "table or h5ad", 0, 0, INPUT),
    "cells": ("Single cells", "h5ad with cell types", 0, 1, INPUT),
    "check": ("unmix check", "corrects, says what it found", 1, 0, STEP),
    "reference": ("unmix reference", "types, donors, quality", 1, 1, STEP),
    "train": ("unmix train", "one method, one model", 2, 1, STEP),
    "predict": ("unmix predict", "fractions, intervals, flags", 3, 0, STEP),
    "evaluate": ("unmix evaluate", "if fractions were measured", 3, 1, STEP),
    "report": ("unmix report", "page and PDF", 4, 0, RESULT),
}
ARROWS = [
    ("bulk", "check"),
    ("cells", "reference"),
    ("reference", "train"),
    ("check", "predict"),
    ("train", "predict"),
    ("predict", "evaluate"),
    ("predict", "report"),
    ("evaluate", "report"),
]
WIDTH, HEIGHT, STEP_X, STEP_Y, LEFT, TOP = 170, 56, 202, 112, 12, 44
DOTS = 150  # per inch; a unit of the drawing is a hundredth of an inch


def corner(name: str) -> tuple[int, int]:
    """Return the top left corner of a box."""
    _, _, column, row, _ = BOXES[name]
    return LEFT + column * STEP_X, TOP + row * STEP_Y


def ends(start: str, end: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return where an arrow between two boxes begins and ends: to the right, down, or slanting."""
    (x0, y0), (x1, y1) = corner(start), corner(end)
    if x0 == x1:
        return (x0 + WIDTH / 2, y0 + HEIGHT), (x1 + WIDTH / 2, y1)
    return (x0 + WIDTH, y0 + HEIGHT / 2), (x1, y1 + HEIGHT / 2 + (12 if y1 < y0 else 0))


def figure() -> Figure:
    """Return the figure."""
    width, height = LEFT * 2 + STEP_X * 4 + WIDTH, TOP + STEP_Y + HEIGHT + 16
    drawn = Figure(figsize=(width / 100, height / 100), dpi=DOTS)
    FigureCanvasAgg(drawn)
    axes = drawn.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    x, y, w, h = LEFT + STEP_X - 12, TOP - 12, STEP_X * 3 + WIDTH + 20, STEP_Y + HEIGHT + 24
    round_corners = {"boxstyle": "round,pad=0,rounding_size=8"}
    axes.add_patch(FancyBboxPatch((x, y), w, h, fill=False, edgecolor="#2a8c9e", linestyle="--", **round_corners))
    centred = {"ha": "center", "va": "center"}
    axes.text(x + w / 2, y - 14, "the tool unmix does all of this in one step", color="#0b6477", size=9, **centred)
    for start, end in (ends(*names) for names in ARROWS):
        axes.add_patch(
            FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=10, color=SOFT, shrinkA=0, shrinkB=0)
        )
    for name, (title, words, _, _, colour) in BOXES.items():
        left, top = corner(name)
        axes.add_patch(FancyBboxPatch((left, top), WIDTH, HEIGHT, facecolor=colour, edgecolor=SOFT, **round_corners))
        axes.text(left + WIDTH / 2, top + 19, title, color=INK, size=9, weight="bold", **centred)
        axes.text(left + WIDTH / 2, top + 38, words, color=SOFT, size=7.5, **centred)
    return drawn


if __name__ == "__main__":
    figure().savefig(Path(sys.argv[1]) if sys.argv[1:] else OUT, metadata={"Software": None})
