"""Laws of the fractions of simulated mixes. Each returns mixes x types, rows summing to 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from unmix.recipe import Simulation


def dirichlet(recipe: Simulation, rng: np.random.Generator, number: int, types: Sequence[str]) -> np.ndarray:
    """Dirichlet(alpha); with `priors`, the named types have those means and the others share the rest."""
    mean = np.full(len(types), 1 / len(types))
    if recipe.priors:
        rest = (1 - sum(recipe.priors.values())) / max(len(types) - len(recipe.priors), 1)
        mean = np.array([recipe.priors.get(name, rest) for name in types])
    return rng.dirichlet(np.maximum(recipe.alpha * len(types) * mean, 1e-3), number)


def uniform(recipe: Simulation, rng: np.random.Generator, number: int, types: Sequence[str]) -> np.ndarray:
    """Uniform numbers divided by their sum (Scaden, simulate): more central than Dirichlet(1)."""
    values = rng.random((number, len(types)))
    return values / values.sum(1, keepdims=True)


def rare(recipe: Simulation, rng: np.random.Generator, number: int, types: Sequence[str]) -> np.ndarray:
    """A random type at 0-5 %, Dirichlet(1) for the others."""
    chosen = rng.integers(0, len(types), number)
    return _one_type(rng, chosen, rng.uniform(0, 0.05, number), len(types))


def purity(recipe: Simulation, rng: np.random.Generator, number: int, types: Sequence[str]) -> np.ndarray:
    """The first type uniform in [low, high] (purity), Dirichlet(1) for the others."""
    return _one_type(rng, np.zeros(number, int), rng.uniform(recipe.low, recipe.high, number), len(types))


def pure(recipe: Simulation, rng: np.random.Generator, number: int, types: Sequence[str]) -> np.ndarray:
    """One random type alone."""
    return np.eye(len(types))[rng.integers(0, len(types), number)]


def integer_weights(recipe: Simulation, rng: np.random.Generator, number: int, types: Sequence[str]) -> np.ndarray:
    """1-32 random types with integer weights 1-99 (UCDBase, PseudoBulkGenerator)."""
    weights = rng.integers(1, 100, (number, len(types))).astype(float)
    kept = rng.integers(1, min(32, len(types)) + 1, number)
    weights *= rng.random(weights.shape).argsort(1).argsort(1) < kept[:, None]
    return weights / weights.sum(1, keepdims=True)


def _one_type(rng: np.random.Generator, chosen: np.ndarray, share: np.ndarray, types: int) -> np.ndarray:
    """Give the chosen type of each mix its share; Dirichlet(1) for the others."""
    rows = np.arange(len(chosen))
    fractions = rng.dirichlet(np.ones(types), len(chosen))
    fractions[rows, chosen] = 0
    fractions *= ((1 - share) / np.maximum(fractions.sum(1), 1e-12))[:, None]
    fractions[rows, chosen] = share
    return fractions / fractions.sum(1, keepdims=True)


LAWS: dict[str, Callable[[Simulation, np.random.Generator, int, Sequence[str]], np.ndarray]] = {
    "dirichlet": dirichlet,
    "uniform": uniform,
    "rare": rare,
    "range": purity,
    "pure": pure,
    "integer_weights": integer_weights,
}
