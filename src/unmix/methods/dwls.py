"""DWLS: damped weighted least squares, in which rare types and low genes count as well (Tsoucas et al. 2019).

    min sum over genes of (sample - signature f)^2 / (signature f)^2, with weights capped by resampling

`--set solver=ols` and `solver=svr` are the two simpler fits of the original package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from unmix.classical.base import Classical, SignatureMethod
from unmix.classical.halves import capped_sums, random_halves
from unmix.classical.normal import room_for, solutions, squares, weighted_solutions
from unmix.classical.signature import Genes
from unmix.classical.solvers import nonnegative
from unmix.classical.weights import weighed
from unmix.contract.blocks import in_blocks
from unmix.methods import register
from unmix.settings import Count, CountOrZero, NonNegative

if TYPE_CHECKING:
    from unmix.reference import Reference

#: Code: q < 0.01, log2 fold change > 0.5, 50 to 200 genes a type by the condition number, no microRNA genes.
GENES = Genes(rule="differential", least=50, per_type=200, q=0.01, fold=0.5, exclude="MIR")


class Recipe(Classical):
    """Recipe of DWLS."""

    solver: Literal["dwls", "ols", "svr"] = "dwls"
    """Damped weighted least squares, or one of the two other solvers of the package."""
    tolerance: NonNegative = 1e-4
    """Sum of absolute changes of the weights below which to stop, where sample and signature have the same mean.
    Code: 0.01, which leaves fractions up to 0.005 short of the end."""
    max_iter: Count = 1000
    """Code: largest number of iterations."""
    keep: CountOrZero = 4
    """Code: a new solution is averaged with this many copies of the last one."""
    subsets: Count = 100
    """Code: number of random halves of the genes for choosing the damping."""


def dwls(signature: np.ndarray, samples: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Return the weights of the types in samples: reweigh by 1 / (signature x)^2, damped, until nothing changes.

    Parameters
    ----------
    signature
        Genes x types: mean counts of a cell.
    samples
        Samples x genes.
    recipe
        `tolerance`, `max_iter`, `keep`, `subsets`.
    """
    q, r = np.linalg.qr(signature)
    start = np.stack([nonnegative(r, goal) for goal in samples @ q])
    moving = start.any(1)
    x = last = np.where(moving[:, None], start, 1.0)  # what fits nothing is not moved
    room = room_for(signature.shape[1] + 1, len(signature))
    caps = np.array([damping(signature, *pair, recipe.subsets, room) for pair in zip(samples, x, strict=True)])
    for _ in range(recipe.max_iter):
        weights = np.minimum(relative_weights(signature, x), caps[:, None])
        last = weighted_solutions(signature, samples, weights, last > 0, moving, room)
        new = np.where(moving[:, None], (last + recipe.keep * x) / (1 + recipe.keep), x)
        moving, x = moving & (np.abs(new - x).sum(1) > recipe.tolerance), new
        if not moving.any():
            break
    return np.where(start.any(1, keepdims=True), x, 0)


def relative_weights(signature: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return 1 / (signature x)^2 of samples or of one (types last), the least being 1; infinite where it is 0."""
    expected = x @ signature.T
    with np.errstate(divide="ignore"):
        return (expected.max(-1, keepdims=True) / expected) ** 2


def damping(signature: np.ndarray, sample: np.ndarray, x: np.ndarray, subsets: int, room: np.ndarray) -> float:
    """Return the cap on the weights (a power of 2) under which solutions of random halves of the genes vary least.

    Where a half has fewer genes than types nothing can be learned, and no weight is damped (as the original then does).
    """
    genes, types = signature.shape
    weights = relative_weights(signature, x)
    largest = weights[np.isfinite(weights)].max()
    if genes // 2 < types:
        return float(largest)
    caps = 2.0 ** np.arange(max(int(np.ceil(np.log2(largest))), 1))
    halves = random_halves(subsets, genes)
    columns = np.vstack([signature.T, sample])
    found = solutions(squares(capped_sums(caps, weights, halves, columns, room), types + 1))
    totals = found.sum(-1, keepdims=True)
    found *= x.sum() / np.where(totals == 0, 1, totals)
    return float(caps[np.argmin(found.var(1, ddof=1).mean(1))])


def svr(signature: np.ndarray, sample: np.ndarray) -> np.ndarray:
    """Return the weights of nu-support-vector regression, every column and the sample standardised (e1071)."""
    from sklearn.svm import NuSVR

    design = (signature - signature.mean(0)) / np.maximum(signature.std(0, ddof=1), 1e-300)
    target = (sample - sample.mean()) / max(sample.std(ddof=1), 1e-300)
    return np.clip(NuSVR(nu=0.5, C=1.0, kernel="linear").fit(design, target).coef_[0], 0, None)


@register
class DWLS(SignatureMethod):
    """Genes weigh by their expected expression to the power of -2, up to a cap chosen by resampling."""

    name = "dwls"
    quantity = "cell"
    recipes = {
        "default": Recipe(genes=GENES, max_ratio=3),
        "published": Recipe(genes=GENES, tolerance=0.01),
    }

    def learn(self, cells: Reference, genes: np.ndarray, recipe: Recipe) -> dict[str, np.ndarray]:
        """Return the mean counts of a cell of each type, so that weights are those of cells."""
        return {"signature": cells.select(genes=genes).profiles("counts_per_cell")}

    def solve_cohort(self, learned: dict[str, np.ndarray], samples: np.ndarray, recipe: Recipe) -> np.ndarray:
        """Return the weights of the types, of blocks of samples."""
        if recipe.solver != "dwls":
            return super().solve_cohort(learned, samples, recipe)
        design, weigh = weighed(learned["signature"], recipe)
        return in_blocks(lambda block: dwls(design, weigh(block), recipe), samples)

    def regress(self, signature: np.ndarray, sample: np.ndarray, recipe: Recipe) -> np.ndarray:
        """Return the weights of the types."""
        if recipe.solver == "dwls":
            return dwls(signature, sample[None], recipe)[0]
        return svr(signature, sample) if recipe.solver == "svr" else nonnegative(signature, sample)
