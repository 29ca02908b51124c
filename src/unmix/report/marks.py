"""What the figures of the report are drawn of: labelled rows, ticks, boxes, and cells of a density."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.report.svg import panel, text_width

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

#: Colours of estimates, of differences and negative values, of controls, and of lines.
ESTIMATE, DIFFERENCE, CONTROL, LINE = "#2a8c9e", "#c9713b", "#8a949c", "#7d8790"
#: Height of a row.
ROW = 20
#: Cells across a scatter of many samples.
CELLS = 30

#: Positions and labels of an axis, from its start to its end.
Ticks = list[tuple[float, str]]


def rows(names: Sequence[str], width: float, ticks: Ticks, right: float) -> Axes:
    """Return axes with one labelled row per name, the first on top, and a light line at every tick."""
    left = text_width(names) + 14
    axes = panel(width, ROW * len(names) + 26, left=left, right=right, top=2, bottom=24)
    axes.set(xlim=ends(ticks), ylim=(len(names) - 0.5, -0.5))
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_yticks(range(len(names)), names)
    set_ticks(axes.xaxis, ticks)
    axes.vlines([at for at, _ in ticks], -0.5, len(names) - 0.5, color=LINE, alpha=0.3, linewidth=1, zorder=0)
    return axes


def set_ticks(axis: Axis, ticks: Ticks) -> None:
    """Set positions and labels of an axis."""
    axis.set_ticks([at for at, _ in ticks], [text for _, text in ticks])


def ends(ticks: Ticks) -> tuple[float, float]:
    """Return both ends of an axis, apart even where all values are the same."""
    low, high = ticks[0][0], ticks[-1][0]
    return (low, high) if high > low else (low, low + 1)


def stack(
    axes: Axes, boxes: Sequence[tuple[tuple[float, float], tuple[float, float], str]], gid: str, alpha: float = 1
) -> None:
    """Draw boxes (corner, size, colour) as one artist."""
    from matplotlib.collections import PolyCollection

    corners = [[(x, y), (x + w, y), (x + w, y + h), (x, y + h)] for (x, y), (w, h), _ in boxes]
    colours = [colour for *_, colour in boxes]
    axes.add_collection(PolyCollection(corners, facecolors=colours, linewidths=0, gid=gid, alpha=alpha))


def joined(
    axes: Axes, boxes: Sequence[tuple[tuple[float, float], tuple[float, float]]], colour: str, alpha: float
) -> None:
    """Draw boxes (corner, size) of one colour as one shape, which takes a fraction of the space."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    corners = [[(x, y), (x + w, y), (x + w, y + h), (x, y + h), (x, y)] for (x, y), (w, h) in boxes]
    shape = Path.make_compound_path(*(Path(points, closed=True) for points in corners))
    axes.add_patch(PathPatch(shape, facecolor=colour, alpha=alpha, linewidth=0))


def box(axes: Axes, values: np.ndarray, at: float) -> None:
    """Draw the range of a row's values as a line and its middle half as a box."""
    if values.size:
        low, start, end, high = np.quantile(values, (0, 0.25, 0.75, 1))
        axes.hlines(at, low, high, color=ESTIMATE, linewidth=2)
        stack(axes, [((start, at - 0.3), (end - start, 0.6), ESTIMATE)], f"t{at}")


def density(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    """Draw points as square cells, darker where there are more."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    counts, across, upwards = np.histogram2d(x, y, CELLS, ((left, right), (bottom, top)))
    size = (across[1] - across[0], upwards[1] - upwards[0])
    shades = np.ceil(4 * np.sqrt(counts / counts.max())) / 4  # four shades, so that cells of one make one drawing
    for shade in np.unique(shades[shades > 0]):
        boxes = [((across[i], upwards[j]), size, ESTIMATE) for i, j in np.argwhere(shades == shade)]
        stack(axes, boxes, f"density {shade}", alpha=0.2 + 0.8 * shade)
