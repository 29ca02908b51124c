"""Units of expression: which one a matrix is in, whether it is a logarithm, and how to undo it.

A logarithm is undone only by evidence. Under the true base and offset, normalised samples have equal or round sums
(see :mod:`unmix.io.logarithms`); where no reading stands out, the user is asked to declare the unit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from unmix.errors import DataError, UsageError
from unmix.io import logarithms, matrices, scaled
from unmix.io.logarithms import BASES, PREFIX
from unmix.io.text import show

LINEAR = ("counts", "tpm", "fpkm", "cpm", "microarray")
#: Other names of units: what is divided by a total or a size factor of the sample needs no more than this.
SAME = {"cp10k": "cpm"}
#: What a user may declare. Every logarithm is of x plus an offset, which is read from the values.
UNITS = ("auto", *LINEAR, *(prefix + unit for prefix in PREFIX for unit in (*LINEAR, *SAME)))
#: No linear RNA-seq matrix has so small a maximum.
LOG_MAX = 30.0
#: Of 500 genes or more, the highest has more than this many times the median; below, values are logarithms or ranks. In
#: real samples the highest gene has from 38 to 21,000 times the median, in their logarithms 1.5 to 8.
EVEN, EVEN_GENES = 10, 500
#: No expression is so large: twice the reads of the deepest libraries.
LARGEST = 1e11


def per_million(values: np.ndarray) -> np.ndarray:
    """Scale the last axis (genes) to sum to one million; zeros stay."""
    return values * (1e6 / np.maximum(values.sum(-1, keepdims=True), 1e-12))


class Unit(NamedTuple):
    """Unit of a matrix: ``log`` is the base to undo or ``none``; x = base**value - offset.

    ``offset`` is a number or one per sample (samples x 1). ``doubt`` says where the numbers disagree with what was
    declared, or is empty.
    """

    name: str
    log: str
    offset: float | np.ndarray
    sentence: str
    doubt: str = ""


def parse(declared: str) -> tuple[str, str]:
    """Return (unit, base or ``none``) of what the user declared; upper and lower case are the same.

    Raises
    ------
    UsageError
        Not one of :data:`UNITS`.
    """
    spelt = declared.strip().lower()
    if spelt not in UNITS:
        raise UsageError(f"Unknown unit {declared!r}.", ", ".join(UNITS), "use --unit auto if in doubt")
    for prefix, base in PREFIX.items():
        if spelt.startswith(prefix):
            name = spelt.removeprefix(prefix)
            return SAME.get(name, name), base
    return spelt, "none"


def detect(values: np.ndarray, samples: list[str] | None = None) -> Unit:
    """Recognise the unit of a matrix from its numbers.

    Parameters
    ----------
    values
        samples x genes; NaN where missing.
    samples
        Their names, for messages.

    Returns
    -------
    Unit

    Raises
    ------
    DataError
        Standardised or 0-to-1 scaled values, from which expression cannot be recovered; samples in different units;
        or numbers that several units would explain.
    """
    finite = np.isfinite(values)
    known = values.ravel() if finite.all() else values[finite]
    if not known.size or not known.any():
        raise DataError("The matrix holds zeros or nothing at all.", "expression values", "check the export")
    scaled.refuse(values, known)
    scaled.refuse_roots(values, known)
    filled, whole = matrices.filled_and_whole(values)
    highest, used = np.nanmax(values, axis=1, initial=-np.inf), filled > 0
    above = (highest > LOG_MAX) & (highest <= np.log2(LARGEST))  # log2 of FPKM-UQ reach 32
    small = highest <= LOG_MAX
    small[above] = [_even(values[row : row + 1]) for row in np.flatnonzero(above)]
    small &= whole < 0.99 * filled
    if (small & used).any():
        if not small[used].all():
            raise _mixed(small & used, used, samples)
        return _detect_small(values)
    sums = np.concatenate([np.nansum(values[rows], axis=1) for rows in matrices.row_blocks(values)])
    _refuse_counts_beside_tpm(used, used & (whole >= 0.99 * filled), sums, samples)
    return _detect_linear(values, known, sums, whole.sum() / max(filled.sum(), 1))


def _refuse_counts_beside_tpm(used: np.ndarray, whole: np.ndarray, sums: np.ndarray, samples: list[str] | None) -> None:
    """Refuse samples of whole numbers beside samples with decimals that sum to a million."""
    million = np.abs(sums / 1e6 - 1) < 0.001
    counts, tpm = whole & ~million, used & ~whole & million
    if counts.any() and tpm.any():
        names = np.array(samples if samples is not None else range(1, len(sums) + 1), dtype=object)
        raise DataError(
            f"The samples are not all in one unit: {counts.sum()} hold whole numbers, as counts are "
            f"({show(names[counts])}); {tpm.sum()} have decimals and sum to a million ({show(names[tpm])}).",
            "all samples in one unit",
            "give the counts and the TPM in two files",
        )


def _mixed(small: np.ndarray, used: np.ndarray, samples: list[str] | None) -> DataError:
    names = np.array(samples if samples is not None else [f"number {i + 1}" for i in range(len(small))], dtype=object)
    return DataError(
        f"The samples are not all in one unit: {small.sum()} have values of at most {LOG_MAX:.0f}, as logarithms have "
        f"({show(names[small])}); the others have larger ones ({show(names[used & ~small])}).",
        "all samples in one unit",
        "undo the logarithm of the first ones, or give the samples in two files",
    )


def _detect_linear(values: np.ndarray, known: np.ndarray, sums: np.ndarray, whole: float) -> Unit:
    """Recognise the unit of values that are no logarithms.

    Parameters
    ----------
    values, known
        Samples x genes, and what of it is known.
    sums, whole
        Of each sample; share of whole numbers among the values that are not 0.
    """
    high, sums = known.max(), sums[sums > 0]
    if not sums.size:
        raise DataError(
            f"No sample has a sum above zero (values from {known.min():g} to {high:g}).",
            "values of 0 or more, or logarithms declared with --unit",
            "give counts or TPM before any centring or batch correction",
        )
    level, spread = np.median(sums), np.ptp(sums) / np.median(sums)
    million = 0.8e6 <= level <= 1.05e6 and spread < 0.2
    facts = f"(sample sums around {level:,.0f})"
    if whole >= 0.99 and not (million and spread < 0.001):
        return Unit("counts", "none", 0, f"The values are whole numbers {facts}: counts.")
    if _even(values):
        raise DataError(
            f"The highest gene of every sample has less than {EVEN} times the median {facts}, as logarithms, ranks and "
            "logarithms scaled to a total have.",
            "expression",
            "give counts, TPM or their logarithm, as they were before scaling or ranking; or declare the unit (--unit)",
        )
    low = known.min()
    no_floor = low > 0 and np.mean(known <= low + 1e-8 + 1e-6 * low) < 0.001
    scanner = low > 0 and high < 2**16 * low  # 16 bits
    if scanner if million else no_floor:
        return Unit(
            "microarray", "none", 0, f"No value is zero, the largest is {high:,.0f}: linear microarray intensities."
        )
    if million:
        return Unit(
            "tpm", "none", 0, f"Every sample sums to about a million {facts}: TPM assumed (CPM is treated alike)."
        )
    if whole > 0.3 or level > 1.5e6:
        return Unit("counts", "none", 0, f"The values look like estimated counts {facts}.")
    return Unit(
        "fpkm", "none", 0, f"Values with decimals {facts}: FPKM assumed (TPM of a part of the genes is treated alike)."
    )


def _even(values: np.ndarray) -> bool:
    """Say whether the genes of all samples differ so little as those of logarithms do."""
    filled = (row[row > 0] for row in values[np.nan_to_num(values).any(axis=1)])
    return values.shape[1] >= EVEN_GENES and all(row.max() < EVEN * np.median(row) for row in filled)


def _detect_small(values: np.ndarray) -> Unit:
    """Recognise what was logged, if anything was, by undoing every base."""
    low, high = np.nanmin(values), np.nanmax(values)
    if low >= 0 and high <= 1:
        raise DataError(
            f"All values lie between {low:g} and {high:g}: fractions or scaled values.",
            "expression",
            "--unit cpm, if these are shares of all expression in each sample (their sums are 1)"
            if np.allclose(np.nansum(values, axis=1), 1, atol=0.02)
            else "give counts, TPM or their logarithm, as they were before scaling",
        )
    tried = [logarithms.read(values, base) for base in (BASES if _even(values) else ("none", *BASES))]
    fits = [reading for reading in tried if reading.fits]
    best = max(fits, key=lambda reading: reading.evidence, default=None)
    if best is not None and all(best.evidence > other.evidence + 2 for other in fits if other is not best):
        return _named(best, low, high)
    if not fits and logarithms.like_array(values):
        return Unit(
            "microarray", "2", 0.0, f"Values from {low:.2f} to {high:.2f} and no zeros: log2 microarray intensities."
        )
    possible = fits or [reading for reading in tried if reading.possible]
    if not possible:
        raise DataError(
            f"The values (from {low:.2f} to {high:.2f}) look like logarithms of numbers whose sum no library has.",
            "a unit that can be recognised from the values, or a declared unit",
            "--unit log2fpkm, if they are log2(FPKM-UQ + 1) as TCGA has them",
        )
    described = "; ".join(f"{reading.says} (sample sums {reading.sums})" for reading in possible)
    declare = "fpkm" if low >= 0 else ""
    options = [f"--unit {reading.prefix}{'tpm' if reading.prefix else declare}" for reading in possible]
    raise DataError(
        f"The values (from {low:.2f} to {high:.2f}) may be logarithms, and more than one reading fits: {described}.",
        "a unit that can be recognised from the values, or a declared unit",
        f"{', '.join(options[:-1])} or {options[-1]}, whichever it is"
        if len(options) > 1
        else f"--unit with the unit of the values, such as {options[0] if options else '--unit log2tpm'}",
    )


def _named(reading: logarithms.Reading, low: float, high: float) -> Unit:
    facts = f"Values from {low:.2f} to {high:.2f}: {reading.says}"
    why = f"{reading.why}; undone, samples sum to {reading.sums}"
    name = {"counts": "counts", "million": "tpm"}.get(reading.what, "cpm")
    if reading.base == "none":
        return Unit(name, "none", 0.0, f"Values from {low:.2f} to {high:.2f}, not logarithms ({reading.why}).")
    return Unit(name, reading.base, reading.offset, f"{facts} ({why}).")


def decide(values: np.ndarray, declared: str, samples: list[str] | None = None) -> Unit:
    """Return the unit, detected or declared; a declaration overrides what the numbers suggest.

    Parameters
    ----------
    values
        samples x genes; NaN where missing.
    declared
        One of :data:`UNITS`.
    samples
        Their names, for messages.

    Raises
    ------
    DataError
        Nothing was declared and the unit cannot be recognised, or the numbers make the declaration impossible.
    """
    name, log = parse(declared)
    if name == "auto":
        return detect(values, samples)
    scaled.refuse(values, values[np.isfinite(values)])
    spelt, high = declared.strip().lower(), np.nanmax(values)
    if name == "microarray" and log == "none" and high <= LOG_MAX:
        return Unit(name, "2", 0.0, "The microarray values are logarithms: log2 was undone.")
    if log != "none" and high * np.log(BASES[log]) > np.log(LARGEST):
        raise DataError(
            f"The values were declared {spelt}, but reach {high:,.5g}: logarithms of expression are smaller.",
            f"values in {spelt}",
            "--unit auto, or declare the unit without the logarithm",
        )
    undone = "" if log == "none" else "; the logarithm was undone"
    offset = 0.0 if log == "none" or name == "microarray" else logarithms.offset(values, log)
    unit = Unit(name, log, offset, f"The values are {spelt}, as declared{undone}.")
    return unit._replace(doubt=_doubt(values, unit, spelt))


def _doubt(values: np.ndarray, unit: Unit, spelt: str) -> str:
    """Return a sentence where the numbers look like something else than was declared."""
    try:
        found = detect(values)
    except DataError as error:
        found, why = None, error.found
    if found is None:
        return "" if unit.log != "none" else f"Declared {spelt}, although: {why}"
    sums = np.nansum(values, axis=1)
    whole_as_tpm = found.name == "counts" and unit.name in ("tpm", "cpm", "fpkm") and sums.max() > 1.1e6
    other = found.log != unit.log or (
        unit.log == "none" and (whole_as_tpm or (unit.name, found.name) == ("counts", "tpm"))
    )
    return f"Declared {spelt} and used so, although the numbers look different: {found.sentence}" if other else ""


def linear(values: np.ndarray, unit: Unit) -> np.ndarray:
    """Return values with the logarithm undone; what falls below zero by rounding is zero."""
    if unit.log == "none":
        return values
    return np.maximum(np.exp(values * np.log(BASES[unit.log])) - unit.offset, 0.0)
