"""Units of expression: which one a matrix is in, whether it is a logarithm, and how to undo it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from unmix.errors import DataError, UsageError

LINEAR = ("counts", "tpm", "fpkm", "cpm", "microarray")
BASES = {"2": 2.0, "e": np.e, "10": 10.0}
PREFIX = {"log2": "2", "ln": "e", "log10": "10"}
#: What a user may declare.
UNITS = ("auto", *LINEAR, *(prefix + unit for prefix in PREFIX for unit in LINEAR if unit != "counts"))
#: No linear RNA-seq matrix has so small a maximum, no logarithm so large a one (2^40 > 1e12).
LOG_MAX, LOG_LIMIT = 30.0, 40.0


def per_million(values: np.ndarray) -> np.ndarray:
    """Scale the last axis (genes) to sum to one million; zeros stay."""
    return values * (1e6 / np.maximum(values.sum(-1, keepdims=True), 1e-12))


class Unit(NamedTuple):
    """Unit of a matrix: ``log`` is the base to undo or ``none``; x = base**value - offset."""

    name: str
    log: str
    offset: float
    sentence: str


def parse(declared: str) -> tuple[str, str]:
    """Return (unit, base or ``none``) of what the user declared.

    Raises
    ------
    UsageError
        Not one of :data:`UNITS`.
    """
    if declared not in UNITS:
        raise UsageError(f"Unknown unit {declared!r}.", ", ".join(UNITS), "use --unit auto if in doubt")
    for prefix, base in PREFIX.items():
        if declared.startswith(prefix):
            return declared.removeprefix(prefix), base
    return declared, "none"


def detect(values: np.ndarray) -> Unit:
    """Recognise the unit of a matrix from its numbers.

    Parameters
    ----------
    values
        samples x genes; NaN where missing.

    Returns
    -------
    Unit

    Raises
    ------
    DataError
        Standardised or 0-to-1 scaled values, from which expression cannot be recovered.
    """
    known = values[np.isfinite(values)]
    if not known.size or not known.any():
        raise DataError("The matrix holds zeros or nothing at all.", "expression values", "check the export")
    filled = known[known != 0]
    whole = np.mean(filled == np.round(filled))
    low, high = known.min(), known.max()
    if whole < 0.99 and high <= LOG_MAX:
        return _detect_log(values, low, high)
    sums = np.nansum(values, axis=1)
    sums = sums[sums > 0]
    level, spread = np.median(sums), np.ptp(sums) / np.median(sums)
    million = 0.8e6 <= level <= 1.05e6 and spread < 0.2
    facts = f"(sample sums around {level:,.0f})"
    if whole >= 0.99 and not (million and spread < 0.001):
        return Unit("counts", "none", 0, f"The values are whole numbers {facts}: counts.")
    if million:
        return Unit(
            "tpm", "none", 0, f"Every sample sums to about a million {facts}: TPM assumed (CPM is treated alike)."
        )
    if np.mean(known == 0) < 0.001 and low > 0:
        return Unit(
            "microarray", "none", 0, f"No value is zero, the largest is {high:,.0f}: linear microarray intensities."
        )
    if whole > 0.3 or level > 1.5e6:
        return Unit("counts", "none", 0, f"The values look like estimated counts {facts}.")
    return Unit(
        "fpkm", "none", 0, f"Values with decimals {facts}: FPKM assumed (TPM of a part of the genes is treated alike)."
    )


def _detect_log(values: np.ndarray, low: float, high: float) -> Unit:
    """Recognise what was logged, and the base, by undoing each base."""
    known = values[np.isfinite(values)]
    _refuse_scaled(values, known, low, high)
    bottom = np.mean(np.isclose(known, low, atol=1e-6))
    if low > 0 and bottom < 0.01:
        return Unit(
            "microarray", "2", 0.0, f"Values from {low:.2f} to {high:.2f} and no zeros: log2 microarray intensities."
        )
    tried = []
    for label, base in BASES.items():
        # the most frequent smallest value is the logarithm of no expression: log(0 + offset)
        offset = base**low if bottom >= 0.01 else float(low >= 0)
        linear = base ** np.where(np.isnan(values), low, values) - offset
        sums = linear.sum(axis=1)
        level, spread = np.median(sums), np.ptp(sums) / max(np.median(sums), 1e-9)
        small = linear[(linear > 0.5) & (linear < 50)]
        whole = np.mean(np.abs(small - np.round(small)) < 0.02) if small.size else 0.0
        million = 0.8e6 <= level <= 1.05e6 and spread < 0.2
        tried.append((whole > 0.9, million, -abs(np.log10(max(level, 1e-9)) - 6), label, offset, level))
    counts, million, _, label, offset, level = max(tried)
    prefix = next(name for name, base in PREFIX.items() if base == label)
    plus = f"x + {offset:.3g}" if offset else "x"
    facts = f"Values from {low:.2f} to {high:.2f}: logarithms, {prefix}({plus})"
    if counts:
        return Unit("counts", label, offset, f"{facts} of counts (undone, they are whole numbers).")
    if million:
        return Unit("tpm", label, offset, f"{facts} of TPM or CPM (undone, samples sum to {level:,.0f}).")
    return Unit(
        "fpkm", label, offset, f"{facts}; the base is assumed (undone, samples sum to {level:,.0f}): say --unit if not."
    )


def _refuse_scaled(values: np.ndarray, known: np.ndarray, low: float, high: float) -> None:
    do = "give counts, TPM or their logarithm, as they were before scaling"
    if low >= 0 and high <= 1:
        raise DataError(f"All values lie between {low:g} and {high:g}: fractions or scaled values.", "expression", do)
    if low < 0 and len(values) > 2:
        with np.errstate(invalid="ignore"):
            centred = np.abs(np.nanmean(values, axis=0)) < 0.01
        if centred.mean() > 0.9:
            raise DataError("Every gene has a mean of zero: standardised (z-scored) values.", "expression", do)
    if low < 0 and known.size > 100:
        means = np.abs(np.nanmean(values, axis=1)) < 0.001
        if means.all() and np.allclose(np.nanstd(values, axis=1), 1, atol=0.01):
            raise DataError("Every sample is standardised (mean 0, sd 1).", "expression", do)


def decide(values: np.ndarray, declared: str) -> Unit:
    """Return the unit, detected or declared; a declaration that the numbers contradict is an error.

    Parameters
    ----------
    values
        samples x genes; NaN where missing.
    declared
        One of :data:`UNITS`.

    Raises
    ------
    DataError
        The numbers contradict the declaration.
    """
    name, log = parse(declared)
    found = detect(values)
    if declared == "auto":
        return found
    if log == "none" and found.log != "none" and name == "microarray":
        return Unit(name, "2", 0.0, "The microarray values are logarithms: log2 was undone.")
    as_found = found.name if found.log == "none" else {v: k for k, v in PREFIX.items()}[found.log] + found.name
    clash = DataError(
        f"The values were declared {declared}, but: {found.sentence}",
        f"values in {declared}",
        f"--unit auto or --unit {as_found}" if as_found in UNITS else "--unit auto",
    )
    if (log == "none") != (found.log == "none"):
        raise clash
    if log != "none":
        offset = 0.0 if name == "microarray" else found.offset
        if found.log != log and offset:
            offset = float(BASES[log] ** np.log(found.offset) / np.log(BASES[found.log]))
        return Unit(name, log, offset, f"The values are {declared}, as declared; the logarithm was undone.")
    if name == "counts" and found.name == "tpm":
        raise clash
    if name in ("tpm", "cpm", "fpkm") and found.name == "counts" and np.nansum(values, axis=1).max() > 1.1e6:
        raise clash
    return Unit(name, "none", 0.0, f"The values are {declared}, as declared.")


def linear(values: np.ndarray, unit: Unit) -> np.ndarray:
    """Return values with the logarithm undone; what falls below zero by rounding is zero."""
    if unit.log == "none":
        return values
    return np.maximum(BASES[unit.log] ** values - unit.offset, 0.0)
