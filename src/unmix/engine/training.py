"""Train any method on a reference, with intervals that are calibrated on held-out cells."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from unmix import __version__, methods
from unmix.contract.alignment import aligned
from unmix.contract.method import Task, silent
from unmix.contract.model import Model
from unmix.engine import cell_fractions
from unmix.engine.alignment import device_of
from unmix.engine.inputs import calibration_samples, check_needs, only
from unmix.engine.prior import read_prior
from unmix.engine.recipe import resolve
from unmix.io.text import show
from unmix.reference import Reference
from unmix.settings import asdict
from unmix.uncertainty import domain_shift, holdout, single_donors

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from pathlib import Path

    import anndata as ad
    import pandas as pd

    from unmix.contract.method import Fit, Method


def train(
    name: str,
    reference: ad.AnnData,
    *,
    bulk: ad.AnnData | None = None,
    calibration: tuple[ad.AnnData, pd.DataFrame] | None = None,
    malignant: Iterable[str] = (),
    prior: str | Path | pd.DataFrame | pd.Series | Mapping[str, float] | None = None,
    signature: Iterable[Path] = (),
    gene_sets: Iterable[Path] = (),
    pretrained: Iterable[Path] = (),
    ontology: Path | None = None,
    genes: Collection[str] | None = None,
    recipe: str | dict[str, Any] = "default",
    settings: Iterable[str] = (),
    quick: bool = False,
    seed: int = 0,
    device: str = "auto",
    checkpoint: Path | None = None,
    say: Callable[[str], None] = silent,
    progress: Callable[[int, int, str], None] = silent,
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
    prior
        A declared prior on the mean composition (docs/prior.md), for the control of this name.
    signature, gene_sets, pretrained, ontology
        Published files that some methods can start from (docs/signatures.md), and an ontology of the cell types.
    genes
        Genes to learn from, for a bulk that has few of the reference's; all if None.
    recipe, settings, quick
        As for :func:`resolve`.
    seed
        Of every draw.
    device
        ``auto``, ``cpu`` or ``cuda``.
    checkpoint
        File from which an interrupted training continues, and to which it saves its state. It is not removed: remove it
        when the model is saved.
    say, progress
        Take sentences for the record; take what is done, the total and what these are, while waiting.

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
    method, settings = methods.get(name), tuple(settings)
    chosen = resolve(method, recipe, settings, quick=quick)
    malignant, declared = tuple(malignant), read_prior(prior)
    files = {"signature": tuple(signature), "gene_sets": tuple(gene_sets), "pretrained": tuple(pretrained)}
    whole, states = any(files.values()), _learns_states(method, files)
    cells = Reference.from_anndata(reference, whole=whole, states=states)
    if genes is not None:
        cells = only(cells, genes, say)
    check_needs(
        method, cells, bulk=bulk, calibration=calibration, malignant=malignant, prior=declared is not None, files=files
    )
    chosen = method.suited(chosen, cells, say)
    if method.needs.malignant:
        cells = cells.merged(malignant)
    task = Task(
        train=cells,
        validation=cells.select(np.array([], int)),
        recipe=chosen,
        rng=np.random.default_rng(seed),
        device=device_of(method, device),
        say=say,
        progress=progress,
        bulk=aligned(bulk, cells.genes),
        calibration=None if calibration is None else calibration_samples(*calibration, cells, say),
        malignant=malignant,
        prior=declared.composition(cells.cell_types) if declared and method.needs.prior else None,
        published=files.get(method.takes, ()),
        ontology=ontology,
        checkpoint=checkpoint,
    )
    model = _fitted(method, task, seed, quick=quick)
    if not cells.amounts and method.quantity == "cell" and model.quantity == "mrna":
        what = "Profiles" if cells.kind == "profiles" else "Cells that were scaled"
        say(f"{what} do not tell the mRNA of a cell: {name} estimates fractions of mRNA.")
    if cells.type_of_state:
        say(f"The estimates are of {len(cells.cell_types)} cell states, summed to {len(model.reported)} cell types.")
    model.facts |= {
        "recipe_name": recipe if isinstance(recipe, str) else "own",
        "settings": list(settings),
        "quick": quick,
        "reference_genes": cells.genes.tolist(),
        "reference": {
            "kind": cells.kind,
            "cells": len(cells.type_of),
            "genes": len(cells.genes),
            "donors": len(cells.donors),
            "cells_per_type": dict(zip(cells.cell_types, cells.cells_per_type().tolist(), strict=True)),
            "mrna_per_cell": cell_fractions.counts_of_cells(cells),
            "counted": reference.n_vars,
        },
    }
    return model


def _learns_states(method: Method, files: Mapping[str, tuple[Path, ...]]) -> bool:
    """Return whether a method estimates cell states: not where types are given by other inputs, or for controls."""
    needs = method.needs
    given = needs.calibration or needs.malignant or needs.gene_sets or any(files.values())
    return method.info.family != "control" and method.quantity != "score" and not given


def _fitted(method: Method, task: Task, seed: int, *, quick: bool) -> Model:
    """Fit a method, with intervals of its errors on held-out cells and the distances of held-out pseudobulk.

    Each fold learns from its training cells and is measured on its held-out ones. A method that trains for long uses
    one half of the held-out cells to stop and is measured on the other. A fast one is fitted to all cells at last.
    """
    cells, rng, say = task.train, task.rng, task.say
    folds, by_donor = holdout.split(cells, rng, holdout.FOLDS if method.refit else 1)
    if not by_donor and cells.kind == "cells":
        donors = f"{len(cells.donors)} donor{'s' * (len(cells.donors) > 1)}"
        say(
            "Held-out cells come from the same donors as the training cells, because the reference names "
            f"{donors}: intervals and early stopping are optimistic."
        )
    number = (holdout.QUICK_SAMPLES_HELD_OUT if quick else holdout.SAMPLES_HELD_OUT) // len(folds)
    errors, pooled, unknown = [], False, holdout.without_replicates(cells)
    for learned, held in folds:
        fold, held_out = dataclasses.replace(task, train=cells.select(learned)), cells.select(held)
        if not method.refit:
            validation, held_out = holdout.halves(held_out, rng)
            fold = dataclasses.replace(fold, validation=validation)
        pooled |= not single_donors.donors(held_out)
        fit = method.fit(fold)
        model = put_together(method, fold, fit, seed)
        if fit.left_out is not None:
            estimate, truth = fit.left_out
            errors.append(holdout.errors(model, estimate, estimate, truth))
        elif model.quantity != "score" and not unknown >= set(model.reported):
            errors.append(holdout.scores(method, model, held_out, number, rng, task.device))
    if pooled and by_donor and cells.kind == "cells":
        say(
            "No held-out donor has more than half of the cell types: the intervals are based on pseudobulk of "
            "pooled donors, which vary less than patients, and are optimistic."
        )
    if method.refit:
        model = put_together(method, task, method.fit(task), seed)
    widths = holdout.columns(model)
    scores = np.sort(np.concatenate([np.empty((0, sum(widths.values())), np.float32), *errors]), axis=0)
    if unknown:
        listed = "any type" if unknown >= set(model.reported) else show([k for k in model.reported if k in unknown], 10)
        say(f"There are no intervals of {listed}, because there is one profile only and its variation is not known.")
    scores[:, holdout.concerned(model, unknown)] = np.nan
    model.arrays |= dict(zip(widths, np.split(scores, np.cumsum([*widths.values()])[:-1], axis=1), strict=True))
    model.arrays |= domain_shift.fit(cells, held_out, rng)
    model.arrays |= _shared_estimates(method, task, model, seed, quick=quick)
    held_out_of = "replicates" if cells.kind == "profiles" else "donors" if by_donor else "cells"
    model.facts["intervals"] = {
        "held_out": "calibration samples" if fit.left_out is not None else held_out_of,
        "folds": len(folds),
        "pseudobulk": int((~np.isnan(scores)).any(1).sum()),
        "pooled": pooled,
        "unknown_from": domain_shift.detection_limit(model),
    }
    return model


def _shared_estimates(method: Method, task: Task, model: Model, seed: int, *, quick: bool) -> dict[str, np.ndarray]:
    """Return the estimates on the held-out pseudobulk that all methods share; a fast method is fitted without them.

    Empty for controls, for methods that estimate other types or quantities, and where a type has one profile only.
    """
    cells = task.train
    same = model.quantity in ("cell", "mrna") and model.cell_types == cells.cell_types
    elsewhere = task.published or method.needs.calibration  # levels that no cell of the reference has given
    if not same or elsewhere or method.info.family == "control" or holdout.without_replicates(cells):
        return {}
    learned, kept, rng = holdout.shared_split(cells, seed)
    if method.refit:
        fold = dataclasses.replace(task, train=cells.select(learned), rng=rng, say=silent)
        model = put_together(method, fold, method.fit(fold), seed)
    number = holdout.QUICK_SHARED if quick else holdout.SHARED
    return holdout.shared(method, model, cells.select(kept), number, seed, task.device)


def put_together(method: Method, task: Task, fit: Fit, seed: int) -> Model:
    """Put what a fit learned into a model."""
    cell_types = list(fit.cell_types or task.train.cell_types)
    states = dict(zip(task.train.cell_types, task.train.type_of_state, strict=False))
    quantity, levels = _quantity(method, task, fit), task.train.levels
    return Model(
        method=method.name,
        recipe=asdict(fit.recipe or task.recipe),
        genes=(fit.genes if fit.genes.dtype.kind == "U" else task.train.genes[fit.genes]).tolist(),
        cell_types=cell_types,
        quantity=quantity,
        arrays=dict(fit.arrays),
        facts={
            "unmix": __version__,
            "seed": seed,
            "training": fit.facts,
            "bulk_at_training": fit.bulk_values,
            "published": bool(task.published),
            "mrna_per_cell": cell_fractions.assumed_mrna_per_cell(method, task, fit),
            "states": states if states.keys() <= set(cell_types) else {},
            **({"levels": levels.model_dump()} if levels.groups and quantity in ("cell", "mrna") else {}),
        },
    )


def _quantity(method: Method, task: Task, fit: Fit) -> str:
    """Return what a fit estimates: where cells do not tell their mRNA, fractions of cells are of mRNA."""
    quantity = fit.quantity or method.quantity
    elsewhere = task.published or method.needs.calibration or method.info.family == "control"
    return "mrna" if quantity == "cell" and not task.train.amounts and not elsewhere else quantity
