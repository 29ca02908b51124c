"""nu-support-vector regression, as CIBERSORT uses it (Newman et al. 2015).

    min |w|^2 / 2 + C (nu n epsilon + errors beyond epsilon), for several nu; the one with the least error is kept

The signature is built from the reference or is the user's own (`--signature`). The regression is solved to optimality;
`--set solver=libsvm` gives CIBERSORT's own numbers. Batch correction follows the description of CIBERSORTx.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from unmix.classical.base import Classical, SignatureMethod
from unmix.classical.batch import SAMPLES, adapted, combat
from unmix.classical.signature import Genes
from unmix.classical.svr import cibersort, goodness
from unmix.classical.weights import weighed
from unmix.errors import NotApplicable
from unmix.io.fractions import normalised
from unmix.methods import register
from unmix.settings import Count, CountOrZero, Positive, PositiveShare

if TYPE_CHECKING:
    from unmix.contract.method import Fit, Task
    from unmix.contract.model import Model


class Recipe(Classical):
    """Recipe of nu-support-vector regression."""

    nu: Annotated[tuple[PositiveShare, ...], Field(min_length=1)] = (0.25, 0.5, 0.75)
    """Paper: the one of the three whose fractions reconstruct the sample best is kept. On simulated pseudobulk the one
    kept was seldom the best, and 0.75 alone did better."""
    cost: Positive = 1.0
    """Paper: e1071's default."""
    solver: Literal["interior", "libsvm"] = "interior"
    """``interior``: to optimality; ``libsvm``: as the original."""
    permutations: CountOrZero = 0
    """Paper: 100 to 1,000 random samples give a p-value, written with correlation and error to ``goodness.tsv``. Here
    they permute the sample's own genes, not values of all samples, so that samples do not depend on each other."""
    absolute: bool = False
    """Scores instead of fractions: times the median of the signature's genes over that of all genes, both of the genes
    that the sample expresses (the median of all is 0 in a sparse sample)."""
    batch: Literal["none", "bulk", "cells"] = "none"
    """CIBERSORTx: ``bulk`` (B-mode) estimates, remixes the signature by the estimates, corrects the bulk towards these
    pseudobulk by ComBat and estimates again, so that samples then depend on each other; ``cells`` (S-mode) corrects
    pseudobulk of the cells towards the bulk given at training and learns the signature from those."""
    pseudobulk: Count = 100
    """S-mode: pseudobulk of cells."""


@register
class NuSVRegression(SignatureMethod):
    """Three regressions a sample, the one with the least error kept; negative weights become 0."""

    name = "nusvr"
    recipes = {
        "default": Recipe(
            genes=Genes(rule="differential", least=50, per_type=150, q=0.01), gene_weights="root", nu=(0.75,)
        ),
        "published": Recipe(
            # CIBERSORTx, scRNA-seq signature: q 0.01, 300-500 genes a type
            genes=Genes(rule="differential", least=300, per_type=500, q=0.01)
        ),
    }

    @classmethod
    def transductive_of(cls, recipe: Recipe) -> bool:
        """State that batch correction compares the samples of a bulk."""
        return recipe.batch != "none"

    def fit(self, task: Task) -> Fit:
        """Build the signature, or take the user's; adapt it to the bulk (S-mode); add all genes (absolute mode)."""
        fit, recipe = super().fit(task), task.recipe
        if recipe.batch == "cells":
            if task.bulk is None or task.published:
                raise NotApplicable(
                    "nusvr with batch=cells learns from pseudobulk of cells and from the bulk; one of them is missing",
                    "a signature built from the reference, and the bulk to be estimated",
                    "unmix_train.py REFERENCE --method nusvr --bulk BULK --set batch=cells, without --signature",
                )
            adapted_to_bulk = adapted(task, fit.genes, fit.arrays["signature"], recipe.pseudobulk)
            fit = replace(fit, arrays=fit.arrays | {"signature": adapted_to_bulk}, bulk_values=True)
        if not recipe.absolute:
            return fit
        names = fit.genes if task.published else task.train.genes[fit.genes]
        genes = np.union1d(task.train.genes, names)
        signature = np.zeros((len(fit.arrays["signature"]), len(genes)))
        signature[:, np.searchsorted(genes, names)] = fit.arrays["signature"]
        return replace(fit, genes=genes, arrays=fit.arrays | {"signature": signature}, quantity="score")

    def estimate(self, model: Model, expression: np.ndarray, present: np.ndarray, device: str) -> np.ndarray:
        """Regress every sample; in B-mode once more on the corrected bulk."""
        estimate = super().estimate(model, expression, present, device)
        if self.recipe_of(model).batch != "bulk":
            return estimate
        if len(expression) < SAMPLES:
            raise NotApplicable(
                f"nusvr with batch=bulk was given {len(expression)} bulk sample{'s' * (len(expression) > 1)}",
                f"at least {SAMPLES} samples of one cohort, because ComBat compares them with pseudobulk",
                "add samples of the same cohort, or train with batch=none or batch=cells",
            )
        used = present & model.arrays["signature"].any(0)
        mixed = normalised(estimate) @ model.arrays["signature"][:, used]
        corrected = expression.astype(np.float64)
        corrected[:, used] = combat(corrected[:, used], mixed)[0]
        return super().estimate(model, corrected, present, device)

    def solve(self, learned: dict[str, np.ndarray], sample: np.ndarray, recipe: Recipe) -> np.ndarray:
        """Return the fractions of the types, or absolute scores."""
        if not recipe.absolute:
            return super().solve(learned, sample, recipe)
        used = learned["signature"].any(0)
        fractions = super().solve({"signature": learned["signature"][:, used]}, sample[used], recipe)
        of_signature = sample[used & (sample > 0)]
        return fractions * (np.median(of_signature) / np.median(sample[sample > 0]) if len(of_signature) else 0.0)

    def regress(self, signature: np.ndarray, sample: np.ndarray, recipe: Recipe) -> np.ndarray:
        """Return the fractions of the types."""
        return cibersort(signature, sample, recipe)

    def tables(
        self, model: Model, expression: np.ndarray, present: np.ndarray, device: str, estimate: np.ndarray
    ) -> dict[str, list[list[dict[str, Any]]]]:
        """Return correlation, error and p-value of every sample, where the recipe asks for permutations."""
        recipe, signature = self.recipe_of(model), model.arrays["signature"]
        used = present & signature.any(0)
        if not recipe.permutations:
            return {}
        design, weigh = weighed(signature[:, used], recipe)
        rows = [[goodness(design, weigh(sample), recipe)] if sample.any() else [] for sample in expression[:, used]]
        return {"goodness": rows}
