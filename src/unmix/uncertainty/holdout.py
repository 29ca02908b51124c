"""Cells and donors held out of training, and the errors of a method on them, from which its intervals are made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.contract.alignment import per_base
from unmix.io.fractions import normalised
from unmix.simulate.recipe import Simulation
from unmix.uncertainty import conformal, domain_shift, single_donors

if TYPE_CHECKING:
    from collections.abc import Collection

    from unmix.contract.method import Method
    from unmix.contract.model import Model
    from unmix.reference import Reference

#: Share of donors (or cells) held out of training.
HELD_OUT = 0.25
#: Share of the held-out donors that stop the training of a network; the others calibrate its intervals.
STOPPING = 1 / 3
#: Held-out pseudobulk samples for the intervals, and their number for a quick training.
SAMPLES_HELD_OUT, QUICK_SAMPLES_HELD_OUT = 500, 120
#: Held-out pseudobulk samples that all methods share, for the intervals of their consensus; the stream they are from.
SHARED, QUICK_SHARED, SHARED_STREAM = 200, 120, 1
#: Groups of donors, each held out once, for methods that are fitted quickly.
FOLDS = 4
#: What held-out pseudobulk look like for calibration, the same for every method: half of them sparse, and a platform
#: that multiplies every gene by its own factor, since no bulk comes from the reference's platform.
RECIPE = Simulation(sparse=0.5, cells=500, platform=domain_shift.CALIBRATED, subtypes="dirichlet")


def scores(
    method: Method, model: Model, held_out: Reference, pseudobulk: int, rng: np.random.Generator, device: str
) -> np.ndarray:
    """Return the calibration scores of a model on pseudobulk of held-out donors, each of one (see :func:`errors`).

    Genes and types of a published signature that the cells lack are missing genes and scores (NaN).
    """
    import pandas as pd

    types = pd.Index(held_out.cell_types).get_indexer(model.cell_types)
    drawn = single_donors.draw(held_out, RECIPE, pseudobulk, rng)
    seen, present = _seen(model, held_out, drawn.expression)
    truth = np.where(types >= 0, drawn.truth(model.quantity)[:, types], np.nan)
    estimate, bounds = method.estimate_with_bounds(model, seen, present, device)
    return errors(model, *(bounds or 2 * (normalised(estimate),)), truth)


def errors(model: Model, lower: np.ndarray, upper: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the calibration scores of a model (samples x columns) in the columns of :func:`columns`.

    Parameters
    ----------
    lower, upper, truth
        Samples x `cell_types`, as for :func:`unmix.uncertainty.conformal.scores`. Sums are of bounds and of truth: the
        interval of a type of several states, or of a group of types, holds the errors of the sum.
    """
    sums = zip(*map(model.every_level, (lower, upper, truth)), strict=True)
    by_type, *by_level = [conformal.scores(*part) for part in sums]
    return np.hstack([by_type, *([conformal.scores(lower, upper, truth)] if model.states else []), *by_level])


def columns(model: Model) -> dict[str, int]:
    """Return the names of the arrays of calibration scores and how many columns each has."""
    groups = sum(len(set(own.values())) for own in model.levels.groups)
    states = len(model.cell_types) if model.states else 0
    found = {"scores": len(model.reported), "state_scores": states, "level_scores": groups}
    return {f"intervals.{name}": number for name, number in found.items() if number or name == "scores"}


def concerned(model: Model, names: Collection[str]) -> np.ndarray:
    """Return which calibration scores of a model (columns of :func:`errors`) are of these types or states.

    A group is concerned by each of its types.
    """
    found = [name in names for name in (*model.reported, *(model.cell_types if model.states else ()))]
    for groups in model.levels.groups:
        touched = {groups[name] for name in model.reported if name in names}
        found += [group in touched for group in dict.fromkeys(groups[name] for name in model.reported)]
    return np.array(found)


def shared(
    method: Method, model: Model, held_out: Reference, pseudobulk: int, seed: int, device: str
) -> dict[str, np.ndarray]:
    """Return the estimates of a model on pseudobulk that all methods share, and the known fractions of mRNA.

    The pseudobulk depends on the held-out cells and the seed alone, so that estimates of several methods can be
    combined sample by sample: the errors of the combination give its intervals.

    Parameters
    ----------
    held_out
        Cells that :func:`shared_split` keeps from training, of the model's types.
    pseudobulk
        Number of samples.
    """
    rng = np.random.default_rng([seed, SHARED_STREAM])
    drawn = single_donors.draw(held_out, RECIPE, pseudobulk, rng)
    seen, present = _seen(model, held_out, drawn.expression)
    estimate = normalised(method.estimate(model, seen, present, device))
    found = {"intervals.shared_estimate": estimate, "intervals.shared_mrna": drawn.mrna_fractions}
    return {name: array.astype(np.float32) for name, array in found.items()}


def shared_split(cells: Reference, seed: int) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    """Return masks of the cells that a method may learn from, and of those that :func:`shared` uses, for every method.

    Those of a network: what it is not trained on, without the cells that stop its training.
    """
    rng = np.random.default_rng(seed)
    [(learned, held)], _ = split(cells, rng, 1)
    _, calibrating = _halves(cells.select(held), rng)
    kept = np.zeros(len(held), bool)
    kept[np.flatnonzero(held)[calibrating]] = True
    return learned, kept, rng


def _seen(model: Model, held_out: Reference, expression: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return pseudobulk over the model's genes, and which of these the cells have."""
    import pandas as pd

    genes = pd.Index(held_out.genes).get_indexer(model.genes)
    present = genes >= 0
    seen = np.where(present, expression[:, genes], 0) if len(genes) else expression[:, :0]
    return per_base(model, seen), present


def split(cells: Reference, rng: np.random.Generator, folds: int) -> tuple[list[tuple[np.ndarray, np.ndarray]], bool]:
    """Split cells into training and held-out ones, by donor where donors are known, else by cell within types.

    A type that only one side would have is split by cell, so that every type is on both sides; the single cell
    of a type serves on both.

    Parameters
    ----------
    cells
        Of the reference.
    rng
        Orders donors and cells.
    folds
        1: a quarter is held out, by donor if there are three, since a network that learns from one donor would be
        much worse than one that learns from all. More: every donor is held out once, in up to so many groups.

    Returns
    -------
    Masks of training and of held-out cells for each fold, and whether donors were held out.
    """
    donors = rng.permutation(len(cells.donors))
    by_donor = len(donors) >= (3 if folds == 1 else 2)
    if not by_donor:
        groups = [np.array([], int)]
    elif folds == 1:
        groups = [donors[: max(1, round(HELD_OUT * len(donors)))]]
    else:
        groups = np.array_split(donors, min(folds, len(donors)))
    return [_masks(cells, np.isin(cells.donor_of, group), rng) for group in groups], by_donor


def halves(held_out: Reference, rng: np.random.Generator) -> tuple[Reference, Reference]:
    """Split held-out cells into those that stop a training and those that calibrate its intervals.

    By donor where two or more were held out, else by cell within types; as in :func:`split` every type is on both
    sides. A method that was stopped where its error on some donors was least seems better on these than it is.
    """
    stopping, calibrating = _halves(held_out, rng)
    return held_out.select(stopping), held_out.select(calibrating)


def _halves(held_out: Reference, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return masks of the cells of :func:`halves`."""
    donors = rng.permutation(np.unique(held_out.donor_of))
    group = donors[: max(1, round(STOPPING * len(donors)))] if len(donors) > 1 else donors[:0]
    calibrating, stopping = _masks(held_out, np.isin(held_out.donor_of, group), rng)
    return stopping, calibrating


def _masks(cells: Reference, held: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return training and held-out masks in which every type is on both sides."""
    learned = ~held
    for k in range(len(cells.cell_types)):
        members = np.flatnonzero(cells.type_of == k)
        if held[members].any() and learned[members].any():
            continue
        chosen = rng.permutation(members)[: max(1, round(HELD_OUT * len(members)))]
        held[members] = np.isin(members, chosen)
        learned[members] = ~held[members] if len(members) > 1 else True
    return learned, held


def without_replicates(cells: Reference) -> set[str]:
    """Return the types (and cell states, with the types that these belong to) of one profile in a reference of such.

    How they vary is not known, so that their errors on held-out pseudobulk would be too small.
    """
    if cells.kind == "cells":
        return set()
    alone = np.flatnonzero(cells.cells_per_type() < 2)
    return {names[k] for names in (cells.cell_types, cells.type_of_state) if names for k in alone}
