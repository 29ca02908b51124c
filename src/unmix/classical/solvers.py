"""The optimisation problems of the classical methods, as pure functions of arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.contract.blocks import in_blocks
from unmix.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable


def nonnegative(design: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return x >= 0 that minimises ||design x - target|| (Lawson & Hanson 1974)."""
    from scipy.optimize import nnls

    return nnls(design, target)[0]


def for_each(
    solve: Callable[[np.ndarray, np.ndarray], np.ndarray],
    design: np.ndarray,
    targets: Callable[[np.ndarray], np.ndarray],
    samples: np.ndarray,
) -> np.ndarray:
    """Return the solution of every sample (samples x types) of a problem of least squares with one design.

    The design is brought to triangular form once, so that each sample leaves a problem of types x types with the same
    solution (Lawson & Hanson 1974), and not of genes x types.

    Parameters
    ----------
    solve
        Of design and target to the weights of the types, by nothing but the squared error between them.
    design
        Genes x types.
    targets
        Of a block of samples to what the design shall explain in each (samples x genes).
    samples
        Samples x genes.
    """
    q, r = np.linalg.qr(design)
    goals = in_blocks(lambda block: targets(block) @ q, samples)
    return np.stack([solve(r, goal) for goal in goals])


def weighted_nonnegative(
    design: np.ndarray,
    target: np.ndarray,
    variance: np.ndarray,
    size: np.ndarray,
    *,
    nu: float,
    tolerance: float,
    max_iter: int = 1000,
) -> np.ndarray:
    """Iterate weighted non-negative least squares as MuSiC does (Wang 2019, Methods), return the fractions.

    A gene weighs 1 / (nu + residual^2 + sum over types of (x size)^2 variance); the residual is that of the last
    weighted fit, as in the original code.

    Parameters
    ----------
    design
        Genes x types.
    target
        Genes.
    variance
        Genes x types: of the relative profiles between donors.
    size
        Types: total counts of a cell.
    nu, tolerance, max_iter
        Least variance of a gene; change of the fractions (sum of absolute values) below which to stop; largest number
        of iterations.
    """
    x = nonnegative(design, target)
    residual = target - design @ x
    fractions = None
    for _ in range(max_iter + 1):
        root = 1 / np.sqrt(nu + residual**2 + variance @ (x * size) ** 2)
        weighted, goal = design * root[:, None], target * root
        x = nonnegative(weighted, goal)
        residual = goal - weighted @ x
        last, fractions = fractions, x / max(x.sum(), 1e-300)
        if last is not None and np.abs(fractions - last).sum() < tolerance:
            break
    return fractions


def sum_constrained(design: np.ndarray, target: np.ndarray, *, exactly: bool) -> np.ndarray:
    """Return x >= 0 that minimises ||design x - target|| with sum(x) = 1 (`exactly`) or sum(x) <= 1.

    The sum falls monotonically with the multiplier of its constraint; the problem of each multiplier is a non-negative
    one of types x types. While no type enters or leaves, the sum falls linearly, so that the multiplier is found in a
    few steps; where these lead nowhere its root is bracketed.

    Raises
    ------
    DataError
        If numbers are not finite.
    """
    from scipy.linalg import solve_triangular
    from scipy.optimize import brentq

    genes, types = design.shape
    if not design.any():
        return np.full(types, 1 / types)
    largest = np.einsum("gt,gt->t", design, design).max()
    if not (np.isfinite(largest) and np.isfinite(target).all()):
        raise DataError(
            "the numbers of the model leave the range of floating point in this bulk",
            "profiles and samples of usual size",
            "train the model again; if it is your own, check the values of the reference and the bulk",
        )
    system = np.zeros((genes + types, types + 1), order="F")
    system[:genes, :types], system[:genes, types] = design, target
    np.fill_diagonal(system[genes:], 1e-9 * np.sqrt(largest + 1e-300))  # makes types with equal profiles solvable
    triangle = np.linalg.qr(system, mode="r")  # without the orthogonal factor, which takes as long again
    r, goal = triangle[:types, :types], triangle[:types, types]
    shift = solve_triangular(r, np.ones(types), trans="T")

    def at(multiplier: float) -> np.ndarray:
        return nonnegative(r, goal - multiplier * shift)

    free = x = at(0.0)
    if free.sum() == 1 or (free.sum() < 1 and not exactly):
        return free
    multiplier = 0.0
    for _ in range(types):
        if abs(x.sum() - 1) < 1e-14 * types:
            return x / x.sum()
        active = r[:, x > 0]
        normal = active.T @ active + 1e-12 * largest * np.eye(active.shape[1])
        slope = np.linalg.solve(normal, np.ones(len(normal))).sum()
        if not slope > 0:
            break
        multiplier += (x.sum() - 1) / slope
        x = at(multiplier)
    bound = np.sign(free.sum() - 1) * max(np.abs(r.T @ goal).max(), 1e-300)
    while (at(bound).sum() > 1) == (free.sum() > 1):
        bound *= 2
    x = at(brentq(lambda multiplier: at(multiplier).sum() - 1, 0.0, bound, xtol=1e-14 * abs(bound), rtol=1e-14))
    return x / x.sum() if x.any() else np.full(types, 1 / types)  # nothing of the design is in the target


def sum_divided(design: np.ndarray, target: np.ndarray, *, exactly: bool) -> np.ndarray:
    """Return x >= 0 that minimises ||design x - target||, divided by its sum: always (`exactly`) or where it exceeds 1.

    Unlike with :func:`sum_constrained`, a platform that raises all of the target moves no type against another.
    """
    x = nonnegative(design, target)
    return x / max(x.sum(), 1e-300 if exactly else 1.0)


def softmax_map(profiles: np.ndarray, counts: np.ndarray, sigma: float) -> np.ndarray:
    """Return profiles between the given ones and those of observed counts (BayesPrism's reference update).

    Maximum a posteriori of softmax(log profile + gamma), gamma ~ Normal(0, sigma), row by row; a row with a gamma
    beyond 20 has it set to 0 there, as in the original.

    Parameters
    ----------
    profiles, counts
        Types x genes; rows of profiles sum to 1 and have no zero.
    sigma
        Of the prior.
    """
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    def fit(log_profile: np.ndarray, reads: np.ndarray) -> np.ndarray:
        total = reads.sum()

        def loss(gamma: np.ndarray) -> tuple[float, np.ndarray]:
            logs = log_softmax(log_profile + gamma)
            value = -reads @ logs + (gamma @ gamma) / (2 * sigma**2)
            return value, total * np.exp(logs) - reads + gamma / sigma**2

        gamma = minimize(loss, np.zeros(len(reads)), jac=True, method="L-BFGS-B", options={"maxiter": 1000}).x
        return np.exp(log_softmax(log_profile + np.where(np.abs(gamma) > 20, 0, gamma)))

    return np.stack([fit(np.log(row), reads) for row, reads in zip(profiles, counts, strict=True)])


def moderated(variance: np.ndarray, freedom: float) -> np.ndarray:
    """Return variances shrunk towards what they have in common (Smyth 2004, as limma does).

    Parameters
    ----------
    variance
        Of each gene.
    freedom
        Degrees of freedom of each.
    """
    from scipy.optimize import brentq
    from scipy.special import digamma, polygamma

    found = variance > 0
    if freedom <= 0 or found.sum() < 2:
        return np.full(len(variance), variance.mean())
    logs = np.log(variance[found]) - digamma(freedom / 2) + np.log(freedom / 2)
    excess = logs.var(ddof=1) - polygamma(1, freedom / 2)
    if excess <= polygamma(1, 1e6):  # no more than chance: one variance for all
        return np.full(len(variance), np.exp(logs.mean()))
    prior = 2 * brentq(lambda half: polygamma(1, half) - excess, 1e-8, 1e6)
    common = np.exp(logs.mean() + digamma(prior / 2) - np.log(prior / 2))
    return (prior * common + freedom * variance) / (prior + freedom)


def em(reads: np.ndarray, profiles: np.ndarray, iterations: int) -> np.ndarray:
    """Return the fractions of the reads of samples (types last) that make them most likely.

    Parameters
    ----------
    reads
        Of one sample or of several: genes last.
    profiles
        Types x genes, rows sum to 1.
    iterations
        Rounds.
    """
    share = reads / reads.sum(-1, keepdims=True)
    theta = np.full((*reads.shape[:-1], len(profiles)), 1 / len(profiles))
    for _ in range(iterations):
        theta = theta * ((share / (theta @ profiles)) @ profiles.T)
    return theta / theta.sum(-1, keepdims=True)


def gibbs(
    reads: np.ndarray,
    profiles: np.ndarray,
    chain: int,
    burn: int,
    thin: int = 2,
    *,
    alpha: float = 1.0,
    seed: int = 123,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the posterior means of the fractions (types) and of the reads of each type (types x genes).

    Parameters
    ----------
    reads
        Genes; rounded to whole reads.
    profiles
        Types x genes, rows sum to 1.
    chain, burn, thin
        Rounds, rounds at the start that are not used, and the interval between kept rounds.
    alpha
        Of the Dirichlet prior of the fractions.
    seed
        Of the draws.
    """
    rng = np.random.default_rng(seed)
    counts = np.rint(reads).astype(np.int64)
    theta = np.full(len(profiles), 1 / len(profiles))
    mean, assigned = np.zeros(len(profiles)), np.zeros(profiles.shape)
    kept = range(burn, chain, thin)
    for i in range(chain):
        chance = profiles.T * theta
        drawn = rng.multinomial(counts, chance / chance.sum(1, keepdims=True))
        theta = rng.dirichlet(drawn.sum(0) + alpha)
        if i in kept:
            mean += theta
            assigned += drawn.T
    return mean / len(kept), assigned / len(kept)
