"""Non-negative matrix factorisation of the bulk itself: the class of reference-free methods (UNDO, CDSeq, TOAST).

    cohort (samples x genes) ~ weights (samples x components) x profiles (components x genes)

`published` starts from chance, as TOAST does, and matches components to types; `default` starts from the reference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from unmix.classical.signature import Genes, choose
from unmix.classical.solvers import nonnegative
from unmix.contract.method import Fit, Method, Task
from unmix.errors import NotApplicable
from unmix.io.units import per_million
from unmix.methods import register
from unmix.settings import Count, CountOrZero, Rule, Settings

if TYPE_CHECKING:
    from unmix.contract.model import Model


class Recipe(Settings):
    """Recipe of the factorisation."""

    genes: Genes = Genes(rule="expressed")
    """Genes of the model."""
    start: Literal["reference", "chance"] = "reference"
    """Whether the factorisation starts from the reference's profiles or from random numbers."""
    iterations: CountOrZero = 200
    """Multiplicative updates for the Kullback-Leibler divergence (Lee and Seung 1999); 0 keeps the start."""
    rounds: CountOrZero = 0
    """TOAST: how often the genes are chosen anew, as those that differ most between the components."""
    informative: Count = 1000
    """TOAST: genes of a round."""
    seed: CountOrZero = 0
    """Of the start from chance."""

    rules = (
        Rule(("start", "iterations"), lambda s: s.start == "reference" or s.iterations > 0, "1 or more from chance"),
    )


def factorise(
    samples: np.ndarray, weights: np.ndarray, profiles: np.ndarray, iterations: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (samples x components) and profiles (components x genes) of the samples, from a start.

    Parameters
    ----------
    samples
        Samples x genes.
    weights, profiles
        Where to start; positive.
    iterations
        0 leaves them as they are.
    """
    from sklearn.decomposition import non_negative_factorization

    if iterations == 0:
        return weights, profiles
    weights, profiles, _ = non_negative_factorization(
        samples, weights, profiles, n_components=len(profiles), init="custom", solver="mu",
        beta_loss="kullback-leibler", max_iter=iterations, tol=0,
    )  # fmt: skip
    return weights, profiles


def solve_all(profiles: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Return the non-negative weights of each sample (samples x components)."""
    return np.stack([nonnegative(profiles.T, sample) for sample in samples])


def anonymous(samples: np.ndarray, types: int, recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """Return weights and profiles from a start by chance, with genes chosen in rounds; the best round is kept."""
    rng, best, least = np.random.default_rng(recipe.seed), None, np.inf
    genes = np.argsort(-samples.std(0), kind="stable")[: recipe.informative]
    for _ in range(recipe.rounds + 1):
        start = rng.uniform(0.5, 1.5, (len(samples), types)), rng.uniform(0.5, 1.5, (types, len(genes)))
        weights, _ = factorise(samples[:, genes], *start, recipe.iterations)
        profiles = solve_all(weights.T, samples.T).T
        error = np.sqrt(((samples - weights @ profiles) ** 2).mean())
        if error < least:
            best, least = (weights, profiles), error
        share = profiles / np.maximum(profiles.sum(1, keepdims=True), 1e-300)
        spread = share.std(0) / (share.mean(0) + 1e-3 * share.mean())
        genes = np.argsort(-spread, kind="stable")[: recipe.informative]
    return best


def matched(profiles: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the component of each type: one to one, by the correlation of what is particular to each (log scale)."""
    from scipy.optimize import linear_sum_assignment

    def particular(values: np.ndarray) -> np.ndarray:
        logs = np.log2(per_million(values) + 1)
        logs -= logs.mean(0)
        logs -= logs.mean(1, keepdims=True)
        return logs / np.maximum(np.linalg.norm(logs, axis=1, keepdims=True), 1e-300)

    return linear_sum_assignment(-particular(reference) @ particular(profiles).T)[1]


@register
class NMF(Method):
    """samples ~ weights x profiles, both non-negative; the weights of a sample are the fractions of its mRNA."""

    name = "nmf"
    layout = {"profile": "amount: types genes"}
    quantity = "mrna"
    transductive = True
    recipes = {
        "default": Recipe(genes=Genes(rule="markers"), iterations=20),
        "published": Recipe(start="chance", rounds=10),
    }

    def fit(self, task: Task) -> Fit:
        """Keep the reference's profiles, to start from or to name the components by."""
        genes = choose(task.recipe.genes, task.train, task.measured)
        return Fit(genes, {"profile": 1e6 * task.train.select(genes=genes).profiles()}, {})

    def estimate(self, model: Model, expression: np.ndarray, present: np.ndarray, device: str) -> np.ndarray:
        """Factorise the cohort."""
        recipe, reference = self.recipe_of(model), model.arrays["profile"][:, present]
        least = 3 if recipe.start == "reference" else len(reference) + 1
        if len(expression) < least:
            raise NotApplicable(
                f"nmf was given {len(expression)} bulk sample{'s' * (len(expression) > 1)}",
                f"at least {least} samples of one cohort, because it learns the profiles from how samples differ",
                "add samples of the same cohort, or take a method that estimates samples one by one (nnls, music)",
            )
        samples = per_million(expression[:, present].astype(np.float64))
        used = samples.any(0) & reference.any(0)
        samples, reference = samples[:, used], reference[:, used]
        mean, share = samples.mean(0), reference.sum(1) / 1e6  # of these genes in the mRNA of each type
        share = np.where(share > 0, share, np.inf)
        if recipe.start == "chance":
            weights, profiles = anonymous(samples / mean, len(reference), recipe)
            size, order = (profiles * mean).sum(1), matched(profiles * mean, reference)
            return (weights * size)[:, order] / share
        floor = 1e-3 * reference.mean(0)  # a zero would stay one
        start = (per_million(reference) + floor) / mean
        weights, profiles = factorise(samples / mean, solve_all(start, samples / mean) + 1e-6, start, recipe.iterations)
        return weights * (profiles * mean).sum(1) / share
