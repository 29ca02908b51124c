"""Which cells make up a pseudobulk sample: fractions become numbers of cells per group, and numbers become drawn cells.

A group is a cell type, or a cell type of one donor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.errors import DataError, NotApplicable
from unmix.simulate import compositions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unmix.reference import Reference
    from unmix.simulate.recipe import Simulation


class Draws:
    """Draws the cells of samples from one reference by one recipe.

    Attributes
    ----------
    known
        Types: whether the truth names each.

    Raises
    ------
    DataError
        If the reference has no cells.
    NotApplicable
        If each sample shall be of one donor, and none has cells of every type.
    """

    def __init__(self, cells: Reference, recipe: Simulation) -> None:
        self.cells, self.recipe = cells, recipe
        self.known = np.array([name not in recipe.hidden for name in cells.cell_types])
        donors = np.zeros_like(cells.donor_of) if recipe.donors == "pooled" else cells.donor_of
        types = len(cells.cell_types)
        self.groups = [
            np.flatnonzero((donors == donor) & (cells.type_of == k))
            for donor in range(donors.max() + 1)
            for k in range(types)
        ]
        self.available = np.array([len(group) for group in self.groups]).reshape(-1, types)
        self._check()

    def _check(self) -> None:
        empty = self.available.sum(0) == 0
        if empty.all():
            raise DataError("the reference has no cells", "labelled cells", "check the reference")
        if self.recipe.donors == "same" and not (self.available > 0).all(1).any():
            raise NotApplicable(
                "no donor of the reference has cells of every cell type",
                "at least one such donor, because each pseudobulk sample of this recipe comes from one donor",
                "merge rare cell types with a label map, or use --set simulation.donors=pooled",
            )

    def fractions(self, number: int, rng: np.random.Generator) -> np.ndarray:
        """Draw fractions (samples x types) of the types that have cells."""
        recipe, types = self.recipe, len(self.cells.cell_types)
        present = np.flatnonzero((self.available.sum(0) > 0) & self.known)
        fractions = np.zeros((number, types))
        names = [self.cells.cell_types[k] for k in present]
        fractions[:, present] = compositions.fractions(recipe, rng, number, names)
        if recipe.sparse and len(present) > 1:
            rows = np.flatnonzero(rng.random(number) < recipe.sparse)
            most = min(recipe.sparse_most or len(present), len(present) - 1)
            kept = rng.integers(1, most + 1, len(rows))
            order = rng.random((len(rows), len(present))).argsort(1).argsort(1)
            thinned = fractions[np.ix_(rows, present)] * (order < kept[:, None])
            some = thinned.any(1)  # a pure sample cannot lose its only type
            fractions[np.ix_(rows[some], present)] = thinned[some]
        if recipe.unknown and not self.known.all():
            fractions *= (1 - recipe.unknown) / fractions.sum(1, keepdims=True)
            hidden = np.flatnonzero(~self.known)
            fractions[:, hidden] = recipe.unknown * rng.dirichlet(np.ones(len(hidden)), number)
        return fractions / fractions.sum(1, keepdims=True)

    def cells_per_sample(self, number: int, rng: np.random.Generator) -> np.ndarray:
        """Draw the number of cells of each sample."""
        recipe = self.recipe
        if recipe.cells_max > recipe.cells:
            return rng.integers(recipe.cells, recipe.cells_max + 1, number)
        return np.full(number, recipe.cells)

    def _numbers(self, cells: np.ndarray, fractions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Turn fractions into cells per group (samples x groups)."""
        exact = cells[:, None] * fractions
        if self.recipe.rounding == "multinomial":
            numbers = rng.multinomial(cells, fractions)
        else:
            numbers = getattr(np, self.recipe.rounding)(exact).astype(np.int64)
        empty = numbers.sum(1) == 0
        numbers[empty, exact[empty].argmax(1)] = 1
        donors = len(self.available)
        if donors == 1:
            return numbers
        shared = np.zeros((len(numbers), donors, numbers.shape[1]), dtype=np.int64)
        complete = np.flatnonzero((self.available > 0).all(1))
        shared[np.arange(len(numbers)), rng.choice(complete, len(numbers))] = numbers
        return shared.reshape(len(numbers), -1)

    def rows(self, cells: np.ndarray, fractions: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw so many cells of each sample, by its fractions (samples x types).

        Returns
        -------
        The rows of the cells in the reference, and the sample that owns each (sorted).
        """
        numbers, rows, owner = self._numbers(cells, fractions, rng), [], []
        drawn = (part for g, group in enumerate(self.groups) for part in self._parts(group, numbers[:, g], rng))
        for part, wanted in drawn:
            if not wanted.any():
                continue
            if self.recipe.replace:
                rows.append(part[rng.integers(0, len(part), wanted.sum())])
            else:  # without replacement as far as the cells reach, as UCD and DeepDecon do
                wanted = np.minimum(wanted, len(part))
                rows += [rng.permutation(part)[:n] for n in wanted]
            owner.append(np.repeat(np.arange(len(wanted)), wanted))
        owners = np.concatenate(owner)
        order = owners.argsort(kind="stable")
        return np.concatenate(rows)[order], owners[order]

    def _parts(
        self, group: np.ndarray, wanted: np.ndarray, rng: np.random.Generator
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the cells of a group and how many of them each sample takes, by subtype where the recipe says so."""
        if not self.cells.subtypes or self.recipe.subtypes == "abundant":
            yield group, wanted
            return
        subtypes, subtype_of = np.unique(self.cells.subtype_of[group], return_inverse=True)
        if len(subtypes):
            shares = rng.multinomial(wanted, rng.dirichlet(np.ones(len(subtypes)), len(wanted)))
            yield from ((group[subtype_of == k], shares[:, k]) for k in range(len(subtypes)))
