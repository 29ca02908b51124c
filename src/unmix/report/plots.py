"""Figures of results for notebooks and scripts: matplotlib axes, by the colours and orders of the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.report import colours, figures, marks
from unmix.report.estimates import by_abundance, clustered, pairwise
from unmix.report.svg import label
from unmix.report.words import number, quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from unmix.report.results import Results


class Plots:
    """Figures of the estimates. Each takes axes to draw on (by default those of a new figure) and returns them.

    Parameters
    ----------
    results
        Of a folder of results.
    """

    def __init__(self, results: Results) -> None:
        self._results = results

    def bars(self, ax: Axes | None = None) -> Axes:
        """Draw the fractions of every sample as a stacked bar; scores are not parts of a whole (a UsageError)."""
        from matplotlib.patches import Patch

        from unmix.errors import UsageError

        lead = self._results.headline
        if lead.quantity == "score":
            raise UsageError(f"{lead.title} gives scores, not fractions", "fractions", "draw the scores with heatmap()")
        values = lead.values[by_abundance(lead)]
        axes = _axes(ax, 7, 1 + 0.26 * min(len(values), 120))
        for at, (_, row) in enumerate(values.iterrows()):
            parts = figures.segments(row)
            marks.stack(axes, [((x, at - 0.4), (length, 0.8), colour) for x, length, colour, _ in parts], f"s{at}")
        shown, rarer = values.columns[: colours.COLOURED], values.columns[colours.COLOURED :]
        rest = [rarer[0] if len(rarer) == 1 else f"{len(rarer)} rarer types"] if len(rarer) else []
        shown_as, names = [*colours.colours(len(shown)), colours.REST], [*shown, *rest]
        handles = [Patch(color=colour, label=label(name)) for colour, name in zip(shown_as, names, strict=False)]
        axes.legend(handles=handles, bbox_to_anchor=(1.01, 1), loc="upper left", frameon=False)
        axes.set(xlim=(0, 1), ylim=(len(values) - 0.5, -0.5), xlabel=quantity(lead), title=lead.title)
        _names(axes, list(values.index))
        return axes

    def heatmap(self, ax: Axes | None = None, *, cluster: bool = True) -> Axes:
        """Draw the estimates of samples x cell types as colours; similar samples are neighbours if `cluster`."""
        lead = self._results.headline
        values = lead.values[by_abundance(lead)]
        values = clustered(values) if cluster else values
        axes = _axes(ax, 2.6 + 0.5 * values.shape[1], 1.8 + 0.26 * min(len(values), 120))
        top = None if lead.quantity == "score" else max(float(values.max(axis=None)), 1e-9)
        image = axes.imshow(
            values.to_numpy(float), aspect="auto", cmap="viridis", vmin=None if top is None else 0, vmax=top
        )
        axes.figure.colorbar(image, ax=axes, label=quantity(lead))
        axes.set_xticks(range(values.shape[1]), [label(name) for name in values], rotation=90)
        axes.set_title(lead.title)
        _names(axes, list(values.index))
        return axes

    def agreement(self, ax: Axes | None = None) -> Axes:
        """Draw the mean r per cell type of every two methods; controls are left out."""
        methods = [one for one in self._results.methods if not one.control]
        r, _ = pairwise(methods)
        names = [label(one.name) for one in methods]
        axes = _axes(ax, 2.6 + 0.8 * len(names), 1.6 + 0.7 * len(names))
        image = axes.imshow(r, cmap="viridis", vmin=min(0, float(np.nan_to_num(r).min())), vmax=1)
        for i, j in np.ndindex(r.shape):
            dark = np.nan_to_num(r[i, j]) < 0.7  # of the colour map: its text is white
            axes.text(j, i, number(r[i, j]), ha="center", va="center", color="white" if dark else "black")
        axes.figure.colorbar(image, ax=axes, label="mean r per cell type")
        axes.set_xticks(range(len(names)), names, rotation=90)
        axes.set_yticks(range(len(names)), names)
        axes.set_title("Agreement between methods")
        return axes


def _axes(ax: Axes | None, width: float, height: float) -> Axes:
    """Return the axes given, or those of a new figure of this size in inches."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def _names(axes: Axes, samples: list[object]) -> None:
    """Name the rows, unless they are too many to be read."""
    many = len(samples) > 2 * figures.LABELLED
    axes.set_yticks([] if many else range(len(samples)), [] if many else [label(name) for name in samples])
    if many:
        axes.set_ylabel(f"{len(samples):,} samples")
