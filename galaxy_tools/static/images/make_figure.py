#!/usr/bin/env python
"""Write unmix_steps.svg, the figure of the tools' help: ``python galaxy_tools/static/images/make_figure.py``."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

OUT = Path(__file__).with_name("unmix_steps.svg")
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


def corner(name: str) -> tuple[int, int]:
    """Return the top left corner of a box."""
    _, _, column, row, _ = BOXES[name]
    return LEFT + column * STEP_X, TOP + row * STEP_Y


def box(name: str) -> str:
    """Return a box with its two lines."""
    title, words, _, _, colour = BOXES[name]
    x, y = corner(name)
    middle = x + WIDTH / 2
    return (
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="7" fill="{colour}" stroke="{SOFT}"/>'
        f'<text x="{middle}" y="{y + 24}" font-weight="600" fill="{INK}">{escape(title)}</text>'
        f'<text x="{middle}" y="{y + 42}" font-size="11" fill="{SOFT}">{escape(words)}</text>'
    )


def arrow(start: str, end: str) -> str:
    """Return an arrow from the right of a box to the left of another, or down, or slanting."""
    (x0, y0), (x1, y1) = corner(start), corner(end)
    if x0 == x1:
        path = f"M{x0 + WIDTH / 2},{y0 + HEIGHT} L{x1 + WIDTH / 2},{y1 - 3}"
    else:
        path = f"M{x0 + WIDTH},{y0 + HEIGHT / 2} L{x1 - 3},{y1 + HEIGHT / 2 + (12 if y1 < y0 else 0)}"
    return f'<path d="{path}" fill="none" stroke="{SOFT}" stroke-width="1.5" marker-end="url(#head)"/>'


def figure() -> str:
    """Return the figure."""
    width, height = LEFT * 2 + STEP_X * 4 + WIDTH, TOP + STEP_Y + HEIGHT + 12
    frame = (LEFT + STEP_X - 12, TOP - 12, STEP_X * 3 + WIDTH + 20, STEP_Y + HEIGHT + 24)
    x, y, w, h = frame
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="DejaVu Sans, Helvetica, Arial, sans-serif" font-size="13" text-anchor="middle">',
        f'<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0,0 L8,4 L0,8 z" fill="{SOFT}"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="10" fill="none" stroke="#2a8c9e" stroke-dasharray="5 4"/>',
        f'<text x="{x + w / 2}" y="{y - 10}" fill="#0b6477">unmix does all of this in one go</text>',
        *(arrow(*ends) for ends in ARROWS),
        *(box(name) for name in BOXES),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    OUT.write_text(figure(), encoding="utf-8")
