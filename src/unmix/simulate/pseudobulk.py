"""Pseudobulk with known fractions, drawn from the cells of a reference as a recipe says.

One code path serves every method: a composition distribution gives fractions, fractions become numbers of cells per
group, numbers become drawn cells (:mod:`unmix.simulate.draws`), and cells become a sum. Fractions of mRNA and library
sizes are those of the whole transcriptome, whatever genes the reference was cut to.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from unmix.errors import UsageError
from unmix.reference import Reference
from unmix.simulate.augmentation import augmented
from unmix.simulate.draws import Draws
from unmix.simulate.sums import CellSums

if TYPE_CHECKING:
    import anndata as ad

    from unmix.simulate.recipe import Simulation

#: Pseudobulk whose draws are held in memory at once.
CHUNK = 256


@dataclass(frozen=True)
class Pseudobulk:
    """Samples of known composition.

    Attributes
    ----------
    expression
        Samples x genes, linear, float32.
    cell_fractions, mrna_fractions
        Samples x types: shares of the cells, and of the mRNA of all genes.
    depth
        Samples: what the expression of all genes sums to, before a platform changes them.
    """

    expression: np.ndarray
    cell_fractions: np.ndarray
    mrna_fractions: np.ndarray
    depth: np.ndarray

    def truth(self, target: str) -> np.ndarray:
        """Return the fractions of ``cell`` or of ``mrna``."""
        return self.mrna_fractions if target == "mrna" else self.cell_fractions


class Simulator:
    """Makes pseudobulk of one reference by one recipe; the only state are caches of cell groups and of the counts."""

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
            cells = replace(
                cells, counts=cells.cpm().astype(np.float32), total_counts=np.where(cells.total_counts > 0, 1e6, 0.0)
            )
        self.cells, self.recipe = cells, recipe
        self.draws, self.sums = Draws(cells, recipe), CellSums(cells.counts)
        self.size = np.array([recipe.mrna.get(name, 1.0) for name in cells.cell_types], dtype=np.float32)

    def draw(self, number: int, rng: np.random.Generator, fractions: np.ndarray | None = None) -> Pseudobulk:
        """Make `number` samples, or one for each row of `fractions` (samples x types)."""
        expression, others = np.empty((number, self.cells.counts.shape[1]), np.float32), []
        for start in range(0, number, CHUNK):
            size = min(CHUNK, number - start)
            wanted = fractions[start : start + size] if fractions is not None else self.draws.fractions(size, rng)
            expression[start : start + size], *rest = self._sample(wanted, rng)
            others.append(rest)
        return Pseudobulk(expression, *(np.concatenate(column) for column in zip(*others, strict=True)))

    def layers(self, number: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Make `number` samples; return what each type contributes (samples x types x genes), and its cells.

        The layers of a sample sum to its expression: what a platform does to the sum, it does to each of them. The
        numbers of cells are samples x types.
        """
        types = len(self.cells.cell_types)
        rows, owner = self.draws.rows(self.draws.cells_per_sample(number, rng), self.draws.fractions(number, rng), rng)
        place = owner * types + self.cells.type_of[rows]
        order = place.argsort(kind="stable")
        rows, place = rows[order], place[order]
        weights = self.size[self.cells.type_of[rows]]
        layers = self.sums.of(rows, weights, place, number * types)
        layers = layers.reshape(number, types, -1)
        sums, drawn = layers.sum(1), np.bincount(place, minlength=number * types).reshape(number, types)
        mrna = np.bincount(place // types, weights * self.cells.total_counts[rows], number)
        layers *= (self._measure(sums.copy(), drawn.sum(1), mrna, rng)[0] / np.maximum(sums, 1e-12))[:, None]
        return layers, drawn

    def _sample(self, fractions: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        recipe, number, types = self.recipe, *fractions.shape
        if recipe.single:
            return self._sample_of_profiles(fractions, rng)
        rows, owner = self.draws.rows(self.draws.cells_per_sample(number, rng), fractions, rng)
        type_of = self.cells.type_of[rows]
        weights = self.size[type_of]
        expression = self.sums.of(rows, weights, owner, number)
        drawn = np.bincount(owner * types + type_of, minlength=number * types).reshape(number, types)
        mrna = np.bincount(owner * types + type_of, weights * self.cells.total_counts[rows], number * types)
        mrna = mrna.reshape(number, types)
        measured, depth = self._measure(expression, drawn.sum(1), mrna.sum(1), rng)
        cell = drawn if recipe.label == "realised" else fractions
        return measured, _share(cell, self.draws.known), _share(mrna, self.draws.known), depth

    def _sample_of_profiles(self, fractions: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Add one random profile of each type, weighted by its fraction."""
        profiles = np.zeros(fractions.shape, dtype=np.int64)
        for k in np.flatnonzero(fractions.any(0)):
            profiles[:, k] = rng.choice(np.flatnonzero(self.cells.type_of == k), len(fractions))
        owner, type_of = np.nonzero(fractions)
        rows, weights = profiles[owner, type_of], fractions[owner, type_of] * self.size[type_of]
        expression = self.sums.of(rows, weights, owner, len(fractions))
        mrna = fractions * self.size * self.cells.total_counts[profiles]
        measured, depth = self._measure(expression, np.ones(len(fractions)), mrna.sum(1), rng)
        return measured, _share(fractions, self.draws.known), _share(mrna, self.draws.known), depth

    def _measure(
        self, expression: np.ndarray, cells: np.ndarray, mrna: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Apply what a sequencing platform does to the sum of so many cells, which has so much mRNA over all genes.

        Returns
        -------
        The measured expression, and what that of all genes sums to.
        """
        recipe, depth = self.recipe, mrna
        # Rounded, because sums of all genes in single precision are the whole
        seen = np.round(expression.sum(1) / np.maximum(mrna, 1e-12), 6)
        if recipe.aggregate == "mean":
            expression /= cells[:, None]
            depth = mrna / cells
        if recipe.platform:
            noise = rng.standard_normal(expression.shape, dtype=np.float32)
            noise *= np.float32(recipe.platform)
            expression *= np.exp(noise, out=noise)
        if recipe.library:
            depth = np.full(len(mrna), recipe.library)
            scale = recipe.library * seen / np.maximum(expression.sum(1), 1e-12)
            expression = rng.poisson(expression * scale.astype(np.float32)[:, None]).astype(np.float32)
        if recipe.dropout:
            expression *= rng.random(expression.shape, dtype=np.float32) >= recipe.dropout
        return expression, depth


def _share(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Divide by the sum over the types that the truth names; hidden types become 0."""
    values = values * known
    return values / np.maximum(values.sum(1, keepdims=True), 1e-12)


def pseudobulk(reference: ad.AnnData, recipe: Simulation, samples: int, seed: int) -> ad.AnnData:
    """Return pseudobulk of a reference with its truth (see docs/data_contracts.md).

    Parameters
    ----------
    reference
        Reference x genes, prepared.
    recipe
        Settings of the simulation.
    samples
        Number of pseudobulk.
    seed
        Of every draw.

    Returns
    -------
    AnnData
        Samples x genes; known fractions in ``obsm["cell_fractions"]`` and ``obsm["mrna_fractions"]``;
        ``uns["unmix"]["mrna_per_cell"]`` says of what the mRNA of a cell is: ``reference`` (its cells' counts),
        ``table`` (these times the factors of the recipe) or ``none`` (alike for all cells).

    Examples
    --------
    >>> import unmix
    >>> from unmix.simulate.scenarios import scenario
    >>> reference, _ = unmix.toy()
    >>> bulk = unmix.pseudobulk(reference, scenario("standard", 100, ()), samples=5, seed=1)
    >>> bulk.obsm["cell_fractions"].shape
    (5, 6)
    """
    import anndata as ad
    import pandas as pd

    cells, rng = Reference.from_anndata(reference, whole=True), np.random.default_rng(seed)
    simulator = Simulator(cells, recipe, rng)
    pseudobulk = simulator.draw(samples, rng)
    names = [f"mix{i:0{len(str(samples - 1))}d}" for i in range(samples)]
    bulk = ad.AnnData(pseudobulk.expression, pd.DataFrame(index=names), pd.DataFrame(index=cells.genes))
    known = np.flatnonzero(simulator.draws.known)
    types = [cells.cell_types[k] for k in known]
    for target in ("cell", "mrna"):
        bulk.obsm[f"{target}_fractions"] = pd.DataFrame(pseudobulk.truth(target)[:, known], names, types)
    unit = "counts" if recipe.aggregate == "counts" else "cpm"
    sizes = "reference" if cells.amounts and recipe.aggregate == "counts" else "none"
    facts = {"kind": "bulk", "unit": unit, "log": "none", "mrna_per_cell": "table" if recipe.mrna else sizes}
    bulk.uns["unmix"] = {**facts, "messages": []}
    return bulk
