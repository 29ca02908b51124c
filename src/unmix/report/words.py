"""Numbers and names as text. Fractions are written as percentages, their differences as percentage points."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from unmix.io.fractions import QUANTITIES

if TYPE_CHECKING:
    from collections.abc import Collection

    from unmix.report.results import Result

MINUS, DASH = "\N{MINUS SIGN}", "\N{EN DASH}"


def number(value: float, digits: int = 2) -> str:
    """Write a number with a true minus sign; a dash where there is none."""
    if math.isnan(value):
        return DASH
    text = f"{value:.{digits}f}"
    return text.replace("-", MINUS) if float(text) else text.lstrip("-")


def percent(value: float, digits: int = 1) -> str:
    """Write a fraction as a percentage, without the sign."""
    return number(value * 100, digits)


def estimate(result: Result, value: float, digits: int = 1) -> str:
    """Write an estimate: fractions as percentages, scores as they are."""
    return number(value, digits + 2) if result.quantity == "score" else percent(value, digits)


def between(lower: str, upper: str) -> str:
    """Write an interval; nothing where it is missing."""
    return "" if DASH in (lower, upper) else f"{lower} to {upper}"


def listed(names: Collection[object], most: int = 10) -> str:
    """Write names as a list in a sentence; the rest is counted."""
    names = [str(name) for name in names]
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def count(size: int, thing: str) -> str:
    """Write a number of things: 1 sample, 2 samples."""
    return f"{size:,} {thing}{'' if size == 1 else 's'}"


def quantity(result: Result) -> str:
    """Return what a method estimates, in the plural."""
    word = QUANTITIES[result.quantity]
    return word if result.quantity == "purity" else f"{word}s"


def ticks(low: float, high: float) -> list[float]:
    """Return round numbers from `low` to `high`, at most six."""
    step = next(s for s in (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if (high - low) / s < 5.5)
    return [low + i * step for i in range(round((high - low) / step) + 1)]


def ceiling(value: float) -> float:
    """Return the end of an axis of fractions that shows `value`."""
    return next((end for end in (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8) if value <= end), 1.0)


def axis(result: Result, low: float, high: float) -> list[tuple[float, str]]:
    """Return positions and labels of an axis of estimates: round percentages, or the ends and the middle of scores."""
    if result.quantity == "score":
        return [(low + share * (high - low), estimate(result, low + share * (high - low), 0)) for share in (0, 0.5, 1)]
    marks = [(tick, f"{round(100 * tick, 1):g}".replace("-", MINUS)) for tick in ticks(low, high)]
    return [*marks[:-1], (marks[-1][0], f"{marks[-1][1]}%")]
