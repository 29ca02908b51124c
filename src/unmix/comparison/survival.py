"""Survival by composition: Cox regression and Kaplan-Meier curves of every cell type (statsmodels)."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from unmix.comparison.composition import OTHERS, log_ratios
from unmix.comparison.design import Kinds, columns_of
from unmix.comparison.effects import adjusted, mixture_interval
from unmix.comparison.samples import column
from unmix.errors import DataError, UsageError
from unmix.io.text import show

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from unmix.comparison.composition import Composition

#: Fewest events for a regression, and fewest per coefficient for one that is not warned of (Peduzzi 1995).
FEWEST, ENOUGH = 3, 10
#: Log hazard ratios per standard deviation, and standard errors of them, from which the fraction separates the samples
#: with events from the others, so that no ratio can be estimated.
SEPARATED = 8.0
#: Most draws from the intervals: each is a regression of its own, of a tenth of a second.
DRAWS = 20
#: Words for an event and for none (censored).
EVENTS = {"1": 1, "1.0": 1, "true": 1, "yes": 1, "dead": 1, "deceased": 1, "event": 1} | {
    "0": 0, "0.0": 0, "false": 0, "no": 0, "alive": 0, "living": 0, "censored": 0,
}  # fmt: skip


def columns(table: pd.DataFrame, time: str | None, event: str | None) -> tuple[str, str] | None:
    """Return the names of the columns of time and event; None where the table has none.

    Raises
    ------
    UsageError
        One of both is given, or is no column.
    """
    if (time is None) != (event is None):
        raise UsageError("--time and --event belong together", "both or neither", "name the other column too")
    if time is None:
        return ("time", "event") if {"time", "event"} <= set(table) else None
    for name in (time, event):
        column(table, name, "survival")
    return time, event


def survival(
    found: Composition,
    table: pd.DataFrame,
    times: tuple[str, str],
    covariates: tuple[str, ...],
    kinds: Kinds,
    options: dict[str, Any],
    say: Callable[[str], None],
) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    """Return hazard ratios (with ``log_rank_p``) and curves of every cell type; None where there are too few events.

    Parameters
    ----------
    found, table
        Composition and sample table of the same samples.
    times
        Of :func:`columns`.
    covariates, kinds
        Columns whose effect is taken out of the hazard, and what they are.
    options
        ``drawn`` (number of draws), ``reference`` (mask of types), ``level`` and ``seed``.
    say
        Takes sentences.
    """
    followed = follow_up(table, *times, say)
    followed = followed[(table.loc[followed.index, list(covariates)] != "").all(axis=1)]
    if (events := int(followed["event"].sum())) < FEWEST:
        say(f"Survival was not computed: {events} events in {len(followed)} samples, and {FEWEST} are needed.")
        return None, None
    chosen, rows = found.of(list(followed.index)), table.loc[followed.index]
    parts = [columns_of(rows[name], kinds, say) for name in covariates]
    matrix = np.column_stack([np.zeros((len(rows), 0)), *parts])
    drawn = chosen.draws(min(options["drawn"], DRAWS), np.random.default_rng(options["seed"]))
    hazards = cox(chosen, followed, matrix, drawn, options["reference"], options["level"], say)
    curves, p = kaplan_meier(chosen, followed, options["reference"], options["level"])
    return hazards.assign(log_rank_p=hazards["cell_type"].map(p)), curves


def follow_up(table: pd.DataFrame, time: str, event: str, say: Callable[[str], None]) -> pd.DataFrame:
    """Return the columns `time` (numbers) and `event` (0 or 1) of the samples that have both.

    Raises
    ------
    DataError
        A time that is no number or not above 0, or another word for an event.
    """
    missing = (table[time] == "") | (table[event] == "")
    if missing.any():
        say(f"Survival: left out, because {time!r} or {event!r} is missing: {show(table.index[missing])}.")
    table = table[~missing]
    times, events = pd.to_numeric(table[time], errors="coerce"), table[event].str.casefold().map(EVENTS)
    for values, name, expected in (
        (times.where(times > 0), time, "numbers above 0"),
        (events, event, "1 for an event and 0 for a censored sample"),
    ):
        if (bad := values.isna()).any():
            sample = table.index[bad][0]
            found = f"the column {name!r} holds {table.loc[sample, name]!r} (sample {sample!r})"
            raise DataError(found, expected, "correct the cell, or leave it empty")
    return pd.DataFrame({"time": times.astype(float), "event": events.astype(int)})


def cox(
    composition: Composition,
    followed: pd.DataFrame,
    covariates: np.ndarray,
    drawn: np.ndarray,
    reference: np.ndarray,
    level: float,
    say: Callable[[str], None],
) -> pd.DataFrame:
    """Return the hazard ratio of every cell type per standard deviation of its log-ratio.

    Parameters
    ----------
    composition
        Of the samples of `followed`, in their order.
    followed
        Of :func:`follow_up`.
    covariates
        Samples x columns, may have none.
    drawn, reference, level
        As for :func:`unmix.comparison.effects.effects`; the interval is that of the mixture of the draws.
    say
        Takes a sentence where there are few events.
    """
    events, columns = int(followed["event"].sum()), 1 + covariates.shape[1]
    if events < ENOUGH * columns:
        say(f"Survival: few events ({events}) for the coefficients ({columns}); {ENOUGH} for each are advised.")
    rows: list[dict[str, object]] = []
    without: list[str] = []
    estimated = log_ratios(composition.positive(), reference)
    of_draws = log_ratios(drawn, reference)
    for k, name in enumerate(composition.cell_types):
        if name == OTHERS:
            continue
        slope, error = _hazard(estimated[:, k], followed, covariates)
        found = np.array([_hazard(one[:, k], followed, covariates) for one in of_draws])
        found = found[np.isfinite(found).all(1)]
        estimable = np.isfinite(slope) and 2 * len(found) > len(of_draws)
        if not estimable:
            without.append(name)
        ends = mixture_interval(found[:, :1], found[:, 1:], np.inf, level) if estimable else (np.full(1, np.nan),) * 2
        rows.append(
            {
                "cell_type": name,
                "samples": len(followed),
                "events": events,
                "hazard_ratio": np.exp(found[:, 0].mean()) if estimable else np.nan,
                "lower": float(np.exp(ends[0][0])),
                "upper": float(np.exp(ends[1][0])),
                "p_value": _p_value(slope / error) if estimable and error > 0 else np.nan,
            }
        )
    if without:
        say(
            f"Survival: the hazard ratio of {show(without)} cannot be estimated from {events} events: the fraction "
            "does not vary, or separates the samples with events from the others."
        )
    table = pd.DataFrame(rows)
    return table.assign(q_value=adjusted(table["p_value"].to_numpy()))


def _p_value(statistic: float) -> float:
    from scipy.stats import norm

    return float(2 * norm.sf(abs(statistic)))


def _hazard(values: np.ndarray, followed: pd.DataFrame, covariates: np.ndarray) -> tuple[float, float]:
    """Return the log hazard ratio per standard deviation, and its standard error; missing where it is not defined."""
    from statsmodels.duration.hazard_regression import PHReg

    if not (deviation := values.std()) > 0:
        return np.nan, np.nan
    matrix = np.column_stack([(values - values.mean()) / deviation, covariates])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a fit that does not converge, which shows in its error
        fitted = PHReg(followed["time"].to_numpy(), matrix, status=followed["event"].to_numpy(), ties="efron").fit(
            disp=0
        )
    slope, error = float(fitted.params[0]), float(fitted.bse[0])
    return (slope, error) if abs(slope) < SEPARATED and error < SEPARATED else (np.nan, np.nan)


def kaplan_meier(
    composition: Composition, followed: pd.DataFrame, reference: np.ndarray, level: float
) -> tuple[pd.DataFrame, pd.Series]:
    """Return survival curves of the samples above and below the median log-ratio of every cell type.

    Returns
    -------
    Table
        Rows of ``cell_type``, ``group`` (high, low), ``time``, ``at_risk``, ``survival``, ``lower`` and ``upper``
        (pointwise, on the scale of the logarithm of minus the logarithm).
    Series
        p value of the log-rank test by cell type.
    """
    from statsmodels.duration.survfunc import SurvfuncRight, survdiff

    times, events = followed["time"].to_numpy(), followed["event"].to_numpy()
    ratios = log_ratios(composition.positive(), reference)
    rows, p = [], {}
    for name, values in zip(composition.cell_types, ratios.T, strict=True):
        high = values > np.median(values)
        if name == OTHERS or not high.any():
            continue
        p[name] = float(survdiff(times, events, high)[1])
        for group, chosen in (("high", high), ("low", ~high)):
            curve = SurvfuncRight(times[chosen], events[chosen])
            lower, upper = _ends(curve.surv_prob, curve.surv_prob_se, level)
            columns = (curve.surv_times, curve.n_risk, curve.surv_prob, lower, upper)
            rows += [(name, group, *row) for row in zip(*columns, strict=True)]
    names: Sequence[str] = ("cell_type", "group", "time", "at_risk", "survival", "lower", "upper")
    return pd.DataFrame(rows, columns=names), pd.Series(p, dtype=float)


def _ends(survival: np.ndarray, error: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the intervals of a survival curve; the curve itself where it is 0 or 1."""
    from scipy.special import ndtri

    inside = (survival > 0) & (survival < 1)
    safe = np.where(inside, survival, 0.5)
    scaled = ndtri((1 + level) / 2) * error / (safe * np.abs(np.log(safe)))
    return tuple(np.where(inside, safe ** np.exp(sign * scaled), survival) for sign in (1, -1))
