"""Fractions by support-vector regression, as CIBERSORT takes them, and how well they fit (Newman et al. 2015)."""

from __future__ import annotations

from typing import Any

import numpy as np

from unmix.classical.solvers import nu_svr


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
