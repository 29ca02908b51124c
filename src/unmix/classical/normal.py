"""Normal equations of many problems of weighted least squares with one design."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from unmix.classical.solvers import nonnegative

#: Genes of which the products of columns are held at a time.
BLOCK = 1024
#: Added to the diagonal, relative to its mean: types with equal profiles can be solved, and others do not change.
RIDGE = 1e-13
#: Slope, relative to the sum of target times design, above which a type without weight should have one.
SLOPE = 1e-9


def room_for(number: int, genes: int) -> np.ndarray:
    """Return memory for the products of so many columns, which takes longer to get than to fill."""
    return np.empty((number * (number + 1) // 2, min(BLOCK, genes)))


def products(columns: np.ndarray, room: np.ndarray) -> np.ndarray:
    """Return the products of every two columns (columns x genes to pairs x genes), the upper triangle, in `room`."""
    number, genes = columns.shape
    at = 0
    for i, column in enumerate(columns):
        np.multiply(column, columns[i:], out=room[at : at + number - i, :genes])
        at += number - i
    return room[:at, :genes]


def squares(sums: np.ndarray, number: int) -> np.ndarray:
    """Return symmetric matrices (... x number x number) of sums of :func:`products` (... x pairs)."""
    return np.take(sums, _places(number), axis=-1)


@lru_cache(maxsize=8)
def _places(number: int) -> np.ndarray:
    """Return where the product of two columns is in the upper triangle."""
    places, upper = np.zeros((number, number), int), np.triu_indices(number)
    places[upper] = places.T[upper] = np.arange(len(upper[0]))
    return places


def solutions(sums: np.ndarray) -> np.ndarray:
    """Return the solutions (... x types) of normal equations (... x columns x columns, the sample last).

    The last row of the triangle of all columns (Cholesky) is what the first half of a solution gives. The diagonal of
    `sums` is raised.
    """
    types = sums.shape[-1] - 1
    diagonal = np.einsum("...jj->...j", sums)
    diagonal[..., :types] += 1e-12 * diagonal[..., :types].mean(-1, keepdims=True)  # a half may lack genes of a type
    diagonal[..., types] *= 2  # a sample that the types explain leaves nothing
    try:
        lower = np.linalg.cholesky(sums)
    except np.linalg.LinAlgError:  # all types alike but for rounding
        return np.linalg.solve(sums[..., :types, :types], sums[..., :types, types:])[..., 0]
    found = lower[..., types, :types].copy()
    for k in reversed(range(types)):
        found[..., k] /= lower[..., k, k]
        found[..., :k] -= found[..., k, None] * lower[..., k, :k]
    return found


def weighted_solutions(
    design: np.ndarray,
    samples: np.ndarray,
    weights: np.ndarray,
    active: np.ndarray,
    needed: np.ndarray,
    room: np.ndarray,
) -> np.ndarray:
    """Return x >= 0 (samples x types) that minimises the sum over genes of weights (design x - sample)^2.

    The types in `active` are solved for, as if they were those with a weight. Where this is not the optimum, the sample
    is solved on its own (Lawson & Hanson 1974).

    Parameters
    ----------
    design
        Genes x types.
    samples, weights
        Samples x genes.
    active
        Samples x types: where the solution is expected to be above 0.
    needed
        Samples whose solution counts.
    room
        Of :func:`room_for`.
    """
    genes, types = design.shape
    blocks = [slice(start, start + BLOCK) for start in range(0, genes, BLOCK)]
    normal = squares(sum(weights[:, block] @ products(design[block].T, room).T for block in blocks), types)
    normal += RIDGE * np.trace(normal, axis1=1, axis2=2)[:, None, None] / types * np.eye(types)
    goal = (weights * samples) @ design
    held = np.where(active[:, :, None] & active[:, None], normal, np.eye(types))
    x = np.linalg.solve(held, np.where(active, goal, 0)[..., None])[..., 0]
    slope = goal - np.einsum("ijk,ik->ij", normal, x)
    wrong = (x < 0).any(1) | ((slope > SLOPE * np.abs(goal)) & ~active).any(1)
    for i in np.flatnonzero(wrong & needed):
        root = np.sqrt(weights[i])
        x[i] = nonnegative(design * root[:, None], samples[i] * root)
    return x
