"""Bisque: every gene of the bulk is mapped onto the scale of the reference, then least squares (Jew et al. 2020).

    mapped = (sample - mean) / s.d. x expected s.d. + expected mean, gene by gene over the cohort

`published` takes the expected mean and deviation from the reference's donors. `default` takes them from first
estimates of the cohort by non-negative least squares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from unmix.classical.base import Classical
from unmix.classical.signature import Genes, choose
from unmix.classical.solvers import nonnegative, sum_constrained
from unmix.classical.weights import capped, weights_of
from unmix.contract.method import Fit, Method, Needs, Task
from unmix.errors import NotApplicable
from unmix.io.units import per_million
from unmix.methods import register
from unmix.settings import CountOrZero, Settings

if TYPE_CHECKING:
    from unmix.contract.model import Model

SAMPLES = 3
"""Fewest samples of a cohort: a gene's mean and deviation mean nothing over fewer (our choice)."""

FIRST = Classical(gene_weights="mean", max_ratio=3)
"""Of first estimates, and the weights of all (as in nnls)."""


class Recipe(Settings):
    """Recipe of Bisque."""

    genes: Genes = Genes(rule="all")
    """Genes of the model."""
    composition: Literal["donors", "bulk"] = "bulk"
    """Of which pseudobulk a gene's mean and deviation are expected: the reference's donors, or the bulk's own first
    estimates (`rounds` times)."""
    rounds: CountOrZero = 1
    """Rounds of mapping and estimation with ``composition=bulk``; 0 keeps the first estimates."""
    profile: Literal["cells", "pooled"] = "pooled"
    """Mean over cells of their counts per million (code), or pooled counts per million: what a bulk of these cells
    would show."""


def transform(samples: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Give every gene of the cohort the mean and the (shrunken) deviation that are expected of it.

    Parameters
    ----------
    samples
        Samples x genes.
    expected
        Pseudobulk x genes.
    """
    deviation = np.sqrt(((expected - expected.mean(0)) ** 2).sum(0) / (len(expected) + 1))
    return (samples - samples.mean(0)) / samples.std(0, ddof=1) * deviation + expected.mean(0)


def bisque(profiles: np.ndarray, samples: np.ndarray, donors: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Return fractions (samples x types).

    Parameters
    ----------
    profiles
        Types x genes, mean counts per million of a cell.
    samples
        Samples x genes; with ``composition=donors`` at the level of `profiles`, otherwise at any level.
    donors
        Donors x types: proportions of the reference's donors.
    recipe
        `composition`, `rounds`.
    """
    expected = donors @ profiles
    varying = (samples.std(0) > 0) & (profiles.any(0) if recipe.composition == "bulk" else expected.std(0) > 0)
    profiles, samples, expected = profiles[:, varying], samples[:, varying], expected[:, varying]

    def fractions(mapped: np.ndarray, weights: np.ndarray) -> np.ndarray:
        design = (profiles * weights).T
        return np.stack([sum_constrained(design, weights * sample, exactly=True) for sample in mapped])

    if recipe.composition == "donors":
        return fractions(transform(samples, expected), np.ones(len(profiles.T)))
    profiles = profiles / profiles.mean()
    weights = weights_of(profiles, FIRST)
    samples = np.stack([capped(profiles, sample, FIRST.max_ratio) for sample in samples])
    estimate = np.stack([nonnegative((profiles * weights).T, weights * sample) for sample in samples])
    level = np.maximum(estimate.sum(1, keepdims=True), 1e-300)  # of these genes in the sample, beside the reference's
    estimate, samples = estimate / level, samples / level
    for _ in range(recipe.rounds):
        estimate = fractions(transform(samples, estimate @ profiles), weights)
    return estimate


@register
class Bisque(Method):
    """A linear map of every gene over the cohort, then least squares with fractions that sum to 1."""

    name = "bisque"
    needs = Needs(cells=True)
    layout = {"profile": "amount: types genes", "donors": "donors types"}
    quantity = "mrna"
    transductive = True
    recipes = {
        "default": Recipe(genes=Genes(rule="markers")),
        "published": Recipe(composition="donors", profile="cells"),
    }

    def fit(self, task: Task) -> Fit:
        """Learn the mean profile of a cell of each type, and the composition of each donor."""
        cells = task.train
        genes = choose(task.recipe.genes, cells, task.measured)
        number = np.zeros((len(cells.donors), len(cells.cell_types)))
        np.add.at(number, (cells.donor_of, cells.type_of), 1)
        number = number[number.any(1)]
        chosen = cells.select(genes=genes)
        if task.recipe.composition == "donors" and np.ptp(number / number.sum(1, keepdims=True), axis=0).max() < 1e-9:
            raise NotApplicable(
                f"the reference has {len(number)} donor{'s' * (len(number) > 1)} to train on, which "
                "all have the same proportions of cell types",
                "three or more donors that differ, because composition=donors learns from these differences",
                "give a reference with the original proportions of cell types, or use --set composition=bulk",
            )
        profiles = chosen.mean_cpm() if task.recipe.profile == "cells" else 1e6 * chosen.profiles()
        return Fit(genes, {"profile": profiles, "donors": number / number.sum(1, keepdims=True)}, {})

    def estimate(self, model: Model, expression: np.ndarray, present: np.ndarray, device: str) -> np.ndarray:
        """Map and solve the cohort."""
        if len(expression) < SAMPLES:
            raise NotApplicable(
                f"bisque was given {len(expression)} bulk sample{'s' * (len(expression) > 1)}",
                f"at least {SAMPLES} samples of one cohort, because it compares samples with each other",
                "add samples of the same cohort, or take a method that estimates samples one by one (music, nusvr)",
            )
        recipe = self.recipe_of(model)
        profiles, donors = model.arrays["profile"][:, present], model.arrays["donors"]
        samples = per_million(expression[:, present].astype(np.float64))
        if recipe.composition == "donors":  # a million over the genes present is their share of all mRNA
            samples = samples * (donors.mean(0) @ profiles).sum() / 1e6
        return bisque(profiles, samples, donors, recipe)
