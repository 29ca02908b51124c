"""The figures of the report, each from tables to SVG that page and PDF share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from unmix.report import marks
from unmix.report.svg import INK, inline, label, panel, styled, text_width
from unmix.report.words import percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from markupsafe import Markup

    from unmix.report.marks import Ticks

#: Paul Tol's "muted" scheme, safe for colour-blind readers, its darkest three lighter so that they show on black too.
COLOURS = ("#6558c8", "#44aa99", "#ddcc77", "#cc6677", "#88ccee", "#2f8f55", "#aa4499", "#999933", "#993366")
#: Shades of these for further types, as the share of white (black, where negative) that is mixed in.
SHADES = (0.0, 0.5, -0.35)
#: Of the rarer types; more colours cannot be distinguished.
REST = "#a3adb5"
#: Width of a figure that takes the whole column, of one beside another, and of a small one.
WIDE, HALF, SMALL = 760, 460, 200
#: Samples that get a labelled bar each (more are drawn as columns), rows of a figure, and columns of a figure.
LABELLED, ROWS, COLUMNS = 60, 30, 100
#: Samples, and estimates, up to which each is drawn and listed. More are summarised, or the PDF takes minutes.
SAMPLES, ESTIMATES = 200, 6000
#: Estimates up to which their table is open, and thereby part of the PDF.
PRINTED = 2000

#: Start and length of a part of a stacked bar, its colour, what it is.
Segment = tuple[float, float, str, str]
PERCENT: Ticks = [(0, "0"), (0.25, "25"), (0.5, "50"), (0.75, "75"), (1, "100%")]


#: Types that have a colour of their own.
COLOURED = len(COLOURS) * len(SHADES)


def colours(number: int) -> list[str]:
    """Return the colours of the `number` most abundant types: nine, two further shades of each, then grey."""
    shades = [_mixed(colour, share) for share in SHADES for colour in COLOURS]
    return [*shades, *[REST] * number][:number]


def _mixed(colour: str, share: float) -> str:
    """Return a colour (#rrggbb) with a share of white, or of black where it is negative."""
    parts = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    mixed = (round(part + share * (255 - part) if share > 0 else part * (1 + share)) for part in parts)
    return "#" + "".join(f"{part:02x}" for part in mixed)


@styled
def stacked(values: pd.DataFrame) -> list[Markup]:
    """Draw fractions as stacked bars, or as stacked columns where the samples are many.

    Parameters
    ----------
    values
        Samples x types, in the order in which they shall be drawn; the first types have a colour each. Of
        :func:`many` estimates, each column is the mean of consecutive samples.
    """
    if many(values):
        values = neighbours(values)
        return [_columns([(str(name), segments(row)) for name, row in values.iterrows()], 0)]
    parts = [(str(sample), segments(row)) for sample, row in values.iterrows()]
    if len(parts) <= LABELLED:
        return [_bars(parts[start : start + ROWS], start) for start in range(0, len(parts), ROWS)]
    return [_columns(parts[start : start + COLUMNS], start) for start in range(0, len(parts), COLUMNS)]


def many(values: pd.DataFrame) -> bool:
    """Say whether a table (samples x types) is too large to show every estimate."""
    return len(values) > SAMPLES or values.size > ESTIMATES


def neighbours(values: pd.DataFrame) -> pd.DataFrame:
    """Return the means of at most `COLUMNS` groups of consecutive samples, of the same size or one less.

    Parameters
    ----------
    values
        Samples x types.

    Returns
    -------
    pandas.DataFrame
        Groups x types, each named by its first and last sample.
    """
    import pandas as pd

    groups = np.array_split(np.arange(len(values)), min(COLUMNS, len(values)))
    names = [f"mean of {len(at)} samples, {values.index[at[0]]} to {values.index[at[-1]]}" for at in groups]
    return pd.DataFrame([values.iloc[at].mean() for at in groups], index=names)


@styled
def spread(values: pd.DataFrame, ticks: Ticks, figure: str = "spread", boxes: bool = False) -> list[Markup]:
    """Draw the estimates of every cell type: a dot per sample, a line at the median; boxes where samples are many.

    Parameters
    ----------
    values
        Samples x types.
    ticks
        Positions and labels of the common axis, from its start to its end.
    figure
        Name of the figure.
    boxes
        Draw a box of the middle half behind the dots.
    """
    samples = [str(sample) for sample in values.index]
    summarised = many(values)
    figures = []
    for start in range(0, values.shape[1], ROWS):
        types = values.columns[start : start + ROWS]
        axes = marks.rows([label(name) for name in types], WIDE, ticks, right=30)
        hover = {}
        for at, name in enumerate(types):
            column = values[name].to_numpy(float)
            known = ~np.isnan(column)
            axes.hlines(at, ticks[0][0], ticks[-1][0], color=marks.LINE, alpha=0.4, linewidth=1)
            if summarised:
                marks.box(axes, column[known], at)
            else:
                if boxes and known.any():
                    left, right = np.quantile(column[known], (0.25, 0.75))
                    marks.stack(axes, [((left, at - 0.35), (right - left, 0.7), marks.ESTIMATE)], f"b{at}", alpha=0.25)
                row = np.full(known.sum(), at)
                axes.plot(column[known], row, "o", color=marks.ESTIMATE, alpha=0.6, mew=0, ms=7, gid=f"t{at}")
                hover[f"t{at}"] = [sample for sample, shown in zip(samples, known, strict=True) if shown]
            if known.any():
                axes.vlines(np.median(column[known]), at - 0.4, at + 0.4, color=INK, linewidth=2)
        title = f"Estimates of {len(samples)} samples by cell type"
        figures.append(inline(axes, f"{figure} {start}", title, hover))
    return figures


@styled
def intervals(name: str, title: str, rows: Sequence[tuple[str, bool, Sequence[float], str]], ticks: Ticks) -> Markup:
    """Draw one figure of every method, with its interval.

    Parameters
    ----------
    name
        Of the figure.
    title
        What is shown, for readers who cannot see it.
    rows
        Name of a method, whether it is a control (hollow and grey), value with lower and upper end, value as text.
    ticks
        Positions and labels of the axis.
    """
    names = [f"{label(method)}{' (control)' if control else ''}" for method, control, _, _ in rows]
    right = 20 + text_width(text for *_, text in rows)
    axes = marks.rows(names, HALF, ticks, right)
    for at, (_, control, (value, lower, upper), text) in enumerate(rows):
        colour = marks.CONTROL if control else marks.ESTIMATE
        if not math.isnan(lower):
            axes.hlines(at, lower, upper, color=colour, linewidth=2.5)
        if not math.isnan(value):
            face = {"markerfacecolor": "none" if control else colour, "markeredgecolor": colour}
            axes.plot([value], [at], "o", ms=8, mew=2 if control else 0, **face)
        place = {"xycoords": axes.get_yaxis_transform(), "textcoords": "offset pixels"}
        axes.annotate(text, (1, at), (right, 0), ha="right", va="center", **place)
    return inline(axes, name, title)


@styled
def scatter(panels: Sequence[tuple[str, pd.DataFrame, Ticks, Ticks, bool]], summarised: bool = False) -> list[Markup]:
    """Draw estimate against known fraction.

    Parameters
    ----------
    panels
        For each: what it shows; sample, truth, estimate, lower and upper end (NaN: no interval); ticks of both axes;
        whether both axes have the same unit, so that a dashed line shows where they are equal.
    summarised
        Count the samples in squares, instead of drawing each.
    """
    figures = []
    for number, (title, pairs, across, upwards, equal) in enumerate(panels):
        left = 10 + text_width(text for _, text in upwards)
        axes = panel(SMALL, 190, left=left, right=14, top=10, bottom=24)
        marks.set_ticks(axes.xaxis, across)
        marks.set_ticks(axes.yaxis, upwards)
        (low, high), (bottom, top) = (marks.ends(ticks) for ticks in (across, upwards))
        axes.set(xlim=(low, high), ylim=(bottom, top))
        if equal:
            axes.plot([low, high], [low, high], color=marks.LINE, linewidth=1, dashes=(3, 3))
        told = pairs.dropna(subset=["lower", "upper"])
        ends = told[["lower", "upper"]].clip(bottom, top)
        axes.vlines(told["truth"], ends["lower"], ends["upper"], color=marks.ESTIMATE, alpha=0.4, linewidth=1)
        shown = pairs.dropna(subset=["truth", "estimate"])
        x, y = shown["truth"].clip(low, high), shown["estimate"].clip(bottom, top)
        hover = {}
        if summarised:
            marks.density(axes, x.to_numpy(), y.to_numpy())
        else:
            axes.plot(x, y, "o", color=marks.ESTIMATE, alpha=0.65, mew=0, ms=6.5, gid="samples")
            hover = {"samples": shown["sample"].astype(str).tolist()}
        figures.append(inline(axes, f"scatter {number}", title, hover))
    return figures


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


def _bars(parts: Sequence[tuple[str, list[Segment]]], start: int) -> Markup:
    """Draw one labelled bar per sample."""
    axes = marks.rows([label(sample) for sample, _ in parts], WIDE, PERCENT, right=30)
    hover = {}
    for at, (sample, segments) in enumerate(parts):
        marks.stack(axes, [((x, at - 0.4), (length, 0.8), colour) for x, length, colour, _ in segments], f"s{at}")
        hover[f"s{at}"] = [f"{sample}, {said}" for *_, said in segments]
    return inline(axes, f"bars {start}", f"Stacked bars of {len(parts)} samples; the table holds the numbers", hover)


def _columns(parts: Sequence[tuple[str, list[Segment]]], start: int) -> Markup:
    """Draw one column per sample, as many as `COLUMNS` side by side."""
    axes = panel(WIDE, 124, left=48, right=4, top=10, bottom=10)
    axes.set(xlim=(0, COLUMNS), ylim=(0, 1))
    axes.spines[:].set_visible(False)
    axes.set_xticks([])
    marks.set_ticks(axes.yaxis, PERCENT)
    hover = {}
    for at, (sample, segments) in enumerate(parts):
        marks.stack(axes, [((at, y), (0.9, length), colour) for y, length, colour, _ in segments], f"s{at}")
        hover[f"s{at}"] = sample
    return inline(axes, f"columns {start}", f"Stacked columns of {len(parts)} samples", hover)


def segments(row: pd.Series) -> list[Segment]:
    """Return the parts of the stacked bar of a sample: the first types have a colour each, the others one."""
    values = np.clip(np.nan_to_num(row.to_numpy(float)), 0, None)
    lengths = values / max(1.0, values.sum())
    starts = np.cumsum(lengths) - lengths
    named = zip(starts, lengths, colours(min(COLOURED, len(row))), row.index, values, strict=False)
    parts = [(x, length, colour, f"{name} {percent(value)}%") for x, length, colour, name, value in named]
    if len(row) > COLOURED:
        rest = slice(COLOURED, None)
        parts.append((starts[rest][0], lengths[rest].sum(), REST, f"rarer types {percent(values[rest].sum())}%"))
    return [part for part in parts if part[1] > 5e-5]
