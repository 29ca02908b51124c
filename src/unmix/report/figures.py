"""The figures of the report, each from tables to SVG that page and PDF share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from unmix.report import marks
from unmix.report.colours import COLOURED, REST, colours
from unmix.report.svg import INK, inline, label, panel, styled, text_width
from unmix.report.words import percent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from markupsafe import Markup

    from unmix.report.marks import Ticks

#: Width of a figure that takes the whole column, of one beside another, and of a small one.
WIDE, HALF, SMALL = 760, 460, 200
#: Samples that get a labelled bar each (more are drawn as columns), rows of a figure, its columns, and named columns.
LABELLED, ROWS, COLUMNS, NAMED = 60, 30, 100, 50
#: Samples, and estimates, up to which each is drawn and listed. More are summarised, or the PDF takes minutes.
SAMPLES, ESTIMATES = 200, 6000
#: Estimates up to which their table is open, and thereby part of the PDF.
PRINTED = 2000

#: Start and length of a part of a stacked bar, its colour, what it is.
Segment = tuple[float, float, str, str]
PERCENT: Ticks = [(0, "0"), (0.25, "25"), (0.5, "50"), (0.75, "75"), (1, "100%")]


@styled
def stacked(values: pd.DataFrame, name: str = "", shown: Mapping[str, str] | None = None) -> list[Markup]:
    """Draw fractions as stacked bars, or as stacked columns where the samples are many.

    Parameters
    ----------
    values
        Samples x types, in the order in which they shall be drawn; the first types have a colour each. Of
        :func:`many` estimates, each column is the mean of consecutive samples.
    name
        Of the figures.
    shown
        Colours by type; None: in the order of the types.
    """
    if many(values):
        values = neighbours(values)
        return [_columns([(str(group), segments(row, shown)) for group, row in values.iterrows()], f"{name} columns 0")]
    parts = [(str(sample), segments(row, shown)) for sample, row in values.iterrows()]
    if len(parts) <= LABELLED:
        return [_bars(parts[start : start + ROWS], f"{name} bars {start}") for start in range(0, len(parts), ROWS)]
    starts = range(0, len(parts), NAMED)
    return [_columns(parts[start : start + NAMED], f"{name} columns {start}", NAMED) for start in starts]


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
def scatter(
    panels: Sequence[tuple[str, pd.DataFrame, Ticks, Ticks, bool]], summarised: bool = False, name: str = "scatter"
) -> list[Markup]:
    """Draw estimate against known fraction.

    Parameters
    ----------
    panels
        For each: what it shows; sample, truth, estimate, lower and upper end (NaN: no interval); ticks of both axes;
        whether both axes have the same unit, so that a dashed line shows where they are equal.
    summarised
        Count the samples in squares, instead of drawing each.
    name
        Of the figures.
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
        for end, at, mark in (("upper", top, "^"), ("lower", bottom, "v")):  # the interval goes on beyond the frame
            cut = told[told[end] > top] if end == "upper" else told[told[end] < bottom]
            axes.plot(cut["truth"], [at] * len(cut), mark, color=marks.ESTIMATE, mew=0, ms=5)
        shown = pairs.dropna(subset=["truth", "estimate"])
        x, y = shown["truth"].clip(low, high), shown["estimate"].clip(bottom, top)
        hover = {}
        if summarised:
            marks.density(axes, x.to_numpy(), y.to_numpy())
        else:
            axes.plot(x, y, "o", color=marks.ESTIMATE, alpha=0.65, mew=0, ms=6.5, gid="samples")
            hover = {"samples": shown["sample"].astype(str).tolist()}
        figures.append(inline(axes, f"{name} {number}", title, hover))
    return figures


@styled
def curves(name: str, title: str, groups: Sequence[tuple[str, pd.DataFrame]]) -> Markup:
    """Draw survival curves (Kaplan-Meier) of groups of samples with their pointwise intervals.

    Parameters
    ----------
    name, title
        Of the figure, and what it shows.
    groups
        Name of a group; ``time survival lower upper`` at its events.
    """
    axes = panel(SMALL, 190, left=40, right=14, top=10, bottom=24)
    last = max(float(table["time"].max()) for _, table in groups)
    marks.set_ticks(axes.yaxis, [(0, "0"), (0.5, "50"), (1, "100%")])
    marks.set_ticks(axes.xaxis, [(0, "0"), (last / 2, f"{last / 2:.3g}"), (last, f"{last:.3g}")])
    axes.set(xlim=(0, last), ylim=(0, 1.02))
    for (_, table), colour, dashes in zip(groups, (marks.DIFFERENCE, marks.ESTIMATE), ((), (4, 2)), strict=False):
        times = np.concatenate([[0], table["time"], [last]])
        steps = {
            column: np.concatenate([[1], table[column], [table[column].iloc[-1]]])
            for column in ("survival", "lower", "upper")
        }
        axes.fill_between(times, steps["lower"], steps["upper"], step="post", color=colour, alpha=0.15, linewidth=0)
        axes.step(times, steps["survival"], where="post", color=colour, linewidth=2, dashes=dashes or (None, None))
    return inline(axes, name, title)


@styled
def attributions(name: str, title: str, genes: Sequence[tuple[str, float]]) -> Markup:
    """Draw what genes add to an estimate, the first on top; what they take from it is drawn to the left."""
    largest = max((abs(value) for _, value in genes), default=0) or 1
    low, high = min(0.0, *(value for _, value in genes)), max(0.0, *(value for _, value in genes))
    ticks = [(at, f"{100 * at:.2g}".replace("-", "\N{MINUS SIGN}")) for at in (low, high) if at or largest == high]
    ticks = ticks if len(ticks) > 1 else sorted([(0.0, "0"), *ticks])
    axes = marks.rows([label(gene) for gene, _ in genes], 2 * SMALL, ticks, right=30)
    for at, (_, value) in enumerate(genes):
        colour = marks.ESTIMATE if value > 0 else marks.DIFFERENCE
        marks.stack(axes, [((min(0, value), at - 0.35), (abs(value), 0.7), colour)], f"g{at}")
    return inline(axes, name, title)


def _bars(parts: Sequence[tuple[str, list[Segment]]], name: str) -> Markup:
    """Draw one labelled bar per sample."""
    axes = marks.rows([label(sample) for sample, _ in parts], WIDE, PERCENT, right=30)
    hover = {}
    for at, (sample, segments) in enumerate(parts):
        marks.stack(axes, [((x, at - 0.4), (length, 0.8), colour) for x, length, colour, _ in segments], f"s{at}")
        hover[f"s{at}"] = [f"{sample}, {said}" for *_, said in segments]
    return inline(axes, name, f"Stacked bars of {len(parts)} samples; the table holds the numbers", hover)


def _columns(parts: Sequence[tuple[str, list[Segment]]], name: str, places: int = COLUMNS) -> Markup:
    """Draw one column per sample, as many as `places` side by side; with names below where they are `NAMED`."""
    names = [label(sample) for sample, _ in parts] if places == NAMED else []
    bottom = text_width(names) + 14
    axes = panel(WIDE, 170 + bottom, left=48, right=4, top=10, bottom=bottom)
    axes.set(xlim=(0, places), ylim=(0, 1))
    axes.spines[:].set_visible(False)
    axes.set_xticks([at + 0.45 for at in range(len(names))], names, rotation=90)
    marks.set_ticks(axes.yaxis, PERCENT)
    by_colour: dict[str, list[tuple[tuple[float, float], tuple[float, float]]]] = {}
    for at, (_, segments) in enumerate(parts):
        for y, length, colour, _ in segments:
            by_colour.setdefault(colour, []).append(((at, y), (0.9, length)))
    for colour, boxes in by_colour.items():
        marks.joined(axes, boxes, colour, 1)
    whole = [((at, 0), (0.9, 1), INK) for at in range(len(parts))]  # seen by the mouse only
    marks.stack(axes, whole, "samples", alpha=0)
    hover = {"samples": [sample for sample, _ in parts]}
    return inline(axes, name, f"Stacked columns of {len(parts)} samples", hover)


def segments(row: pd.Series, shown: Mapping[str, str] | None = None) -> list[Segment]:
    """Return the parts of the stacked bar of a sample: the first types have a colour each, the others one."""
    values = np.clip(np.nan_to_num(row.to_numpy(float)), 0, None)
    lengths = values / max(1.0, values.sum())
    starts = np.cumsum(lengths) - lengths
    used = [shown[name] for name in row.index] if shown else colours(min(COLOURED, len(row)))
    named = zip(starts, lengths, used, row.index, values, strict=False)
    parts = [(x, length, colour, f"{name} {percent(value)}%") for x, length, colour, name, value in named]
    if len(row) > COLOURED:
        rest = slice(COLOURED, None)
        parts.append((starts[rest][0], lengths[rest].sum(), REST, f"rarer types {percent(values[rest].sum())}%"))
    return [part for part in parts if part[1] > 5e-5]
