"""Train any method on a reference, and predict with any model: the two verbs behind every interface."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from unmix import __version__, mrna, registry, trust, uncertainty
from unmix import calibration as held_out_mixes
from unmix.errors import UsageError
from unmix.fractions import Fractions
from unmix.inputs import align, aligned, calibration_samples, check_needs, device_of
from unmix.method import Task
from unmix.model import Model
from unmix.recipe import Train, asdict, fromdict, override
from unmix.simulate import Cells

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import anndata as ad
    import pandas as pd

    from unmix.method import Fit, Method

#: Share of a model's genes below which the samples of a bulk are flagged.
COVERAGE_FLAGGED = 0.8
#: Steps of a quick training, and mixes that it stores at most.
QUICK_STEPS, QUICK_SAMPLES = 60, 3000


def silent(_: str) -> None:
    """Take a sentence and drop it."""


def resolve(
    method: Method, recipe: str | dict[str, Any] = "default", settings: Iterable[str] = (), *, quick: bool = False
) -> Any:
    """Return the recipe a training shall use.

    Parameters
    ----------
    method
        Of the registry.
    recipe
        Name of one of the method's recipes, or recipe data as :func:`unmix.recipe.asdict` gives it.
    settings
        ``a.b=value`` overrides.
    quick
        Train for seconds only, to try a pipeline; not for results.

    Raises
    ------
    UsageError
        If the recipe or a setting is not known.
    """
    if isinstance(recipe, str):
        if recipe not in method.recipes:
            raise UsageError(f"{method.name} has no recipe {recipe!r}", f"one of {', '.join(method.recipes)}")
        chosen = method.recipes[recipe]
    else:
        chosen = fromdict(type(method.recipes["default"]), recipe)
    if quick and isinstance(getattr(chosen, "train", None), Train):
        train = dataclasses.replace(
            chosen.train, steps=min(chosen.train.steps, QUICK_STEPS), validate_every=QUICK_STEPS
        )
        samples = min(chosen.simulation.samples, QUICK_SAMPLES)
        simulation = dataclasses.replace(chosen.simulation, samples=samples)
        chosen = dataclasses.replace(chosen, train=train, simulation=simulation)
    return override(chosen, settings)


def train(
    name: str,
    reference: ad.AnnData,
    *,
    bulk: ad.AnnData | None = None,
    calibration: tuple[ad.AnnData, pd.DataFrame] | None = None,
    malignant: Iterable[str] = (),
    weights: Iterable[Path] = (),
    ontology: Path | None = None,
    recipe: str | dict[str, Any] = "default",
    settings: Iterable[str] = (),
    quick: bool = False,
    seed: int = 0,
    device: str = "auto",
    checkpoint: Path | None = None,
    say: Callable[[str], None] = silent,
    progress: Callable[[str], None] = silent,
) -> Model:
    """Train a method on a prepared reference.

    Parameters
    ----------
    name
        Of the method.
    reference
        Cells x genes, as docs/data_contracts.md describes.
    bulk
        Samples x genes, linear; for methods that use the bulk at training.
    calibration
        Bulk samples (samples x genes, linear) and their known fractions (samples x types).
    malignant
        Names of the malignant cell types of the reference.
    weights, ontology
        Files that some methods can start from.
    recipe, settings, quick
        As for :func:`resolve`.
    seed
        Of every draw.
    device
        ``auto``, ``cpu`` or ``cuda``.
    checkpoint
        File from which an interrupted training goes on, and which it keeps.
    say, progress
        Take sentences for the record, and lines that only matter while waiting.

    Returns
    -------
    Model
        With intervals calibrated on held-out donors.

    Raises
    ------
    UsageError
        If the method or a setting is not known.
    NotApplicable
        If the reference lacks what the method needs.
    """
    method = registry.get(name)
    chosen = resolve(method, recipe, settings, quick=quick)
    cells = Cells.from_reference(reference)
    malignant, weights = tuple(malignant), tuple(weights)
    kind = reference.uns.get("unmix", {}).get("kind", "reference")
    check_needs(method, cells, kind, bulk=bulk, calibration=calibration, malignant=malignant, weights=weights)
    if method.needs.malignant:
        cells = cells.merged(malignant)
    rng = np.random.default_rng(seed)
    folds, by_donor = held_out_mixes.split(cells, rng, held_out_mixes.FOLDS if method.refit else 1)
    if not by_donor:
        say(
            f"Held-out cells are of the same donors as the training cells, because the reference names "
            f"{len(cells.donors)} donor{'s' * (len(cells.donors) > 1)}: intervals and stopping are optimistic."
        )
    task = Task(
        train=cells,
        held_out=cells.take(np.array([], int)),
        recipe=chosen,
        rng=rng,
        device=device_of(method, device),
        say=say,
        progress=progress,
        bulk=aligned(bulk, cells.genes),
        calibration=None if calibration is None else calibration_samples(*calibration, cells, say),
        malignant=malignant,
        weights=weights,
        ontology=ontology,
        checkpoint=checkpoint,
    )
    errors, mixes = [], (held_out_mixes.QUICK_MIXES if quick else held_out_mixes.MIXES) // len(folds)
    for learned, held in folds:
        fold = dataclasses.replace(task, train=cells.take(learned), held_out=cells.take(held))
        fit = method.fit(fold)
        model = put_together(method, fold, fit, seed)
        if fit.scores is not None:
            errors.append(fit.scores)
        elif model.kind != "score":
            errors.append(held_out_mixes.scores(method, model, fold.held_out, mixes, rng, task.device))
    if method.refit:
        model = put_together(method, task, method.fit(task), seed)
    none = np.empty((0, len(model.cell_types)), np.float32)
    scores = np.sort(np.concatenate([none, *errors]), axis=0)
    model.arrays |= {"calibration.scores": scores} | trust.fit(cells, fold.held_out, rng)
    model.facts |= {
        "quick": quick,
        "trust_genes": cells.genes.tolist(),
        "calibration": {
            "held_out": "calibration samples" if fit.scores is not None else "donors" if by_donor else "cells",
            "folds": len(folds),
            "mixes": len(scores),
            "unknown_from": trust.detection_limit(model),
        },
        "reference": {
            "cells": len(cells.type_of),
            "genes": len(cells.genes),
            "donors": len(cells.donors),
            "cells_per_type": dict(zip(cells.cell_types, np.bincount(cells.type_of).tolist(), strict=True)),
        },
    }
    return model


def predict(
    model: Model,
    bulk: ad.AnnData,
    *,
    level: float = 0.9,
    device: str = "auto",
    mrna_per_cell: pd.Series | None = None,
    say: Callable[[str], None] = silent,
) -> Fractions:
    """Estimate the fractions of bulk samples.

    Parameters
    ----------
    model
        Of :func:`train`.
    bulk
        Samples x genes, linear (see :func:`unmix.check.read_bulk`).
    level
        Nominal coverage of the intervals.
    device
        ``auto``, ``cpu`` or ``cuda``.
    mrna_per_cell
        mRNA of a cell by type, for fractions of cells (see :func:`unmix.mrna.to_cells`).
    say
        Takes sentences for the record.

    Raises
    ------
    DataError
        If the bulk has less than half of the model's genes.
    """
    import pandas as pd

    method = registry.get(model.method)
    expression, present, chosen = align(method, model, bulk, device, say)
    silent_samples = ~expression.any(1) if len(present) else np.zeros(len(expression), bool)
    estimate = method.estimate(model, expression, present, chosen)
    if model.kind != "score":
        estimate = uncertainty.normalised(estimate)
    distances = trust.distances(model, bulk)
    farther = (part(model, distances)[:, None] for part in (trust.widening, trust.elsewhere))
    bounds = method.bounds(model, expression, present, chosen, estimate)
    lower, upper = uncertainty.interval(*bounds, model.arrays["calibration.scores"], level, *farther)
    lower, upper = np.minimum(lower, estimate), np.maximum(upper, estimate)
    reasons = {
        "no_expression": silent_samples,
        "low_coverage": np.full(len(estimate), len(present) > 0 and present.mean() < COVERAGE_FLAGGED),
        "unlike_reference": trust.unlike_reference(model, distances),
    }
    flags = [";".join(reason for reason, hit in reasons.items() if hit[i]) or "ok" for i in range(len(estimate))]
    samples = bulk.obs_names.astype(str)
    tables = [pd.DataFrame(part, samples, model.cell_types) for part in (estimate, lower, upper)]
    told = method.tables(model, expression, present, chosen, estimate)
    found = Fractions(*tables, pd.Series(flags, samples), model.kind, level, _by_sample(told, samples))
    return found if mrna_per_cell is None else mrna.to_cells(model, found, mrna_per_cell, say)


def _by_sample(told: dict[str, list[list[dict[str, Any]]]], samples: Iterable[str]) -> dict[str, pd.DataFrame]:
    """Make a table of what a method tells of every sample, by the samples' names."""
    import pandas as pd

    return {
        name: pd.DataFrame(
            [{"sample": sample, **row} for sample, own in zip(samples, rows, strict=True) for row in own]
        ).set_index("sample")
        for name, rows in told.items()
    }


def literature(name: str) -> dict[str, Any]:
    """Return what a report cites of a method."""
    method = registry.get(name)
    return {"name": name, **dataclasses.asdict(method.info)}


def put_together(method: Method, task: Task, fit: Fit, seed: int) -> Model:
    """Put what a fit learned into a model."""
    return Model(
        method=method.name,
        recipe=asdict(fit.recipe or task.recipe),
        genes=(fit.genes if fit.genes.dtype.kind == "U" else task.train.genes[fit.genes]).tolist(),
        cell_types=list(fit.cell_types or task.train.cell_types),
        kind=fit.kind or method.kind,
        arrays=dict(fit.arrays),
        facts={
            "unmix": __version__,
            "seed": seed,
            "training": fit.facts,
            "mrna_per_cell": mrna.taken_for_granted(method, task, fit),
        },
    )
