"""DWLS: damped weighted least squares, in which rare types and low genes count as well (Tsoucas et al. 2019).

    min sum over genes of (sample - signature f)^2 / (signature f)^2, with weights capped by resampling

`--set solver=ols` and `solver=svr` are the two simpler fits of the original package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from unmix.classical.base import Classical, SignatureMethod
from unmix.classical.halves import parted_sums, random_halves
from unmix.classical.signature import Genes
from unmix.classical.solvers import nonnegative
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


def dwls(signature: np.ndarray, sample: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Return the weights of the types: reweigh by 1 / (signature x)^2, damped, until nothing changes.

    Parameters
    ----------
    signature
        Genes x types: mean counts of a cell.
    sample
        Genes.
    recipe
        `tolerance`, `max_iter`, `keep`, `subsets`.
    """
    x = nonnegative(signature, sample)
    if not x.any():
        return x
    cap = damping(signature, sample, x, recipe.subsets)
    for _ in range(recipe.max_iter):
        root = np.sqrt(np.minimum(relative_weights(signature, x), cap))
        new = (nonnegative(signature * root[:, None], sample * root) + recipe.keep * x) / (1 + recipe.keep)
        change, x = np.abs(new - x).sum(), new
        if change <= recipe.tolerance:
            break
    return x


def relative_weights(signature: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return 1 / (signature x)^2, the least being 1; infinite where nothing is expected."""
    expected = signature @ x
    with np.errstate(divide="ignore"):
        return (expected.max() / expected) ** 2


def damping(signature: np.ndarray, sample: np.ndarray, x: np.ndarray, subsets: int) -> float:
    """Return the cap on the weights (a power of 2) under which solutions of random halves of the genes vary least.

    All caps share the sums over the genes of a half, since a cap parts the genes, ordered by weight, in two: those
    below it keep their weight, the others have that of the cap. Where a half has fewer genes than types nothing can
    be learned, and no weight is damped (as the original then does).
    """
    genes, types = signature.shape
    if genes // 2 < types:
        return np.inf
    weights = relative_weights(signature, x)
    largest = weights[np.isfinite(weights)].max()
    caps = 2.0 ** np.arange(max(int(np.ceil(np.log2(largest))), 1))
    halves = random_halves(subsets, genes)
    below, above = parted_sums(caps, weights, halves, np.column_stack([signature, sample]))
    pairs = np.zeros((types + 1, types + 1), int)
    upper = np.triu_indices(types + 1)
    pairs[upper] = pairs.T[upper] = np.arange(len(upper[0]))  # where the product of two columns is
    variances = []
    for cap, kept, capped in zip(caps, below, above, strict=True):
        products = np.take(kept + cap * capped, pairs, axis=1)
        normal, goal = products[:, :types, :types], products[:, :types, types:]
        scale = np.trace(normal, axis1=1, axis2=2)[:, None, None] / types
        # A half without genes of a type can still be solved
        solutions = np.linalg.solve(normal + 1e-12 * scale * np.eye(types), goal)[..., 0]
        totals = solutions.sum(1, keepdims=True)
        solutions *= x.sum() / np.where(totals == 0, 1, totals)
        variances.append(solutions.var(0, ddof=1).mean())
    return float(caps[np.argmin(variances)])


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

    def regress(self, signature: np.ndarray, sample: np.ndarray, recipe: Recipe) -> np.ndarray:
        """Return the weights of the types."""
        if recipe.solver == "dwls":
            return dwls(signature, sample, recipe)
        return svr(signature, sample) if recipe.solver == "svr" else nonnegative(signature, sample)
