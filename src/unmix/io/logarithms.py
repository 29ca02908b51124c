"""Which logarithm was taken: evidence from what the values are once a base is undone.

Three kinds of evidence single out a base. Counts become whole numbers. Counts divided by a size factor of the sample
become multiples of that sample's single count. Normalised samples get equal, round sums, and only near the true base:
a slightly larger or smaller base makes them differ again. Nearness of the sums to a million alone is no evidence.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

BASES = {"2": 2.0, "e": np.e, "10": 10.0}
PREFIX = {"log2": "2", "ln": "e", "log10": "10"}
#: Totals to which tools scale samples.
TOTALS = (1e4, 1e5, 1e6)
#: Orders of magnitude of coincidence that count as evidence.
ENOUGH = 2.5
SURE = 9.0
#: Share of a sample's values at its smallest one from which that stands for no expression.
BOTTOM = 0.01
#: The largest sum of a sample that sequencing gives.
LARGEST_SUM = 3e9


class Reading(NamedTuple):
    """The values under one base (``none``: as they are), and what speaks for it, in orders of magnitude."""

    base: str
    offset: float | np.ndarray
    evidence: float
    what: str
    why: str
    sums: str
    possible: bool

    @property
    def fits(self) -> bool:
        """Whether the evidence is enough."""
        return self.possible and self.evidence >= ENOUGH

    @property
    def prefix(self) -> str:
        """The logarithm as in a declared unit, empty for none."""
        return next((prefix for prefix, base in PREFIX.items() if base == self.base), "")

    @property
    def says(self) -> str:
        """The reading as text."""
        if self.base == "none":
            return "values as they are"
        low, high = np.min(self.offset), np.max(self.offset)
        plus = f"x + {low:.3g}" + (f" to {high:.3g}" if high > low * 1.01 else "") if high else "x"
        return f"logarithms, {self.prefix}({plus})"


def offset(values: np.ndarray, base: str) -> float | np.ndarray:
    """Return what was added before the logarithm, from the value that stands for no expression.

    Parameters
    ----------
    values
        samples x genes; NaN where missing.
    base
        A key of :data:`BASES`.

    Returns
    -------
    float or numpy.ndarray
        One number, or samples x 1 where samples differ (as voom makes them). Without a value that is repeated at the
        bottom, 1 for values of 0 or more, and 0 otherwise.
    """
    lows = np.nanmin(values, axis=1, keepdims=True)
    repeated = np.mean(np.isclose(values, lows, rtol=0, atol=1e-6), axis=1, keepdims=True) >= BOTTOM
    if not repeated.any() and lows.min() != 0:
        return float(lows.min() > 0)
    common = lows[repeated].min() if repeated.any() else 0.0
    lows = np.where(repeated, lows, common)
    if np.ptp(lows) < 1e-6 or np.mean(repeated) < 0.5:
        return float(BASES[base] ** common)
    return BASES[base] ** lows


def read(values: np.ndarray, base: str) -> Reading:
    """Undo one base and weigh what comes out.

    Parameters
    ----------
    values
        samples x genes; NaN where missing.
    base
        A key of :data:`BASES`, or ``none``.
    """
    step = 1.0 if base == "none" else np.log(BASES[base])
    if base != "none" and np.nanmax(values) * step > np.log(LARGEST_SUM):
        return Reading(base, 0.0, 0.0, "", "", "beyond any library", False)
    used = values[np.nan_to_num(values).any(axis=1)]
    plus = 0.0 if base == "none" else offset(used, base)
    linear = np.nan_to_num(used if base == "none" else np.exp(used * step) - plus)
    level = float(np.median(linear.sum(axis=1)))
    sums = f"around {level:,.0f}" if len(used) > 1 else f"{level:,.0f}"
    if not 0 < level < LARGEST_SUM or (base == "none" and np.nanmin(values) < 0):
        return Reading(base, plus, 0.0, "", "", sums, False)
    if base != "none" and _wholeness(linear) > 0.9:
        return Reading(base, plus, SURE, "counts", "undone, they are whole numbers", sums, True)
    if np.ndim(plus) == 0 and plus == 1 and _bottomless(used) and _off(level + linear.shape[1]) < 1e-4 < _off(level):
        plus, linear = 0.0, linear + 1.0
    evidence, what = _equality(used, step, plus, linear, base)
    why = "the sums of samples agree as under no other base" if base != "none" else "the sums of samples agree"
    if _multiples(used, linear) > 0.9:
        evidence, why = evidence + SURE, "the values of a sample are multiples of one count"
    if isinstance(plus, np.ndarray) and len(used) < len(values):
        full = np.ones((len(values), 1))
        full[np.nan_to_num(values).any(axis=1)] = plus
        plus = full
    return Reading(base, plus, evidence, what, why, sums, True)


def like_array(values: np.ndarray) -> bool:
    """Say whether values look like log2 intensities of microarrays.

    They have no zeros, and the range of a scanner: above what a natural logarithm of 16 bits can reach, with a middle
    far from the bottom and many genes near the top, where sequencing has few.
    """
    low, middle, upper, high = np.nanpercentile(values, (0, 50, 99, 100))
    bottom = np.nanmean(np.isclose(values, low, rtol=0, atol=1e-6))
    return bool(low > 0 and bottom < BOTTOM and np.log(2**16) < high <= 20 and middle > 3.5 and upper > 0.62 * high)


def _bottomless(values: np.ndarray) -> bool:
    return bool(np.nanmean(np.isclose(values, np.nanmin(values), rtol=0, atol=1e-6)) < BOTTOM)


def _off(level: float) -> float:
    """Return how far a sum is from a total to which tools scale, as a share of it."""
    return min(abs(level / total - 1) for total in TOTALS)


def _wholeness(linear: np.ndarray) -> float:
    """Return the share of small values that are whole; 0 where there are too few values."""
    small = linear[(linear > 0.5) & (linear < 20)]
    near = np.round(small)
    if small.size < 30 or len(np.unique(near)) < 4:
        return 0.0
    return float(np.mean(np.abs(small - near) < 0.02))


def _multiples(values: np.ndarray, linear: np.ndarray) -> float:
    """Return the share of values, over 4 to 20 times their sample's smallest one, that are multiples of it.

    Samples whose smallest step is near the precision of the file give no evidence.
    """
    some = values[:, :500][np.isfinite(values[:, :500])]
    digits = next((k for k in range(1, 8) if np.allclose(some * 10**k, np.round(some * 10**k), rtol=0, atol=1e-3)), 9)
    shares = []
    every = max(1, len(values) // 30)
    for given, row in zip(values[::every], linear[::every], strict=True):
        filled = row[row > 1e-9]
        steps = given[row > 1e-9] - np.nanmin(given)
        if not filled.size or steps.min() < 200 * 10.0**-digits:
            continue
        ratio = filled / filled.min()
        told = ratio[(ratio > 4.5) & (ratio < 20)]
        if told.size >= 20:
            shares.append(np.mean(np.abs(told - np.round(told)) < 0.05))
    return float(np.median(shares)) if shares else 0.0


def _equality(
    values: np.ndarray, step: float, plus: float | np.ndarray, linear: np.ndarray, base: str
) -> tuple[float, str]:
    """Return how much sums speak for a base, in orders of magnitude, and to what they sum."""
    sums = linear.sum(axis=1)
    level, spread = float(np.median(sums)), _spread(sums)
    others = []
    for power in (0.9, 1.1):
        if base == "none":
            changed = np.maximum(linear, 0) ** power
        else:
            changed = np.nan_to_num(np.exp(values * step * power) - np.asarray(plus) ** power)
        others.append(_spread(changed.sum(axis=1)))
    total = min(TOTALS, key=lambda total: abs(np.log(level / total)))
    what = "million" if total == 1e6 and 0.8 < level / total < 1.05 else "total"
    evidence = 0.0
    # logarithms that were centred have equal sums as they are: equality alone is no evidence for linear values
    if len(sums) > 1 and min(others) > 1e-7 and base != "none":
        sharper = min(others) / max(spread, 1e-7)
        if sharper > 2 and spread < 0.05:
            evidence += (len(sums) - 1) * np.log10(sharper)
    off = abs(level / total - 1)
    if off < 1e-3 and spread < 1e-3:
        evidence += -np.log10(max(off, 1e-6)) - 1
    filtered = (
        base != "none"
        and len(sums) > 1
        and total != 1e5
        and 0.9 < level / total < 1.001
        and spread < min(0.02, *others)
    )
    return max(float(evidence), ENOUGH if filtered else 0.0), what


def _spread(sums: np.ndarray) -> float:
    return float(np.std(sums) / max(np.mean(sums), 1e-12))
