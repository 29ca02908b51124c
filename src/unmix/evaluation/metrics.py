"""How well estimates agree with the truth: pure functions, one table, bootstrap intervals over samples.

Every figure is a function of weighted moments over rows. A bootstrap resample of the samples is a vector of
weights (how often each sample was drawn), so the 1,000 resamples of a table are a few matrix products and not
1,000 evaluations. Variances and covariances divide by n everywhere (ddof 0), as Lin (1989) does for his
concordance coefficient.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

RESAMPLES = 1000
#: Ends of the 95 % interval.
QUANTILES = (0.025, 0.975)
CORRELATIONS = ("pearson", "spearman")
COLUMNS = ("level", "cell_type", "metric", "value", "lower", "upper", "n", "median", "flag")
#: Largest number of weights held at once by the pooled bootstrap (doubles: 32 MB).
_CHUNK = 4_000_000


def agreement(truth: Array, estimate: Array, weights: Array | None = None) -> dict[str, Array]:
    """Compare the columns of two tables.

    Parameters
    ----------
    truth, estimate
        Rows x columns; each column is one comparison.
    weights
        Resamples x rows, every row summing to 1. By default one resample in which all rows count the same.

    Returns
    -------
    dict
        Per metric an array resamples x columns. ``bias`` is the mean of estimate minus truth; ``slope`` that of
        the regression of the estimate on the truth (1: right scale; below 1: differences between rows come out
        too small). ``pearson`` and ``spearman`` are 0 where the estimate is constant and NaN where the truth
        is, as is the slope; ``ccc`` is Lin's concordance correlation coefficient (10.2307/2532051), 1 for
        identical columns and NaN where both are one and the same constant, as for a type that neither holds.
    """
    if weights is None:
        weights = np.full((1, len(truth)), 1 / len(truth))
    error = estimate - truth
    bias, mse = weights @ error, weights @ error**2
    var_t, var_e, cov = _moments(truth, estimate, weights)
    spread = var_t + var_e + bias**2
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "mae": weights @ np.abs(error),
            "rmse": np.sqrt(mse),
            "mse": mse,
            "pearson": _correlation(var_t, var_e, cov),
            "spearman": _spearman(truth, estimate, weights),
            "ccc": np.where(spread > 0, 2 * cov / spread, np.nan),
            "bias": bias,
            "slope": np.where(var_t > 0, cov / var_t, np.nan),
        }


def jensen_shannon(truth: Array, estimate: Array) -> Array:
    """Return the Jensen-Shannon divergence (base 2, between 0 and 1) of each row, taken as a distribution.

    Negative values count as 0; a row without anything positive gives NaN.
    """
    rows = [np.clip(table, 0, None) for table in (truth, estimate)]
    totals = [table.sum(axis=1, keepdims=True) for table in rows]
    p, q = (np.divide(x, t, out=np.full_like(x, np.nan), where=t > 0) for x, t in zip(rows, totals, strict=True))
    middle = (p + q) / 2
    return (_relative_entropy(p, middle) + _relative_entropy(q, middle)).sum(axis=1) / (2 * np.log(2))


def _relative_entropy(p: Array, q: Array) -> Array:
    """Return p log(p / q), 0 where p is 0 (scipy's rel_entr: importing it takes a third of an evaluation's time)."""
    return p * np.log(np.divide(p, q, out=np.ones_like(p), where=p > 0))


def is_constant(table: Array) -> NDArray[np.bool_]:
    """Say of each column whether it is the same number everywhere (to 1e-9 of its largest value)."""
    return table.std(axis=0) <= 1e-9 * np.abs(table).max(axis=0)


def bootstrap_weights(samples: int, rng: np.random.Generator, resamples: int = RESAMPLES) -> Array:
    """Return resamples x samples: the share of each sample in each resample drawn with replacement."""
    return rng.multinomial(samples, np.full(samples, 1 / samples), size=resamples) / samples


def evaluate(
    truth: pd.DataFrame,
    estimate: pd.DataFrame,
    rng: np.random.Generator,
    *,
    quantity: str = "cell",
    lower: pd.DataFrame | None = None,
    upper: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return ``metrics.tsv``: every metric at every level, with its 95 % bootstrap interval over samples.

    Parameters
    ----------
    truth, estimate
        Samples x cell types, with the same rows and columns. Where the truth is NaN, the type was not measured in the
        sample, and the pair counts nowhere; every type and every sample has one that was.
    rng
        Draws the resamples.
    quantity
        ``cell`` or ``mrna`` (all levels), ``purity`` (levels ``type`` and ``mean_type``) or ``score`` (those two
        and correlations only: a score has no scale, and scores of different types cannot be compared).
    lower, upper
        Ends of the estimates' intervals, for coverage and width; NaN where a type has none.

    Returns
    -------
    DataFrame
        Columns :data:`COLUMNS`. ``n`` is the number of samples (``type``), of types with a value
        (``mean_type``), of samples with a value (``sample``) or of pairs (``all``); ``median`` stands beside
        every mean; ``flag`` says ``constant_estimate`` (its correlation is set to 0) or ``constant_truth`` (its
        correlation is not defined).
    """
    t, e = truth.to_numpy(float), estimate.to_numpy(float)
    samples = len(t)
    # The first "resample" is the data itself, so that values and intervals come from the same code.
    weights = np.vstack([np.full((1, samples), 1 / samples), bootstrap_weights(samples, rng)])
    tables = [t, e]
    if quantity != "score" and lower is not None and upper is not None:
        low, high = lower.to_numpy(float), upper.to_numpy(float)
        tables += [np.where(np.isnan(low), np.nan, (low <= t) & (t <= high)), high - low]
    by_type = _by_type(tables, weights)
    if quantity == "score":
        by_type = {metric: by_type[metric] for metric in CORRELATIONS}
    flags = _flags(t, e)
    measured = (~np.isnan(t)).sum(axis=0)
    rows = [
        _row("type", name, metric, draws[:, i], int(measured[i]), flag=flags[i])
        for metric, draws in by_type.items()
        for i, name in enumerate(truth.columns)
    ]
    over_types = ";".join(sorted({flag for flag in flags if flag}))
    for metric, draws in by_type.items():
        rows.append(_mean("mean_type", metric, _share(draws, np.ones_like(draws)), draws[0], flag=over_types))
    if quantity in ("cell", "mrna"):
        for metric, values in _by_sample(t, e).items():
            draws = _share(np.broadcast_to(values, weights.shape), weights)
            rows.append(_mean("sample", metric, draws, values))
        flag = _flags(t.reshape(-1, 1), e.reshape(-1, 1))[0]
        rows += [
            _row("all", "", metric, draws[:, 0], int(measured.sum()), flag=flag)
            for metric, draws in _pooled(t, e, weights).items()
        ]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    if samples == 1:  # one sample, drawn again and again, says nothing about the spread
        table[["lower", "upper"]] = np.nan
    # Beyond ten decimals stands the order in which a machine adds; + 0 turns -0 into 0.
    numbers = ["value", "lower", "upper", "median"]
    table[numbers] = table[numbers].round(10) + 0.0
    return table


def _moments(truth: Array, estimate: Array, weights: Array) -> tuple[Array, Array, Array]:
    """Return the variances and the covariance, exactly 0 where a column is constant in a resample."""
    t, e = truth - truth.mean(axis=0), estimate - estimate.mean(axis=0)
    mean_t, mean_e = weights @ t, weights @ e
    var_t, var_e = weights @ t**2 - mean_t**2, weights @ e**2 - mean_e**2
    cov = weights @ (t * e) - mean_t * mean_e
    for variance, column, deviation in ((var_t, truth, t), (var_e, estimate, e)):
        # Rounding leaves about 1e-16 of the squares: below that a resample counts as constant.
        noise = np.maximum(1e-18 * np.max(column**2, axis=0), 1e-13 * np.max(deviation**2, axis=0))
        constant = variance <= noise
        variance[constant] = 0
        cov[constant] = 0
    return var_t, var_e, cov


def _correlation(var_t: Array, var_e: Array, cov: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        r = np.clip(cov / np.sqrt(var_t * var_e), -1, 1)
    return np.where(var_t == 0, np.nan, np.where(var_e == 0, 0.0, r))


def _spearman(truth: Array, estimate: Array, weights: Array) -> Array:
    """Return Pearson's r of the ranks that the values have within each resample."""
    result = np.empty((len(weights), truth.shape[1]))
    for i in range(truth.shape[1]):
        t, e = _midranks(truth[:, i], weights), _midranks(estimate[:, i], weights)
        t -= np.einsum("bn,bn->b", weights, t)[:, None]
        e -= np.einsum("bn,bn->b", weights, e)[:, None]
        var_t, var_e, cov = (np.einsum("bn,bn,bn->b", weights, x, y) for x, y in ((t, t), (e, e), (t, e)))
        # Ranks lie between 0 and 1, in steps of at least 1 / (2 n): anything smaller is rounding.
        result[:, i] = _correlation(np.where(var_t < 1e-24, 0, var_t), np.where(var_e < 1e-24, 0, var_e), cov)
    return result


def _midranks(values: Array, weights: Array) -> Array:
    """Return resamples x rows: the share of the resample below each value, ties counted half."""
    if is_constant(values[:, None])[0]:
        return np.full(weights.shape, 0.5)
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    group = np.cumsum(np.r_[False, ordered[1:] != ordered[:-1]])
    shares = weights[:, order]
    if len(starts) < len(values):
        shares = np.add.reduceat(shares, starts, axis=1)
    ranks = np.cumsum(shares, axis=1) - shares / 2
    return ranks[:, group[np.argsort(order)]]


def _alike(truth: Array) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.intp]]]:
    """Yield rows and columns of a table that hold no missing value together; every column once."""
    patterns, which = np.unique(~np.isnan(truth), axis=1, return_inverse=True)
    for number, rows in enumerate(patterns.T):
        yield rows, np.flatnonzero(which.ravel() == number)


def _among(weights: Array, rows: NDArray[np.bool_]) -> Array:
    """Return the weights of some rows, every resample summing to 1 (NaN where it has none of them)."""
    if rows.all():
        return weights
    total = weights[:, rows].sum(axis=1, keepdims=True)
    return np.divide(weights[:, rows], total, out=np.full((len(weights), rows.sum()), np.nan), where=total > 0)


def _by_type(tables: list[Array], weights: Array) -> dict[str, Array]:
    """Compare each type over the samples in which it was measured: truth, estimate, then coverage and width."""
    found: dict[str, Array] = {}
    for rows, columns in _alike(tables[0]):
        truth, estimate, *intervals = [table[np.ix_(rows, columns)] for table in tables]
        among = _among(weights, rows)
        values = agreement(truth, estimate, among)
        values |= {name: among @ table for name, table in zip(("coverage", "width"), intervals, strict=False)}
        for metric, value in values.items():
            found.setdefault(metric, np.full((len(weights), tables[0].shape[1]), np.nan))[:, columns] = value
    return found


def _by_sample(truth: Array, estimate: Array) -> dict[str, Array]:
    """Compare the measured types within each sample; one value per sample."""
    found: dict[str, Array] = {}
    for types, samples in _alike(truth.T):
        for metric, value in agreement(truth.T[np.ix_(types, samples)], estimate.T[np.ix_(types, samples)]).items():
            found.setdefault(metric, np.full(len(truth), np.nan))[samples] = value[0]
    missing = np.isnan(truth)
    return found | {"jsd": jensen_shannon(np.where(missing, 0, truth), np.where(missing, 0, estimate))}


def _pooled(truth: Array, estimate: Array, weights: Array) -> dict[str, Array]:
    """Compare all pairs at once; a resample still draws whole samples."""
    types, known = truth.shape[1], ~np.isnan(truth.ravel())
    t, e = truth.reshape(-1, 1)[known], estimate.reshape(-1, 1)[known]
    pieces = np.array_split(weights, -(-weights.shape[0] * truth.size // _CHUNK))
    parts = [agreement(t, e, _among(np.repeat(piece, types, axis=1) / types, known)) for piece in pieces]
    return {metric: np.concatenate([part[metric] for part in parts]) for metric in parts[0]}


def _share(values: Array, weights: Array) -> Array:
    """Return the weighted mean of each row over the values that are defined."""
    defined = ~np.isnan(values)
    total = (weights * defined).sum(axis=1)
    sums = (weights * np.where(defined, values, 0)).sum(axis=1)
    return np.divide(sums, total, out=np.full(len(values), np.nan), where=total > 0)


def _flags(truth: Array, estimate: Array) -> list[str]:
    """Say of each column why its correlation is not one."""
    flags = np.full(truth.shape[1], "", dtype=object)
    for rows, columns in _alike(truth):
        constant = [is_constant(table[np.ix_(rows, columns)]) for table in (truth, estimate)]
        flags[columns] = np.where(constant[0], "constant_truth", np.where(constant[1], "constant_estimate", ""))
    return flags.tolist()


def _mean(level: str, metric: str, draws: Array, singles: Array, *, flag: str = "") -> tuple[object, ...]:
    """Return the row of a mean, with the number of values it is of and their median."""
    defined = singles[~np.isnan(singles)]
    median = np.median(defined) if len(defined) else np.nan
    return _row(level, "", metric, draws, len(defined), median=median, flag=flag)


def _row(
    level: str, cell_type: str, metric: str, draws: Array, n: int, *, median: float = np.nan, flag: str = ""
) -> tuple[object, ...]:
    """Return one row of the table; the first draw is the value, the others give the interval."""
    resampled = draws[1:][~np.isnan(draws[1:])]
    lower, upper = np.quantile(resampled, QUANTILES) if len(resampled) else (np.nan, np.nan)
    return level, cell_type, metric, draws[0], lower, upper, n, median, flag
