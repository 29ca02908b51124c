"""What a benchmark on one's own reference shows: controls, types that leak, detection limits, coverage.

Everything is computed from the estimates of a store. Where a method was trained with several seeds, figures are means
over them.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from unmix.benchmark import panel, store
from unmix.benchmark.scenarios import scenarios
from unmix.evaluation.metrics import bootstrap_weights
from unmix.evaluation.reference_quality import SURE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: What names a test.
TEST = ["case", "test", "scenario", "level", "counts"]


def gathered(stores: Sequence[Path]) -> tuple[pd.DataFrame, list[store.Record]]:
    """Return the estimates of all fits of some stores and of the consensus, in the order of the scenarios, and records.

    Columns: :data:`TEST`, ``method``, ``seed``, ``control``, ``quantity``, and :data:`unmix.benchmark.store.COLUMNS`;
    ``method`` names the recipe too where it is not the default.
    """
    parts, records = [], []
    for record, estimates in panel.fits(stores):
        records.append(record)
        if estimates is None:
            continue
        fit = record.fit
        own = estimates.assign(
            case=fit.case,
            method=label(fit),
            seed=fit.seed,
            control=panel.is_control(fit.method),
            quantity=record.quantity,
        )
        facts = pd.DataFrame(record.tests).T.reindex(columns=["scenario", "level", "counts"])
        parts.append(own.join(facts, on="test"))
    if not parts:
        columns = dict.fromkeys([*TEST, "method", "seed", "control", "quantity", *store.COLUMNS])
        return pd.DataFrame(columns=[*columns]), records
    found = pd.concat(parts, ignore_index=True)
    order = np.argsort([_place(*names) for names in zip(found["scenario"], found["level"], strict=True)], kind="stable")
    return found.iloc[order].reset_index(drop=True), records


@cache
def _place(scenario: str, level: str) -> float:
    """Return where a test stands in the table of scenarios; behind all where it does not."""
    known = list(scenarios())
    if scenario not in known:
        return len(known)
    named = [own.level for own in scenarios()[scenario].levels]
    return known.index(scenario) + next((k for k, own in enumerate(named) if level.startswith(own)), 0) / len(named)


def label(fit: store.Fit) -> str:
    """Return the name of a method, with its recipe where that is not the default."""
    return fit.method if fit.recipe == "default" else f"{fit.method}, {fit.recipe}"


def figures(found: pd.DataFrame) -> pd.DataFrame:
    """Return for every test and method: error, r, coverage, and whether the error is at the level of the controls.

    Parameters
    ----------
    found
        Of :func:`gathered`.

    Returns
    -------
    DataFrame
        :data:`TEST`, ``method``, ``control``, ``error`` (mean absolute, NaN for scores), ``spread`` (largest less
        smallest error of the seeds), ``r`` (mean over types; across samples), ``coverage``, ``best_control``
        (its error; NaN without controls) and ``level_of_controls`` (None for controls, scores, and without controls):
        whether the error is not lower than that of the best control in 97.5 % of 1,000 resamples of the samples.
    """
    rows = []
    for names, own in found.groupby(TEST, sort=False):
        by_sample = errors(own)
        controls = by_sample.loc[:, [name for name in by_sample if own.loc[own["method"] == name, "control"].all()]]
        best = controls.mean().idxmin() if controls.notna().to_numpy().any() else None
        weights = bootstrap_weights(len(by_sample), np.random.default_rng(0))
        for method, part in own.groupby("method", sort=True):
            per_seed = (part["estimate"] - part["truth"]).abs().groupby(part["seed"]).mean()
            control, score = bool(part["control"].all()), (part["quantity"] == "score").any()
            beside = None
            if best is not None and not control and not score:
                gain = weights @ (by_sample[method] - by_sample[best]).to_numpy()
                beside = bool(np.quantile(gain, 0.975) >= 0)
            rows.append(
                dict(zip(TEST, names, strict=True))
                | {
                    "method": method,
                    "control": control,
                    "error": np.nan if score else per_seed.mean(),
                    "spread": np.nan if score else np.ptp(per_seed),
                    "r": correlations(part).mean(),
                    "coverage": covered(part),
                    "best_control": np.nan if best is None else controls[best].mean(),
                    "level_of_controls": beside,
                }
            )
    return pd.DataFrame(rows)


def errors(own: pd.DataFrame) -> pd.DataFrame:
    """Return the mean absolute error of every sample (rows) by every method, over types and seeds; NaN for scores."""
    off = (own["estimate"] - own["truth"]).abs().where(own["quantity"] != "score")
    return off.groupby([own["sample"], own["method"]], sort=True).mean().unstack()


def correlations(part: pd.DataFrame) -> pd.Series:
    """Return r across samples by type, the mean over seeds: 0 for constant estimates, NaN for constant truth."""
    found = {
        (name, seed): _r(own["truth"].to_numpy(float), own["estimate"].to_numpy(float))
        for (name, seed), own in part.groupby(["cell_type", "seed"], sort=True)
    }
    return pd.Series(found).groupby(level=0, sort=True).mean()


def _r(truth: np.ndarray, estimate: np.ndarray) -> float:
    if np.ptp(truth) < 1e-12:
        return np.nan
    return 0.0 if np.ptp(estimate) < 1e-12 else float(np.corrcoef(truth, estimate)[0, 1])


def covered(part: pd.DataFrame) -> float:
    """Return the share of pairs whose interval holds the truth; NaN without intervals."""
    some = part[part["lower"].notna()]
    return float(((some["lower"] <= some["truth"]) & (some["truth"] <= some["upper"])).mean()) if len(some) else np.nan


def spill(found: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return by method what pure samples of a type (rows) are estimated as (columns), means over samples and seeds."""
    pure = found[(found["scenario"] == "spillover") & (found["quantity"] != "score")]
    keys = ["case", "test", "sample", "method", "seed"]
    largest = pure.loc[pure.groupby(keys)["truth"].idxmax(), [*keys, "cell_type"]]
    named = pure.merge(largest.rename(columns={"cell_type": "pure"}), on=keys)
    return {
        method: part.pivot_table(index="pure", columns="cell_type", values="estimate", aggfunc="mean")
        for method, part in named.groupby("method", sort=True)
    }


def detection(found: pd.DataFrame) -> pd.DataFrame:
    """Return the smallest share of each type (rows) that each method (columns) detects; infinite if none.

    Detected: `SURE` of the estimates of samples with about this share are above `SURE` of those of samples without the
    type, for this and all larger shares (limit of blank and limit of detection; Armbruster & Pry 2008).
    """
    shares = np.array(sorted({share for level in scenarios()["rare"].levels for share in level.ladder} - {0.0}))
    rare = found[(found["scenario"] == "rare") & ~found["control"].astype(bool)]
    limits: dict[str, dict[str, float]] = {}
    for (method, name), part in rare.groupby(["method", "cell_type"], sort=True):
        truth, estimate = part["truth"].to_numpy(float), part["estimate"].to_numpy(float)
        near = np.abs(np.log(np.maximum(truth, 1e-9))[:, None] - np.log(shares)).argmin(1)
        on_ladder = (truth > 0) & (truth < 1.2 * shares[-1])
        if not (truth == 0).any() or not on_ladder.any():
            continue
        blank = np.quantile(estimate[truth == 0], SURE)
        detected = [np.mean(estimate[on_ladder & (near == k)] > blank) >= SURE for k in range(len(shares))]
        sure = [share for k, share in enumerate(shares) if all(detected[k:])]
        limits.setdefault(method, {})[name] = min(sure, default=np.inf)
    return pd.DataFrame(limits)


def tidy(found: pd.DataFrame) -> pd.DataFrame:
    """Return all figures that the page shows, one per row: :data:`TEST`, method, cell type, figure, value."""
    columns = [*TEST, "method", "figure", "cell_type", "other_type", "value"]
    if not len(found):
        return pd.DataFrame(columns=columns)
    table = figures(found)
    values = ["error", "spread", "r", "coverage", "best_control", "level_of_controls"]
    long = table.melt([*TEST, "method"], values, "figure").assign(cell_type="", other_type="")
    parts = [long.dropna(subset="value")]
    for names, own in found.groupby([*TEST, "method"], sort=False):
        by_type = correlations(own).rename("value").rename_axis("cell_type").reset_index()
        parts.append(by_type.assign(**dict(zip([*TEST, "method"], names, strict=True)), figure="r", other_type=""))
    for method, matrix in spill(found).items():
        leaks = matrix.rename_axis(index="cell_type", columns="other_type").stack().rename("value").reset_index()
        parts.append(_of(found, "spillover", leaks, method=method, figure="estimated as"))
    limits = detection(found)
    if len(limits):
        limits = limits.rename_axis(index="cell_type", columns="method").stack().rename("value").reset_index()
        parts.append(_of(found, "rare", limits, figure="detection limit", other_type=""))
    return pd.concat(parts, ignore_index=True)[columns].astype({"value": float})


def _of(found: pd.DataFrame, scenario: str, table: pd.DataFrame, **facts: Any) -> pd.DataFrame:
    """Return a table with the names of the test of a scenario."""
    test = found.loc[found["scenario"] == scenario, TEST].iloc[0].to_dict()
    return table.assign(**test, **facts)
