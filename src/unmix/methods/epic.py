"""EPIC: constrained least squares with a share for cells that are absent from the reference (Racle et al. 2017).

    min sum over genes of w (sample - profiles f)^2, f >= 0, sum(f) <= 1; then f is divided by the mRNA of a cell

Profiles, their variability and the mRNA of a cell come from the reference or from `--signature` (repeatable: profiles,
variances, signature genes, mRNA per cell).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from unmix.classical.base import ClassicalMethod
from unmix.classical.base import Recipe as Base
from unmix.classical.signature import Genes, choose, donor_profiles, filled
from unmix.classical.solvers import for_each, sum_constrained, sum_divided
from unmix.classical.weights import capped
from unmix.contract.method import Fit, Task
from unmix.io.signatures import signature_of
from unmix.methods import register
from unmix.settings import NonNegative, Positive

if TYPE_CHECKING:
    from unmix.contract.model import Model
    from unmix.reference import Reference


class Recipe(Base):
    """Recipe of EPIC."""

    genes: Genes = Genes(rule="all")
    """All genes give the scale of a sample."""
    signature: Genes = Genes()
    """The genes that are fitted."""
    others: bool = True
    """Whether cells of unknown types may take a share, the column Other; else the known types sum to 1."""
    excess: Literal["constrained", "divided"] = "constrained"
    """Where a sample has more of the signature than the reference: fractions held to a sum of 1 in the fit (code),
    which moves them against each other; or fitted freely and divided by their sum, because platforms raise all markers
    together (by droplet references, the sums of real PBMC samples are about 2)."""
    max_weight: Positive = 100.0
    """Code: the largest weight of a gene, in medians."""
    gene_weights: Literal["ratio", "inverse"] = "ratio"
    """``ratio`` (code): mean over variance, summed over types; ``inverse``: 1 over the summed variance, without the
    weight that ``ratio`` gives to a gene for being all but absent from one type."""
    max_ratio: NonNegative = 0.0
    """If above 0: a gene counts at most so many times its highest type (:func:`unmix.classical.weights.capped`)."""
    platform: NonNegative = 0.0
    """Deviation of a gene between platforms, relative to its mean; its square is added to the variance between
    donors (our addition)."""


def weights_of(profile: np.ndarray, variance: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Return the weights of the genes.

    Parameters
    ----------
    profile, variance
        Types x genes; infinite variance keeps a gene out.
    recipe
        `gene_weights`, `max_weight`.
    """
    pooled = recipe.gene_weights == "inverse"
    weights = 1 / (variance.sum(0) + 1e-12) if pooled else (profile / (variance + 1e-12)).sum(0)
    return np.minimum(weights, recipe.max_weight * np.median(weights[weights > 0])) if weights.any() else weights


@register
class EPIC(ClassicalMethod):
    """min sum over genes of w (profile f - sample)^2, f >= 0, sum(f) <= 1, then divided by the mRNA of a cell."""

    name = "epic"
    layout = {"profile": "amount: known genes", "variance": "variance: known genes"}
    layout |= {"size": "amount: known", "rna?": "amount: known"}
    quantity = "cell"
    takes = "signature"
    recipes = {
        "default": Recipe(gene_weights="inverse", platform=0.5, excess="divided", max_ratio=3, others=False),
        "published": Recipe(),
    }

    def fit(self, task: Task) -> Fit:
        """Take the profiles of the user's files, or learn them."""
        others = ["Other"] if task.recipe.others else []
        if not task.published:
            fit = super().fit(task)
            return replace(fit, cell_types=(*task.train.cell_types, *others))
        own, recipe = signature_of(task.published, task.recipe.fractions), task.recipe
        genes, profile = own.signature.index.to_numpy(str), own.signature.to_numpy().T
        variance = profile if own.variance is None else own.variance.fillna(np.inf).to_numpy().T
        whole = profile.sum(1, keepdims=True) / 1e6  # a million over all genes of the file
        profile, variance = profile / whole, variance / whole**2
        variance = variance + (recipe.platform * profile) ** 2
        if own.genes:
            variance[:, ~np.isin(genes, own.genes)] = np.inf
        size = np.ones(len(profile)) if own.size is None else own.size.to_numpy()
        own_quantity = "mrna" if own.size is None else self.quantity
        quantity = own_quantity if recipe.fractions == "own" else recipe.fractions
        learned = {"profile": profile, "variance": variance, "size": size}
        learned |= {"rna": size} if quantity != own_quantity else {}
        return Fit(genes, learned, {}, quantity, (*own.signature.columns, *others))

    def learn(self, cells: Reference, genes: np.ndarray, recipe: Recipe) -> dict[str, np.ndarray]:
        """Return mean and variance over donors of the profiles per million, and the mean total count of a cell.

        Genes outside the signature get an infinite variance. With a single donor all genes weigh alike.
        """
        profiles = donor_profiles(cells.select(genes=genes))
        profile, variance = 1e6 * profiles.mean, 1e12 * filled(profiles.variance)
        variance = variance + (recipe.platform * profile) ** 2
        if not variance.any():
            variance = profile.copy()
        variance[:, ~np.isin(genes, choose(recipe.signature, cells, genes))] = np.inf
        return {"profile": profile, "variance": variance, "size": cells.mrna_per_cell()}

    def decisive(self, model: Model) -> np.ndarray:
        """Return the genes of the signature: those of finite variance."""
        return np.isfinite(model.arrays["variance"]).any(0)

    def estimate(self, model: Model, expression: np.ndarray, present: np.ndarray, device: str) -> np.ndarray:
        """Return the weights of the types; with `others` the rest of the mRNA, by the mean size of the known cells."""
        if not self.recipe_of(model).others:
            return super().estimate(model, expression, present, device)
        known = super().estimate(replace(model, cell_types=model.cell_types[:-1]), expression, present, device)
        mrna = model.arrays["profile"][:, present].sum(1) / 1e6  # of a unit of weight; solving divided by it
        if model.quantity == "cell":
            mrna = mrna * model.arrays["size"]
        rest = np.where(expression[:, present].any(1), np.clip(1 - (known * mrna).sum(1), 0, None), 0)
        return np.column_stack([known, rest / mrna[mrna > 0].mean()])

    def solve_cohort(self, learned: dict[str, np.ndarray], samples: np.ndarray, recipe: Recipe) -> np.ndarray:
        """Return fractions of cells; samples and profiles are scaled to a million over the genes present (code).

        Those are fractions of the mRNA of these genes, so they are divided by what the genes are of each type's mRNA.
        """
        seen = learned["profile"].sum(1) / 1e6
        profile, variance = learned["profile"] / seen[:, None], learned["variance"] / seen[:, None] ** 2
        weights = weights_of(profile, variance, recipe)
        used = np.flatnonzero(weights)
        profile, root = profile[:, used], np.sqrt(weights[used])
        solve = partial(sum_constrained if recipe.excess == "constrained" else sum_divided, exactly=not recipe.others)

        def targets(block: np.ndarray) -> np.ndarray:
            return capped(profile, 1e6 * block[:, used] / block.sum(1, keepdims=True), recipe.max_ratio) * root

        return for_each(solve, (profile * root).T, targets, samples) / (seen * learned["size"])
