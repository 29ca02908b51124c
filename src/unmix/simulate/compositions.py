"""Composition distributions of simulated pseudobulk. Each returns samples x types, rows summing to 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from unmix.simulate.recipe import Simulation


def fractions(recipe: Simulation, rng: np.random.Generator, number: int, types: Sequence[str]) -> np.ndarray:
    """Draw by the composition of the recipe, or every pseudobulk sample by one of its `compositions`."""
    if not recipe.compositions:
        return COMPOSITIONS[recipe.composition](recipe, rng, number, types)
    shares = np.array(list(recipe.compositions.values()))
    chosen = rng.choice(len(shares), number, p=shares / shares.sum())
    drawn = np.empty((number, len(types)))
    for k, name in enumerate(recipe.compositions):
        drawn[chosen == k] = COMPOSITIONS[name](recipe, rng, int((chosen == k).sum()), types)
    return drawn


def dirichlet(recipe: Simulation, rng: np.random.Generator, number: int, types: Sequence[str]) -> np.ndarray:
    """Dirichlet(alpha); with `priors`, the named types have those means and the others share the rest."""
    return rng.dirichlet(np.maximum(recipe.alpha * len(types) * _means(recipe, types), 1e-3), number)


def uniform(recipe: Simulation, rng: np.random.Generator, number: int, types: Sequence[str]) -> np.ndarray:
    """Uniform numbers divided by their sum (Scaden, simulate): more central than Dirichlet(1)."""
    values = rng.random((number, len(types)))
    return values / values.sum(1, keepdims=True)


def rare(recipe: Simulation, rng: np.random.Generator, number: int, types: Sequence[str]) -> np.ndarray:
    """A random type at 0-5 %, Dirichlet(1) for the others."""
    chosen = rng.integers(0, len(types), number)
    return _one_type(rng, chosen, rng.uniform(0, 0.05, number), len(types))


def purity(recipe: Simulation, rng: np.random.Generator, number: int, types: Sequence[str]) -> np.ndarray:
    """The first type uniform from 0 to 1 (purity), Dirichlet(1) for the others."""
    return _one_type(rng, np.zeros(number, int), rng.uniform(0, 1, number), len(types))


def pure(recipe: Simulation, rng: np.random.Generator, number: int, types: Sequence[str]) -> np.ndarray:
    """One random type alone."""
    return np.eye(len(types))[rng.integers(0, len(types), number)]


def integer_weights(recipe: Simulation, rng: np.random.Generator, number: int, types: Sequence[str]) -> np.ndarray:
    """1-32 random types with integer weights 1-99 (UCDBase, PseudoBulkGenerator)."""
    weights = rng.integers(1, 100, (number, len(types))).astype(float)
    kept = rng.integers(1, min(32, len(types)) + 1, number)
    weights *= rng.random(weights.shape).argsort(1).argsort(1) < kept[:, None]
    return weights / weights.sum(1, keepdims=True)


def prior_ranges(recipe: Simulation, rng: np.random.Generator, number: int, types: Sequence[str]) -> np.ndarray:
    """Every type uniform from nothing to twice its expected fraction, divided by the sum (Digitaldlsorter, set 1).

    The original takes both ends of the range from the user; ours has the expected fraction, `priors`, in its middle.
    """
    values = 2 * _means(recipe, types) * rng.random((number, len(types)))
    return values / values.sum(1, keepdims=True)


def permuted_ranges(recipe: Simulation, rng: np.random.Generator, number: int, types: Sequence[str]) -> np.ndarray:
    """As prior_ranges, for other types than the priors mean (Digitaldlsorter, set 6; digitalDLSorteR, set 2)."""
    return rng.permuted(prior_ranges(recipe, rng, number, types), axis=1)


def fill(recipe: Simulation, rng: np.random.Generator, number: int, types: Sequence[str]) -> np.ndarray:
    """Types in random order each take a uniform part of what is left, the last all of it (Digitaldlsorter, set 2)."""
    return _filled(np.ones(len(types)), rng, number)


def bounded_fill(recipe: Simulation, rng: np.random.Generator, number: int, types: Sequence[str]) -> np.ndarray:
    """As fill, but no type takes more than twice its expected fraction, before division by the sum (set 3)."""
    return _filled(2 * _means(recipe, types), rng, number)


def permuted_fill(recipe: Simulation, rng: np.random.Generator, number: int, types: Sequence[str]) -> np.ndarray:
    """As bounded_fill, for other types than the priors mean (Digitaldlsorter, set 4)."""
    return rng.permuted(bounded_fill(recipe, rng, number, types), axis=1)


def _means(recipe: Simulation, types: Sequence[str]) -> np.ndarray:
    """Return the expected fraction of every type: that of `priors`; the others share the rest."""
    rest = (1 - sum(recipe.priors.values())) / max(len(types) - len(recipe.priors), 1)
    return np.array([recipe.priors.get(name, rest) for name in types])


def _filled(most: np.ndarray, rng: np.random.Generator, number: int) -> np.ndarray:
    """Give types in random order a uniform part of what is left, up to `most`; the last takes what it may."""
    fractions, left = np.zeros((number, len(most))), np.ones(number)
    order = rng.random(fractions.shape).argsort(1)
    for place, column in enumerate(order.T):
        part = 1.0 if place == len(most) - 1 else rng.random(number)
        taken = part * np.minimum(left, most[column])
        fractions[np.arange(number), column] = taken
        left -= taken
    return fractions / fractions.sum(1, keepdims=True)


def _one_type(rng: np.random.Generator, chosen: np.ndarray, share: np.ndarray, types: int) -> np.ndarray:
    """Give the chosen type of each pseudobulk sample its share; Dirichlet(1) for the others."""
    rows = np.arange(len(chosen))
    fractions = rng.dirichlet(np.ones(types), len(chosen))
    fractions[rows, chosen] = 0
    fractions *= ((1 - share) / np.maximum(fractions.sum(1), 1e-12))[:, None]
    fractions[rows, chosen] = share
    return fractions / fractions.sum(1, keepdims=True)


COMPOSITIONS: dict[str, Callable[[Simulation, np.random.Generator, int, Sequence[str]], np.ndarray]] = {
    "dirichlet": dirichlet,
    "uniform": uniform,
    "rare": rare,
    "range": purity,
    "pure": pure,
    "integer_weights": integer_weights,
    "prior_ranges": prior_ranges,
    "permuted_ranges": permuted_ranges,
    "fill": fill,
    "bounded_fill": bounded_fill,
    "permuted_fill": permuted_fill,
}
