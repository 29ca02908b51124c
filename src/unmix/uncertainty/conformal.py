"""Split-conformal intervals from the errors of a method on pseudobulk of held-out donors."""

from __future__ import annotations

import numpy as np

#: Of products such as (n + 1) level, which shall not be the next whole number by rounding alone.
_ROUNDING = 1e-9


def _scale(estimate: np.ndarray) -> np.ndarray:
    """Expected size of an error: small near 0 and 1, as of a proportion (our choice; keeps rare types tight)."""
    return 0.1 + np.sqrt(np.clip(estimate * (1 - estimate), 0, None))


def scores(lower: np.ndarray, upper: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the sorted scaled errors of each type (samples x types, float32), the calibration of a model.

    Parameters
    ----------
    lower, upper
        Bounds of the method, or its estimate twice. A truth between them has a negative error.
    truth
        Known fractions.
    """
    errors = np.maximum((lower - truth) / _scale(lower), (truth - upper) / _scale(upper))
    return np.sort(errors, axis=0).astype(np.float32)


def interval(
    lower: np.ndarray,
    upper: np.ndarray,
    calibration: np.ndarray,
    level: float,
    distance_ratio: np.ndarray | float = 1.0,
    between_laboratory: np.ndarray | float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the intervals around the bounds (samples x types) within [0, 1].

    Parameters
    ----------
    lower, upper
        Bounds of the method, or its estimate twice.
    calibration
        Of :func:`scores`.
    level
        Nominal coverage: the finite-sample quantile (n + 1) level of the calibration errors. A type of fewer errors
        than :func:`needed` gets the interval [0, 1]: no narrower one is known to hold the level.
    distance_ratio
        Factor of each sample (samples x 1) for being further from the reference than the calibration's pseudobulk.
    between_laboratory
        Standard deviation of the scaled errors that come from another laboratory (samples x 1), independent of those
        of the calibration.
    """
    from scipy.special import ndtri

    quantile = _quantile(calibration, level)
    middle, more = (lower + upper) / 2, between_laboratory * ndtri((1 + level) / 2)
    below = distance_ratio * (middle - lower + quantile * _scale(lower))
    above = distance_ratio * (upper - middle + quantile * _scale(upper))
    low = middle - np.hypot(np.maximum(below, 0), more * _scale(lower))
    high = middle + np.hypot(np.maximum(above, 0), more * _scale(upper))
    return np.clip(low, 0, 1), np.clip(high, 0, 1)


def counts(calibration: np.ndarray) -> np.ndarray:
    """Return the number of calibration errors of each type; 0 where the reference lacks the type, or for scores."""
    return (~np.isnan(calibration)).sum(0)


def needed(level: float) -> int:
    """Return the least number of calibration errors from which an interval of this level can be given."""
    return int(np.ceil(level / (1 - level) - _ROUNDING))


def _quantile(calibration: np.ndarray, level: float) -> np.ndarray:
    """Return the finite-sample quantile of each type's errors: infinite for too few, NaN for none."""
    number = counts(calibration)
    rank = np.ceil((number + 1) * level - _ROUNDING).astype(int)
    padded = np.vstack([calibration, np.full((1, calibration.shape[1]), np.nan)])
    found = padded[np.clip(rank, 1, len(padded)) - 1, np.arange(calibration.shape[1])]
    return np.where(number == 0, np.nan, np.where(rank > number, np.inf, found))


def coverage(lower: np.ndarray, upper: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the share of truths inside their interval, per type."""
    return ((truth >= lower - 1e-9) & (truth <= upper + 1e-9)).mean(0)
