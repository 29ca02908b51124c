"""Effects of a contrast on every cell type: log-ratios and percentage points, with intervals, p and q values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from unmix.comparison.composition import OTHERS, log_ratios

if TYPE_CHECKING:
    from unmix.comparison.composition import Composition
    from unmix.comparison.design import Design

#: Columns of ``effects.tsv``.
COLUMNS = (
    *("contrast", "variable", "reference", "target", "cell_type", "samples_reference", "samples_target"),
    *("log2_ratio", "lower", "upper", "p_value", "q_value"),
    *("points", "points_lower", "points_upper", "mean_reference", "mean_target", "replaced"),
)


def effects(
    composition: Composition, design: Design, drawn: np.ndarray, reference: np.ndarray, level: float
) -> pd.DataFrame:
    """Return a row for each cell type, with the columns :data:`COLUMNS`.

    Parameters
    ----------
    composition
        Of the samples of the design, in their order.
    design
        Of one contrast.
    drawn
        Fractions that the intervals allow (draws x samples x types), of :meth:`Composition.draws`.
    reference
        Mask of the types whose geometric mean the log-ratios are relative to.
    level
        Nominal coverage of the intervals of the effects.

    Notes
    -----
    The log-ratio is the mean over the draws. Its interval holds both sources of error: within each draw the scatter of
    the samples (Student's t), and between the draws the error that all samples of a type share. It is the interval of
    the equal mixture of the draws, which Rubin's rules approximate. The p value is that of the estimated fractions by
    their scatter alone: where there is no difference, an error that all samples share makes none.
    """
    from scipy.stats import t

    plain, positive = composition.values.to_numpy(), composition.positive()
    estimate, error = design.fit(log_ratios(positive, reference))
    of_draws = design.fit(log_ratios(drawn, reference))
    points, points_of_draws = design.fit(plain)[0], design.fit(drawn)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * t.sf(np.abs(estimate) / error, design.freedom)
    p = np.where(_constant(estimate, error), np.nan, p)
    low, high = mixture_interval(*of_draws, design.freedom, level)
    points_low, points_high = mixture_interval(*points_of_draws, design.freedom, level)
    contrast, group = design.contrast, design.group
    sides = [group == contrast.reference, group == contrast.target]
    if contrast.continuous:
        sides = [np.ones(len(group), bool)] * 2
    found = {
        "contrast": contrast.id,
        "variable": contrast.variable,
        "reference": contrast.reference,
        "target": contrast.target or "per unit",
        "cell_type": composition.cell_types,
        "samples_reference": 0 if contrast.continuous else int(sides[0].sum()),
        "samples_target": int(sides[1].sum()),
        "log2_ratio": of_draws[0].mean(0),
        "lower": low,
        "upper": high,
        "p_value": p,
        "q_value": adjusted(p),
        "points": 100 * points,
        "points_lower": 100 * points_low,
        "points_upper": 100 * points_high,
        "mean_reference": plain[sides[0]].mean(0),
        "mean_target": plain[sides[1]].mean(0),
        "replaced": (plain < composition.floor()).mean(0),
    }
    table = pd.DataFrame(found)[list(COLUMNS)]
    return table[table["cell_type"] != OTHERS]


def _constant(estimate: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Say of which types the log-ratio is the same in all samples."""
    return error <= 1e-12 * np.maximum(np.abs(estimate), 1)


def adjusted(p: np.ndarray) -> np.ndarray:
    """Return q values (Benjamini & Hochberg 1995) of p values, of which some may be missing."""
    from scipy.stats import false_discovery_control

    q, known = np.full(len(p), np.nan), np.isfinite(p)
    if known.any():
        q[known] = false_discovery_control(p[known])
    return q


def mixture_interval(
    centre: np.ndarray, error: np.ndarray, freedom: float, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the central interval of equal mixtures of Student's t.

    Parameters
    ----------
    centre, error
        Draws x types; an error may be 0.
    freedom
        Degrees of freedom; infinite for normal distributions.
    level
        Probability within the interval.
    """
    from scipy.special import ndtr, stdtr

    error = np.maximum(error, 1e-9)
    below = ndtr if np.isinf(freedom) else lambda x: stdtr(freedom, x)

    def end(share: float) -> np.ndarray:
        spread = 1e3 * error.max(0)
        low, high = centre.min(0) - spread, centre.max(0) + spread
        for _ in range(80):  # bisection of all types at once, to the last digits
            middle = (low + high) / 2
            less = below((middle - centre) / error).mean(0) < share
            low, high = np.where(less, middle, low), np.where(less, high, middle)
        return (low + high) / 2

    return end((1 - level) / 2), end((1 + level) / 2)
