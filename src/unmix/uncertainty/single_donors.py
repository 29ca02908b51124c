"""Pseudobulk samples of one donor each, because a bulk sample also comes from one donor."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

from unmix.simulate.pseudobulk import Pseudobulk, Simulator

if TYPE_CHECKING:
    from unmix.reference import Reference
    from unmix.simulate.recipe import Simulation


def draw(cells: Reference, recipe: Simulation, number: int, rng: np.random.Generator) -> Pseudobulk:
    """Return `number` pseudobulk samples, in equal parts of every donor (see :func:`donors`)."""
    found = donors(cells) or [cells]
    parts = [len(part) for part in np.array_split(np.arange(number), len(found))]
    drawn = [Simulator(own, recipe, rng).draw(part, rng) for own, part in zip(found, parts, strict=True) if part]
    return Pseudobulk(*(np.concatenate([getattr(part, field.name) for part in drawn]) for field in fields(Pseudobulk)))


def donors(cells: Reference) -> list[Reference]:
    """Return the cells of every donor who has more than half of the types that there are; none if nobody has.

    A type that such a donor lacks is lent by all others, so that every pseudobulk sample can hold every type. Where
    nobody has that many, :func:`draw` pools the cells of all donors.
    """
    present = np.zeros((len(cells.donors), len(cells.cell_types)), bool)
    present[cells.donor_of, cells.type_of] = True
    most = np.flatnonzero(2 * present.sum(1) > present.any(0).sum())
    return [cells.select((cells.donor_of == donor) | ~present[donor, cells.type_of]) for donor in most]
