"""Fractions by support-vector regression, as CIBERSORT takes them, and how well they fit (Newman et al. 2015)."""

from __future__ import annotations

from typing import Any

import numpy as np


def cibersort(signature: np.ndarray, sample: np.ndarray, recipe: Any) -> np.ndarray:
    """Return fractions: regress z-scored sample on z-scored signature for every nu, keep the least error.

    Parameters
    ----------
    signature
        Genes x types, linear; standardised as a whole, not by column.
    sample
        Genes, linear.
    recipe
        `nu`, `cost`, `solver`.
    """
    design, target = standardised(signature, sample)
    best, least = np.full(signature.shape[1], 1 / signature.shape[1]), np.inf
    for nu in recipe.nu:
        weights = np.clip(coefficients(design, target, nu, recipe), 0, None)
        if not weights.any():
            continue
        fractions = weights / weights.sum()
        error = ((design @ fractions - target) ** 2).mean()
        if error < least:
            best, least = fractions, error
    return best


def standardised(signature: np.ndarray, sample: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return z-scores of the whole signature and of the sample."""
    design = (signature - signature.mean()) / signature.std(ddof=1)
    return design, (sample - sample.mean()) / max(sample.std(ddof=1), 1e-300)


def coefficients(design: np.ndarray, target: np.ndarray, nu: float, recipe: Any) -> np.ndarray:
    """Return the coefficients of one regression."""
    if recipe.solver == "interior":
        return nu_svr(design, target, nu, recipe.cost)
    from sklearn.svm import NuSVR

    return NuSVR(nu=nu, C=recipe.cost, kernel="linear").fit(design, target).coef_[0]


def goodness(signature: np.ndarray, sample: np.ndarray, recipe: Any) -> dict[str, float]:
    """Return how well the signature fits the sample, and the share of random samples that it fits as well.

    Parameters
    ----------
    signature
        Genes x types, linear.
    sample
        Genes, linear.
    recipe
        `permutations` and those of the regression.
    """

    def fit(values: np.ndarray) -> tuple[float, float]:
        design, target = standardised(signature, values)
        found = design @ cibersort(signature, values, recipe)
        return np.corrcoef(found, target)[0, 1], np.sqrt(((found - target) ** 2).mean())

    rng, (r, rmse) = np.random.default_rng(len(sample)), fit(sample)
    null = [fit(rng.permutation(sample))[0] for _ in range(recipe.permutations)]
    return {"r": r, "rmse": rmse, "p": (1 + sum(other >= r for other in null)) / (1 + len(null))}


def nu_svr(design: np.ndarray, target: np.ndarray, nu: float, cost: float = 1.0, tolerance: float = 1e-9) -> np.ndarray:
    """Return the coefficients of linear nu-support-vector regression (Schoelkopf 2000), solved to optimality.

    Minimises |w|^2 / 2 + cost (nu n epsilon + sum of what exceeds epsilon), with intercept. A primal-dual interior
    point method (Mehrotra's predictor and corrector) on the dual: every step solves a system of types + 2 unknowns,
    where the decomposition of libsvm takes time with the square of the genes.

    Parameters
    ----------
    design
        Genes x types.
    target
        Genes.
    nu, cost
        Bound on the share of genes outside the tube; weight of the errors.
    tolerance
        Of the complementarity and the residuals, relative to the scale of the problem.
    """
    n, types = design.shape
    full = np.hstack([design, np.ones((n, 1))])  # with the intercept
    goal = np.concatenate([target, -target])
    budget = cost * nu * n
    u = np.full(2 * n, min(budget / (2 * n), cost * 0.5))  # multipliers of points above and below the tube
    low, high = np.ones(2 * n), np.ones(2 * n)  # multipliers of 0 <= u and of u <= cost
    t = np.zeros(types + 2)  # coefficients, intercept, half-width of the tube
    keep = np.append(np.ones(types), [0.0, 0.0])
    scale = 1 + np.abs(target).max()

    def spread(v: np.ndarray) -> np.ndarray:
        fitted = full @ v[:-1]
        return np.concatenate([fitted + v[-1], v[-1] - fitted])

    def gather(v: np.ndarray) -> np.ndarray:
        return np.append(full.T @ (v[:n] - v[n:]), v.sum())

    wanted = np.zeros(types + 2)
    wanted[-1] = budget
    for _ in range(100):
        room = cost - u
        primal = keep * t + wanted - gather(u)
        dual = goal - spread(t) + low - high
        gap = (u @ low + room @ high) / (2 * n)
        if max(gap, np.abs(primal).max() / n, np.abs(dual).max()) < tolerance * scale:
            break
        inverse = 1 / (low / u + high / room)
        both, difference = inverse[:n] + inverse[n:], inverse[:n] - inverse[n:]
        system = np.empty((types + 2, types + 2))
        system[:-1, :-1] = full.T @ (full * both[:, None])
        system[:-1, -1] = system[-1, :-1] = full.T @ difference
        system[-1, -1] = both.sum()
        system[np.diag_indices(types)] += 1

        def step(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, ...]:
            """Solve for given complementarity residuals of the two bounds."""
            right = dual + first / u - second / room  # noqa: B023 - used within this round
            moved = np.linalg.solve(system, gather(inverse * right) - primal)  # noqa: B023
            du = inverse * (right - spread(moved))  # noqa: B023
            return du, (first - low * du) / u, (second + high * du) / room, moved  # noqa: B023

        du, dlow, dhigh, _ = step(-u * low, -room * high)
        length = _longest((u, du), (room, -du), (low, dlow), (high, dhigh))
        ahead = (u + length * du) @ (low + length * dlow) + (room - length * du) @ (high + length * dhigh)
        centre = gap * (ahead / (2 * n * gap)) ** 3
        du, dlow, dhigh, dt = step(centre - u * low - du * dlow, centre - room * high + du * dhigh)
        length = 0.995 * _longest((u, du), (room, -du), (low, dlow), (high, dhigh))
        u, low, high, t = u + length * du, low + length * dlow, high + length * dhigh, t + length * dt
    return t[:types]


def _longest(*pairs: tuple[np.ndarray, np.ndarray]) -> float:
    """Return the longest step, up to 1, that keeps every value positive."""
    return min(1.0, *(1 / max(float((-change / value).max()), 1e-300) for value, change in pairs))
