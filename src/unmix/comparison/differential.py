"""Differential expression within a cell type, from bulk and fractions: interactions of fraction and group.

For every gene, bulk = Σ f b + Σ f z d + e over the cell types: f the fractions of mRNA, z the group (1: target), b the
expression in the reference group and d the difference within the type. This is the linear model of csSAM (Shen-Orr et
al. 2010) and TOAST (Li & Wu 2019), by weighted least squares (noise in proportion to the expected value), with t
statistics moderated as in limma (Smyth 2004). p values are those of permuted groups, because expression varies between
people with longer tails than the t distribution has. q values bound the share of false ones among the found, so that
where ten are found some cohorts hold a false one; `p_family` bounds the risk of any (largest statistic of each
permutation, Westfall & Young 1993). Held-out check: whether the difference predicts samples that were left out, one by
one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from unmix.comparison.effects import adjusted
from unmix.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from unmix.comparison.contrasts import Contrast
    from unmix.engine.given_fractions import Expressed

#: Fewest samples beyond the coefficients; mean fraction from which a type is tested; false discovery rate.
SPARE, TESTED, RATE = 3, 0.02, 0.05
#: Of the table of all contrasts.
COLUMNS = (
    "cell_type",
    "gene",
    "log2_ratio",
    "difference",
    "error",
    "p_value",
    "q_value",
    "p_family",
    "held_out",
    "found",
    "contrast",
)
#: Permutations of the groups; added to profiles before ratios are taken (per million).
PERMUTATIONS, OFFSET = 50, 1.0


def compared(
    found: Expressed, samples: pd.DataFrame, contrasts: Sequence[Contrast], say: Callable[[str], None], seed: int = 0
) -> pd.DataFrame:
    """Return :func:`differential` of every contrast, in the column ``contrast``; it says how many genes were found.

    A contrast of too few samples has no rows, and the reason is said; the expression is there none the less.

    Parameters
    ----------
    found, say, seed
        As for :func:`differential`; the samples of all groups.
    samples
        Table of the samples, as text.
    contrasts
        Of groups.
    """
    parts = [pd.DataFrame(columns=list(COLUMNS))]
    for contrast in contrasts:
        chosen = samples[samples[contrast.variable].isin([contrast.reference, contrast.target])]
        if contrast.excluded_column:
            chosen = chosen[~chosen[contrast.excluded_column].isin(contrast.excluded)]
        own = found.of(list(chosen.index))
        target = (chosen[contrast.variable] == contrast.target).to_numpy()
        try:
            table = differential(own, target, (own.group(~target)[0], own.group(target)[0]), say, seed)
        except DataError as error:
            say(f"{contrast.id}: no test within the types: {error.found}. Expected: {error.expected}.")
            continue
        counts = table[table["found"]]["cell_type"].value_counts()
        told = ", ".join(f"{name} {number}" for name, number in counts.items()) or "none"
        sure = int((table["found"] & (table["p_family"] < RATE)).sum())
        say(
            f"{contrast.id}: genes that differ within a type (q < {RATE:g}, confirmed at left-out samples): {told}. Of "
            f"these {sure} have a risk below {RATE:.0%} that any of them is false (p_family)."
        )
        parts.append(table.assign(contrast=contrast.id))
    return pd.concat(parts[1:] or parts, ignore_index=True)


def differential(
    found: Expressed,
    target: np.ndarray,
    profiles: tuple[np.ndarray, np.ndarray],
    say: Callable[[str], None],
    seed: int = 0,
) -> pd.DataFrame:
    """Return the difference of every gene in every type of enough mRNA.

    Parameters
    ----------
    found
        Bulk, fractions and reference of the samples of both groups.
    target
        Mask of the samples of the target group; the others are the reference group.
    profiles
        Shrunken profiles (types x genes) of reference and target group, for the size of the effect.
    say
        Takes sentences.
    seed
        Of the permutations.

    Returns
    -------
    Table
        ``cell_type gene log2_ratio difference error p_value q_value p_family held_out found``: difference and its
        standard error per million; q values over all genes and types; ``p_family``: risk that any of all genes and
        types reaches this statistic without a difference; ``held_out``: share of the squared error at left-out samples
        that the difference takes away; ``found``: q below .05 and held out above 0.

    Raises
    ------
    DataError
        There are too few samples for the number of cell types.
    """
    f = found.fractions
    n, types = f.shape
    tested = [k for k in range(types) if f[target, k].mean() >= TESTED and f[~target, k].mean() >= TESTED]
    needed = types + len(tested) + SPARE
    if n < needed or min(target.sum(), (~target).sum()) < 3:
        raise DataError(
            f"{n} samples ({target.sum()} and {(~target).sum()}) for {types} cell types",
            f"at least {needed} samples, three or more in each group, for differences within {len(tested)} cell types",
            "take a reference of fewer, coarser cell types, or more samples",
        )
    if len(tested) < types:
        rare = [found.cell_types[k] for k in range(types) if k not in tested]
        say(f"Not tested, because their mean fraction is below {TESTED:.0%} in a group: {', '.join(rare)}.")
    weights = found.noise**-2
    whole = _tests(f, tested, target, weights, found.bulk)
    rng = np.random.default_rng(seed)
    permuted = [_tests(f, tested, rng.permutation(target), weights, found.bulk).t for _ in range(PERMUTATIONS)]
    null = np.abs(np.stack(permuted))
    p, family = _of_null(np.abs(whole.t), null), _of_null(np.abs(whole.t), null.max((1, 2)))
    design = _design(f, tested, target)
    errors = _left_out(design, weights, found.bulk)
    parts = []
    for at, k in enumerate(tested):
        without = _left_out(np.delete(design, types + at, axis=1), weights, found.bulk)
        reference, changed = (own[k] + OFFSET for own in profiles)
        parts.append(
            pd.DataFrame(
                {
                    "cell_type": found.cell_types[k],
                    "gene": found.genes,
                    "log2_ratio": np.log2(changed / reference),
                    "difference": whole.difference[:, at],
                    "error": whole.error[:, at],
                    "p_value": p[:, at],
                    "p_family": family[:, at],
                    "held_out": 1 - errors / without,
                }
            )
        )
    table = pd.concat(parts, ignore_index=True)
    table.insert(6, "q_value", adjusted(table["p_value"].to_numpy()))
    return table.assign(found=(table["q_value"] < RATE) & (table["held_out"] > 0))


@dataclass(frozen=True)
class _Tests:
    """Differences of every gene (rows) in every tested type, their standard errors and moderated t statistics."""

    difference: np.ndarray
    error: np.ndarray

    @property
    def t(self) -> np.ndarray:
        return self.difference / self.error


def _design(f: np.ndarray, tested: list[int], target: np.ndarray) -> np.ndarray:
    return np.hstack([f, f[:, tested] * target[:, None]])


def _tests(f: np.ndarray, tested: list[int], target: np.ndarray, weights: np.ndarray, y: np.ndarray) -> _Tests:
    design = _design(f, tested, target)
    coefficients, inverse, _ = _fit(design, weights, y)
    freedom = len(f) - design.shape[1]
    variance = _moderated((weights * (y - design @ coefficients.T) ** 2).sum(0) / freedom, freedom)
    types = f.shape[1]
    variances = np.diagonal(inverse, axis1=1, axis2=2)[:, types:]
    return _Tests(coefficients[:, types:], np.sqrt(variance[:, None] * variances))


def _left_out(design: np.ndarray, weights: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the squared error of every gene at samples that are left out, one by one."""
    coefficients, _, leverage = _fit(design, weights, y)
    return (weights * ((y - design @ coefficients.T) / np.clip(1 - leverage, 1e-3, None)) ** 2).sum(0)


def _of_null(t: np.ndarray, null: np.ndarray) -> np.ndarray:
    """Return p values by permuted statistics, pooled over genes and types, which makes no assumption on their tails."""
    pooled = np.sort(null, axis=None)
    return (1 + len(pooled) - np.searchsorted(pooled, t, side="left")) / (1 + len(pooled))


def _fit(design: np.ndarray, weights: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return coefficients (genes x columns), inverse Gram matrices of the genes, and leverages (samples x genes)."""
    n, columns = design.shape
    products = (design[:, :, None] * design[:, None, :]).reshape(n, -1)
    gram = (weights.T @ products).reshape(-1, columns, columns)
    size = np.trace(gram, axis1=1, axis2=2)[:, None, None] / columns
    inverse = np.linalg.inv(gram + 1e-9 * size * np.eye(columns))  # a type that is nowhere would make it singular
    coefficients = np.einsum("gij,gj->gi", inverse, (weights * y).T @ design)
    return coefficients, inverse, weights * (products @ inverse.reshape(len(inverse), -1).T)


def _moderated(variance: np.ndarray, freedom: int) -> np.ndarray:
    """Return variances shrunken to their common distribution (Smyth 2004)."""
    from scipy.special import digamma, polygamma

    logs = np.log(np.maximum(variance, 1e-12)) - digamma(freedom / 2) + np.log(freedom / 2)
    excess = logs.var(ddof=1) - polygamma(1, freedom / 2)
    if excess <= 0:
        return np.full_like(variance, np.exp(logs.mean()))
    prior = 2 * _trigamma_inverse(excess)
    common = np.exp(logs.mean() + digamma(prior / 2) - np.log(prior / 2))
    return (prior * common + freedom * variance) / (prior + freedom)


def _trigamma_inverse(x: float) -> float:
    """Return the number whose trigamma function is `x`."""
    from scipy.optimize import brentq
    from scipy.special import polygamma

    return float(brentq(lambda y: polygamma(1, y) - x, 1e-4, 1e8))
