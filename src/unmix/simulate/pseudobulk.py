"""Pseudobulk with known fractions: pseudobulk of the cells of a reference, drawn as a recipe says.

One code path serves every method: a composition gives fractions, fractions become cell numbers per group
(a group is a cell type, or a cell type of one donor), numbers become drawn cells, cells become a sum.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from unmix.errors import DataError, NotApplicable, UsageError
from unmix.reference import Reference
from unmix.simulate import compositions
from unmix.simulate.augmentation import augmented

if TYPE_CHECKING:
    from collections.abc import Iterator

    import anndata as ad
    from scipy.sparse import csr_matrix

    from unmix.simulate.recipe import Simulation


#: Pseudobulk whose draws are held in memory at once.
CHUNK = 256


@dataclass(frozen=True)
class Pseudobulk:
    """Pseudobulk: linear expression (samples x genes, float32) and both truths (samples x types)."""

    expression: np.ndarray
    cell_fractions: np.ndarray
    mrna_fractions: np.ndarray

    def truth(self, target: str) -> np.ndarray:
        """Return the truth of a kind: ``cell`` or ``mrna``."""
        return self.mrna_fractions if target == "mrna" else self.cell_fractions


class Simulator:
    """Pseudobulk cells of one reference after one recipe; the only state is a cache of cell groups."""

    def __init__(self, cells: Reference, recipe: Simulation, rng: np.random.Generator) -> None:
        unnamed = {*recipe.priors, *recipe.mrna, *recipe.hidden} - set(cells.cell_types)
        if unnamed:
            raise UsageError(
                f"the simulation names {sorted(unnamed)[0]!r}, which the reference does not have",
                f"one of {', '.join(cells.cell_types)}",
            )
        if recipe.augment:
            cells = augmented(cells, recipe.augment, rng)
        if recipe.aggregate != "counts":
            cells = replace(cells, counts=_cpm(cells.counts))
        self.cells, self.recipe = cells, recipe
        self.known = np.array([name not in recipe.hidden for name in cells.cell_types])
        self.size = np.array([recipe.mrna.get(name, 1.0) for name in cells.cell_types], dtype=np.float32)
        self.totals = cells.counts.sum(1).A1
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
                "at least one such donor, because the pseudobulk of this recipe come from single donors",
                "merge rare cell types with a label map, or use --set simulation.donors=pooled",
            )

    def draw(self, number: int, rng: np.random.Generator, fractions: np.ndarray | None = None) -> Pseudobulk:
        """Make `number` pseudobulk, or one for each row of `fractions` (samples x types)."""
        parts = []
        for start in range(0, number, CHUNK):
            size = min(CHUNK, number - start)
            wanted = fractions[start : start + size] if fractions is not None else self._fractions(size, rng)
            parts.append(self._mix(wanted, rng))
        return Pseudobulk(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def layers(self, number: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Make `number` pseudobulk; return what each type contributes (samples x types x genes), and the cells of each.

        The layers of a pseudobulk sample sum to its expression: what a platform does to the sum, it does to each of them. The
        numbers of cells are samples x types.
        """
        types = len(self.cells.cell_types)
        numbers = self._numbers(self._cells_per_mix(number, rng), self._fractions(number, rng), rng)
        rows, owner = self._draw_cells(numbers, rng)
        place = owner * types + self.cells.type_of[rows]
        order = place.argsort(kind="stable")
        rows, place = rows[order], place[order]
        layers = sum_cells(self.cells.counts, rows, self.size[self.cells.type_of[rows]], place, number * types)
        layers = layers.reshape(number, types, -1)
        sums, drawn = layers.sum(1), np.bincount(place, minlength=number * types).reshape(number, types)
        layers *= (self._measure(sums.copy(), drawn.sum(1), rng) / np.maximum(sums, 1e-12))[:, None]
        return layers, drawn

    def _fractions(self, number: int, rng: np.random.Generator) -> np.ndarray:
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

    def _mix(self, fractions: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        recipe, number, types = self.recipe, *fractions.shape
        if recipe.single:
            return self._mix_profiles(fractions, rng)
        numbers = self._numbers(self._cells_per_mix(number, rng), fractions, rng)
        rows, owner = self._draw_cells(numbers, rng)
        kind = self.cells.type_of[rows]
        weights = self.size[kind]
        expression = sum_cells(self.cells.counts, rows, weights, owner, number)
        drawn = np.bincount(owner * types + kind, minlength=number * types).reshape(number, types)
        rna = np.bincount(owner * types + kind, weights * self.totals[rows], number * types)
        expression = self._measure(expression, drawn.sum(1), rng)
        cell = drawn if recipe.label == "realised" else fractions
        return expression, _share(cell, self.known), _share(rna.reshape(number, types), self.known)

    def _mix_profiles(self, fractions: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Mix one random profile of each type, weighted by its fraction."""
        profiles = np.zeros(fractions.shape, dtype=np.int64)
        for k in np.flatnonzero(fractions.any(0)):
            profiles[:, k] = rng.choice(np.flatnonzero(self.cells.type_of == k), len(fractions))
        owner, kind = np.nonzero(fractions)
        rows, weights = profiles[owner, kind], fractions[owner, kind] * self.size[kind]
        expression = sum_cells(self.cells.counts, rows, weights, owner, len(fractions))
        expression = self._measure(expression, np.ones(len(fractions)), rng)
        rna = fractions * self.size * self.totals[profiles]
        return expression, _share(fractions, self.known), _share(rna, self.known)

    def _cells_per_mix(self, number: int, rng: np.random.Generator) -> np.ndarray:
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

    def _draw_cells(self, numbers: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw cells of every group; return their rows in the reference and the pseudobulk sample that owns each."""
        rows, owner = [], []
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
        """Yield the cells of a group and how many of them each pseudobulk sample takes, by subtype where the recipe says so."""
        if not self.cells.subtypes or self.recipe.subtypes == "abundant":
            yield group, wanted
            return
        kinds, kind_of = np.unique(self.cells.subtype_of[group], return_inverse=True)
        if len(kinds):
            shares = rng.multinomial(wanted, rng.dirichlet(np.ones(len(kinds)), len(wanted)))
            yield from ((group[kind_of == k], shares[:, k]) for k in range(len(kinds)))

    def _measure(self, expression: np.ndarray, cells: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Apply what a sequencing platform does to a sum of cells."""
        recipe = self.recipe
        if recipe.aggregate == "mean":
            expression /= cells[:, None]
        if recipe.platform:
            noise = rng.standard_normal(expression.shape, dtype=np.float32)
            expression *= np.exp(np.float32(recipe.platform) * noise)
        if recipe.library:
            rate = expression * (recipe.library / expression.sum(1, keepdims=True))
            expression = rng.poisson(rate).astype(np.float32)
        if recipe.dropout:
            expression *= rng.random(expression.shape, dtype=np.float32) >= recipe.dropout
        return expression


def sum_cells(counts: csr_matrix, rows: np.ndarray, weights: np.ndarray, owner: np.ndarray, number: int) -> np.ndarray:
    """Sum cells into pseudobulk.

    Parameters
    ----------
    counts
        CSR, cells x genes, float32.
    rows, weights, owner
        Drawn cells, the weight of each, and the pseudobulk sample it belongs to (sorted).
    number
        Number of pseudobulk.

    Returns
    -------
    samples x genes, float32.
    """
    from unmix.simulate._kernels import sum_rows

    bounds = np.searchsorted(owner, np.arange(number + 1))
    out = np.zeros((number, counts.shape[1]), dtype=np.float32)
    # Reading the cells is what takes time: half the bytes of an index save a quarter of it
    indices = counts.indices.astype(np.uint16) if counts.shape[1] <= 2**16 else counts.indices
    sum_rows(counts.data, indices, counts.indptr, rows, weights.astype(np.float32), bounds, out)
    return out


def _share(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Divide by the sum over the types that the truth names; hidden types become 0."""
    values = values * known
    return values / np.maximum(values.sum(1, keepdims=True), 1e-12)


def _cpm(counts: csr_matrix) -> csr_matrix:
    scaled = counts.copy()
    totals = np.maximum(counts.sum(1).A1, 1)
    scaled.data *= np.repeat(1e6 / totals, np.diff(counts.indptr)).astype(np.float32)
    return scaled


def pseudobulk(reference: ad.AnnData, recipe: Simulation, samples: int, seed: int) -> ad.AnnData:
    """Return pseudobulk of a reference with its truth (see docs/data_contracts.md).

    Parameters
    ----------
    reference
        Reference x genes, prepared.
    recipe
        How to mix.
    samples
        Number of pseudobulk.
    seed
        Of every draw.
    """
    import anndata as ad
    import pandas as pd

    cells, rng = Reference.from_reference(reference), np.random.default_rng(seed)
    simulator = Simulator(cells, recipe, rng)
    pseudobulk = simulator.draw(samples, rng)
    names = [f"mix{i:0{len(str(samples - 1))}d}" for i in range(samples)]
    bulk = ad.AnnData(pseudobulk.expression, pd.DataFrame(index=names), pd.DataFrame(index=cells.genes))
    known = np.flatnonzero(simulator.known)
    types = [cells.cell_types[k] for k in known]
    for target in ("cell", "mrna"):
        bulk.obsm[f"{target}_fractions"] = pd.DataFrame(pseudobulk.truth(target)[:, known], names, types)
    unit = "counts" if recipe.aggregate == "counts" else "cpm"
    bulk.uns["unmix"] = {"kind": "bulk", "unit": unit, "log": "none", "messages": []}
    return bulk
