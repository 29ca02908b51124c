"""Predict with any model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from unmix import methods
from unmix.contract.layout import damaged
from unmix.contract.method import silent
from unmix.engine import alignment, cell_fractions
from unmix.io import levels
from unmix.io.fractions import Fractions, normalised
from unmix.uncertainty import conformal, domain_shift
from unmix.uncertainty import unexpressed as unknown_content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import anndata as ad
    import pandas as pd

    from unmix.contract.method import Method
    from unmix.contract.model import Model

#: Samples that are estimated together, unless a method learns from all of them: so many take little memory.
SAMPLES = 1024
#: Share of a model's genes below which the samples of a bulk are flagged.
COVERAGE_FLAGGED = 0.8


def predict(
    model: Model,
    bulk: ad.AnnData,
    *,
    level: float = 0.9,
    device: str = "auto",
    mrna_per_cell: str | pd.Series = "none",
    say: Callable[[str], None] = silent,
) -> Fractions:
    """Estimate the fractions of bulk samples.

    Parameters
    ----------
    model
        Of :func:`train`.
    bulk
        Samples x genes, linear (see :func:`unmix.io.check.read_bulk`).
    level
        Nominal coverage of the intervals.
    device
        ``auto``, ``cpu`` or ``cuda``.
    mrna_per_cell
        Source or values of the mRNA of a cell, for fractions of cells (see
        :func:`unmix.engine.cell_fractions.to_cells`); ``none`` gives the quantity that the method estimates.
    say
        Takes sentences for the record.

    Raises
    ------
    DataError
        If the bulk has less than half of the model's genes.
    """
    import pandas as pd

    method = methods.get(model.method)
    present, chosen = alignment.seen(method, model, bulk, device, say)
    decisive = present[method.decisive(model)]
    number = len(bulk) if method.transductive_of(method.recipe_of(model)) else SAMPLES
    estimates = [
        _estimated(method, model, bulk, slice(start, start + number), present, chosen)
        for start in range(0, len(bulk), number)
    ]
    silent_samples, estimate, *bounds = (np.concatenate(part) for part in list(zip(*estimates, strict=True))[:4])
    told = {name: [row for part in estimates for row in part[4][name]] for name in estimates[0][4]}
    distances = domain_shift.distances(model, bulk)
    farther = [
        part(model, distances)[:, None] for part in (domain_shift.distance_ratio, domain_shift.between_laboratory_error)
    ]
    _say_too_few(model, level, say)
    calibrations = _calibrations(model)
    parts = [
        _with_ends(by_level, conformal.interval(*ends, scores, level, *farther))
        for by_level, *ends, scores in zip(*map(model.every_level, (estimate, *bounds)), calibrations, strict=True)
    ]
    unexpressed, markers = unknown_content.signs(model, bulk)
    unit = bulk.uns.get("unmix", {}).get("unit", "")
    content = unknown_content.record(unexpressed, markers, unit)
    if method.info.comparison:
        say(f"{method.info.title}: {method.info.comparison}")
    say(content["sentence"])
    reasons = {
        "no_expression": silent_samples,
        "low_coverage": np.full(len(estimate), decisive.size > 0 and decisive.mean() < COVERAGE_FLAGGED),
        "unlike_reference": domain_shift.unlike_reference(model, distances),
        "unknown_cells": unknown_content.doubtful(unexpressed, markers, unit),
        "poor_library": bulk.obs.get("poor_library", pd.Series(False, bulk.obs_names)).to_numpy(dtype=bool),
    }
    flags = [";".join(reason for reason, hit in reasons.items() if hit[i]) or "ok" for i in range(len(estimate))]
    samples = bulk.obs_names.astype(str)
    further = _by_sample(told, samples)
    if model.states:
        ends = conformal.interval(*bounds, model.arrays["intervals.state_scores"], level, *farther)
        further["states"] = _states(model, samples, estimate, *ends)
    by_sample = {"distance": domain_shift.times_typical(model, distances), "unexpressed": unexpressed}
    facts = {"samples": pd.DataFrame(by_sample, samples), "unknown_content": content, "method": model.method}
    names = [model.reported, *(levels.names_of(groups, model.reported) for groups in model.levels.groups)]
    by_type, *sums = [
        Fractions(
            *(pd.DataFrame(table, samples, own) for table in part),
            pd.Series(flags, samples),
            model.quantity,
            level,
            **facts,
        )
        for own, part in zip(names, parts, strict=True)
    ]
    found = replace(by_type, tables=further, levels=model.levels, sums=tuple(sums))
    return cell_fractions.to_cells(model, found, mrna_per_cell, say)


def _estimated(
    method: Method, model: Model, bulk: ad.AnnData, rows: slice, present: np.ndarray, device: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, list[list[dict[str, Any]]]]]:
    """Return which samples have no expression, the estimates, their lower and upper bounds, and further tables."""
    expression = alignment.expression_of(model, bulk, present, rows)
    silent_samples = ~expression.any(1) if len(present) else np.zeros(len(expression), bool)
    estimate, bounds = method.estimate_with_bounds(model, expression, present, device)
    if not np.isfinite(estimate).all():
        sample = bulk.obs_names[rows][int(np.argmin(np.isfinite(estimate).all(1)))]
        raise damaged(model, f"its estimates of sample {sample!r} are not finite")
    if model.quantity != "score":
        estimate = normalised(estimate)
    tables = method.tables(model, expression, present, device, estimate)
    return silent_samples, estimate, *(bounds or (estimate, estimate)), tables


def _calibrations(model: Model) -> list[np.ndarray]:
    """Return the calibration scores of the reported types, and of the groups of each level."""
    by_type = model.arrays["intervals.scores"]
    sizes = [len(set(groups.values())) for groups in model.levels.groups]
    return [
        by_type,
        *(np.split(model.arrays["intervals.level_scores"], np.cumsum(sizes)[:-1], axis=1) if sizes else []),
    ]


def _with_ends(values: np.ndarray, ends: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return values and the ends of their intervals, which hold them."""
    return values, np.minimum(ends[0], values), np.maximum(ends[1], values)


def _say_too_few(model: Model, level: float, say: Callable[[str], None]) -> None:
    """Say which types have too few held-out samples for an interval of this level."""
    numbers, needed = conformal.counts(model.arrays["intervals.scores"]), conformal.needed(level)
    few = [name for name, number in zip(model.reported, numbers, strict=True) if 0 < number < needed]
    if few:
        least = min(number for number in numbers if number)
        of = "" if len(few) == (numbers > 0).sum() else f" of {', '.join(few)}"
        say(
            f"{least} held-out samples are too few for a {level:.0%} interval{of}, which is [0, 1]: {needed} are "
            f"needed, or a level of at most {np.floor(100 * least / (least + 1)):.0f}%."
        )


def _states(
    model: Model, samples: pd.Index, estimate: np.ndarray, lower: np.ndarray, upper: np.ndarray
) -> pd.DataFrame:
    """Make the table of cell states: a row per sample and state, with the type of the state."""
    import pandas as pd

    types = [model.states.get(name, name) for name in model.cell_types]
    return pd.DataFrame(
        {
            "cell_state": model.cell_types * len(samples),
            "cell_type": types * len(samples),
            "fraction": estimate.ravel(),
            "lower": np.minimum(lower, estimate).ravel(),
            "upper": np.maximum(upper, estimate).ravel(),
        },
        index=samples.repeat(len(types)).rename("sample"),
    )


def _by_sample(told: dict[str, list[list[dict[str, Any]]]], samples: Iterable[str]) -> dict[str, pd.DataFrame]:
    """Make tables of what a method gives for every sample, by the samples' names."""
    import pandas as pd

    return {
        name: pd.DataFrame(
            [{"sample": sample, **row} for sample, own in zip(samples, rows, strict=True) for row in own]
        ).set_index("sample")
        for name, rows in told.items()
    }


def literature(name: str) -> dict[str, Any]:
    """Return what a report cites of a method."""
    method = methods.get(name)
    return {"name": name, **method.info.model_dump(mode="json")}
