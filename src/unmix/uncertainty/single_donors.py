"""Pseudobulk of one donor each: a patient is one person, and differs from others as donors do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.simulate.pseudobulk import Pseudobulk, Simulator

if TYPE_CHECKING:
    from unmix.reference import Reference
    from unmix.simulate.recipe import Simulation


def draw(cells: Reference, recipe: Simulation, number: int, rng: np.random.Generator) -> Pseudobulk:
    """Return `number` pseudobulk, in equal parts of every donor (see :func:`donors`)."""
    parts = np.array_split(np.arange(number), len(found := donors(cells)))
    drawn = [Simulator(own, recipe, rng).draw(len(part), rng) for own, part in zip(found, parts, strict=True) if len(part)]
    columns = zip(*((part.expression, part.cell_fractions, part.mrna_fractions) for part in drawn), strict=True)
    return Pseudobulk(*map(np.concatenate, columns))


def donors(cells: Reference) -> list[Reference]:
    """Return the cells of every donor who has most of the types that there are; all cells together if none has.

    A type that a donor lacks is lent by all others, so that every pseudobulk sample can hold every type.
    """
    present = np.zeros((len(cells.donors), len(cells.cell_types)), bool)
    present[cells.donor_of, cells.type_of] = True
    most = np.flatnonzero(2 * present.sum(1) > present.any(0).sum())
    return [cells.select((cells.donor_of == donor) | ~present[donor, cells.type_of]) for donor in most] or [cells]
