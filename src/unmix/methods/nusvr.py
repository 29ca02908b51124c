"""nu-support-vector regression, as CIBERSORT uses it (Newman et al. 2015); written from the description.

CIBERSORT itself may not be passed on and is not contained here, nor is its signature LM22: the signature is built
from the reference. Both recipes solve the regression to optimality, in a twentieth of the time that libsvm takes;
`--set solver=libsvm` gives CIBERSORT's own numbers, which its loose stopping rule leaves up to 0.002 short.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from unmix.classical import Classical, SignatureMethod
from unmix.method import Info
from unmix.registry import register
from unmix.signature import Genes
from unmix.solvers import nu_svr


@dataclass(frozen=True, kw_only=True)
class Recipe(Classical):
    """Recipe of nu-support-vector regression."""

    nu: tuple[float, ...] = (0.25, 0.5, 0.75)
    """Paper: the one of the three whose fractions reconstruct the sample best is kept. On simulated mixes the one
    kept was seldom the best, and 0.75 alone did better."""
    cost: float = 1.0
    """Paper: e1071's default."""
    solver: Literal["interior", "libsvm"] = "interior"
    """``interior``: to optimality; ``libsvm``: as the original."""


def cibersort(signature: np.ndarray, sample: np.ndarray, recipe: Recipe) -> np.ndarray:
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
    design = (signature - signature.mean()) / signature.std(ddof=1)
    target = (sample - sample.mean()) / max(sample.std(ddof=1), 1e-300)
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


def coefficients(design: np.ndarray, target: np.ndarray, nu: float, recipe: Recipe) -> np.ndarray:
    """Return the coefficients of one regression."""
    if recipe.solver == "interior":
        return nu_svr(design, target, nu, recipe.cost)
    from sklearn.svm import NuSVR

    return NuSVR(nu=nu, C=recipe.cost, kernel="linear").fit(design, target).coef_[0]


@register
class NuSVRegression(SignatureMethod):
    """Three regressions a sample, the one with the least error kept; negative weights become 0."""

    name = "nusvr"
    info = Info(
        title="nu-support-vector regression (CIBERSORT-like)",
        family="classical",
        summary="The robust regression behind CIBERSORT, over a signature built from your reference.",
        citation="Newman AM et al. Robust enumeration of cell subsets from tissue expression profiles. "
        "Nature Methods 12, 453-457 (2015).",
        doi="10.1038/nmeth.3337",
        year=2015,
        licence="Stanford, non-commercial, not redistributable (not contained)",
    )
    recipes = {
        "default": Recipe(genes=Genes(rule="differential", least=50, per_type=150, q=0.01), weights="root", nu=(0.75,)),
        "published": Recipe(
            # CIBERSORTx, scRNA-seq signature: q 0.01, 300-500 genes a type
            genes=Genes(rule="differential", least=300, per_type=500, q=0.01)
        ),
    }

    def regress(self, signature: np.ndarray, sample: np.ndarray, recipe: Recipe) -> np.ndarray:
        """Return the fractions of the types."""
        return cibersort(signature, sample, recipe)
