"""Figures of a store: agreement of estimates and truth with bootstrap intervals over samples, computed afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from unmix.benchmark import panel
from unmix.evaluation.pairing import Pairs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from unmix.benchmark.store import Record

#: What names a row before its figures.
KEYS = ["case", "test", "method", "recipe", "seed"]
#: The figures of the overview: name to level and metric of :func:`unmix.evaluation.metrics.evaluate`. Per type where
# the types are compared each by itself, else over all pairs of sample and type.
OVERVIEW = {
    "r": [("mean_type", "pearson")],
    "ccc": [("all", "ccc"), ("mean_type", "ccc")],
    "rmse": [("all", "rmse"), ("mean_type", "rmse")],
    "coverage": [("mean_type", "coverage")],
    "width": [("mean_type", "width")],
}


def pairs(estimates: pd.DataFrame, quantity: str) -> Pairs:
    """Return the estimates of one test, as they stand in the store, as pairs of samples x cell types."""
    order = {name: list(dict.fromkeys(estimates[name])) for name in ("sample", "cell_type")}
    wide = {
        name: estimates.pivot(index="sample", columns="cell_type", values=name)
        .astype(float)
        .loc[order["sample"], order["cell_type"]]
        for name in ("truth", "estimate", "lower", "upper")
    }
    return Pairs(quantity=quantity, **wide)


def metrics(record: Record, estimates: pd.DataFrame) -> pd.DataFrame:
    """Return every metric of every test of a fit (:func:`unmix.evaluation.metrics.evaluate`).

    The resamples of a test are the same for all methods, so that their figures can be compared.
    """
    parts = [
        pairs(own, record.tests[test]["quantity"]).metrics(np.random.default_rng(0)).assign(test=test)
        for test, own in estimates.groupby("test", sort=False)
    ]
    return _named(record, pd.concat(parts))


def table(stores: Sequence[Path]) -> pd.DataFrame:
    """Return every metric of every fit of some stores, and of the consensus of the panel, a row each.

    Columns: :data:`KEYS`, and those of a test.
    """
    found = [metrics(record, estimates) for record, estimates in panel.fits(stores) if estimates is not None]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=KEYS)


def status(stores: Sequence[Path]) -> pd.DataFrame:
    """Return a row per fit of some stores: what became of it, why, and what it took."""
    rows = [
        {
            **{name: getattr(record.fit, name) for name in ("case", "method", "recipe", "seed")},
            **{name: getattr(record, name) for name in ("status", "said", "quantity", "version")},
            **{name: getattr(record, name) for name in ("train_cpu_seconds", "cpu_seconds", "peak_memory_mb")},
        }
        for record, _ in panel.fits(stores)
    ]
    return pd.DataFrame(rows)


def overview(full: pd.DataFrame) -> pd.DataFrame:
    """Return one row per test of a fit: the figures of :data:`OVERVIEW` with the ends of their 95 % intervals.

    Beside them ``bias``, the mean over the types of the absolute bias (a composition has none in all), and ``samples``.

    Parameters
    ----------
    full
        Of :func:`table`.
    """
    by_metric = full[full["level"] != "type"].set_index([*KEYS, "level", "metric"])
    rows = full[KEYS].drop_duplicates().set_index(KEYS)
    for name, places in OVERVIEW.items():
        for level, metric in reversed(places):  # the first that there is
            if (level, metric) not in set(zip(full["level"], full["metric"], strict=True)):
                continue
            own = by_metric.xs((level, metric), level=("level", "metric"))
            for column, end in (("value", ""), ("lower", "_lower"), ("upper", "_upper")):
                if name + end not in rows:
                    rows[name + end] = np.nan
                rows.loc[own.index, name + end] = own[column]
    by_type = full[full["level"] == "type"]
    bias = by_type[by_type["metric"] == "bias"].groupby(KEYS)["value"].agg(lambda values: values.abs().mean())
    return rows.assign(bias=bias, samples=by_type.groupby(KEYS)["n"].max()).reset_index()


def _named(record: Record, found: pd.DataFrame) -> pd.DataFrame:
    """Put the names of a fit before its figures."""
    names = {name: getattr(record.fit, name) for name in ("case", "method", "recipe", "seed")}
    rest = [name for name in found.columns if name != "test"]
    return found.assign(**names)[[*KEYS, *rest]]
