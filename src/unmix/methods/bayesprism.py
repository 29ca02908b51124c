"""BayesPrism: every read of a sample comes from one cell type; profiles may adapt to the bulk (Chu et al. 2022).

    reads of a gene ~ multinomial(sum over types of fraction x profile)

Expectation maximisation finds the fixed point near which the mean of the original's Gibbs sampler lies;
`--set sampler=gibbs` samples. `published` refits the profiles to the reads that the training bulk assigns to each type.
Malignant types (`--malignant`) get a profile of their own in every sample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from unmix.classical.base import ClassicalMethod, present_arrays
from unmix.classical.base import Recipe as Base
from unmix.classical.reads import cohort_fractions, cohort_reads, normal, sample_fractions
from unmix.classical.signature import Genes
from unmix.classical.solvers import softmax_map
from unmix.contract.method import Fit, Task
from unmix.errors import NotApplicable
from unmix.io.gene_groups import GROUPS
from unmix.io.units import per_million
from unmix.methods import register
from unmix.settings import Count, CountOrZero, Positive, Rule, Share, ShareBelowOne

if TYPE_CHECKING:
    from unmix.contract.model import Model
    from unmix.reference import Reference

#: Genes that reflect the state of a cell or the quality of a library rather than its type (the authors' advice):
#: ribosomal, mitochondrial, MALAT1. The authors' lists also hold paralogues and the ribosomal proteins of mitochondria.
UNINFORMATIVE = rf"(?i)(?:{GROUPS['ribosomal']}|{GROUPS['mitochondrial']}|RP[LS]\d+[A-Z]?L\d*|MRP[LS]\d+.*|MALAT1)$"


class Recipe(Base):
    """Recipe of BayesPrism."""

    genes: Genes = Genes(rule="expressed", exclude=UNINFORMATIVE)
    """Genes of the model."""
    reads: Literal["fitted", "all"] = "fitted"
    """Fractions of the reads of the model's genes (code), or of all: divided by what these genes have of the mRNA of
    each type, which differs from type to type where they are markers."""
    sampler: Literal["em", "gibbs"] = "em"
    """Expectation maximisation (InstaPrism), or Gibbs sampling (code)."""
    iterations: Count = 200
    """Number of iterations of expectation maximisation (InstaPrism: at least 100)."""
    chain: Count = 1000
    """Code: length of the Gibbs chain."""
    burn: CountOrZero = 500
    """Code: rounds at the start of the Gibbs chain that are not used."""
    thin: Count = 2
    """Code: interval between rounds of the Gibbs chain that are kept."""
    seed: CountOrZero = 123
    """Code: seed of the Gibbs chain of every sample."""
    alpha: Positive = 1.0
    """Code (2.2.3): parameter of the Dirichlet prior of the fractions."""
    pseudo: ShareBelowOne = 1e-8
    """Code: least share of a gene in a profile."""
    outlier: Share = 0.01
    """Code: share of a sample's reads above which a gene is an outlier there. Where no bulk is given at training, the
    types' profiles stand for the samples (our choice)."""
    outlier_samples: Share = 0.1
    """Code: a gene that is an outlier in more than this share of the samples is not used."""
    update: bool = False
    """Whether the profiles adapt to the bulk given at training."""
    sigma: Positive = 2.0
    """Code: deviation (natural log) that the prior allows an updated profile."""

    rules = (Rule(("burn", "chain"), lambda s: s.burn < s.chain, "burn below chain, so that rounds are left to use"),)


@register
class BayesPrism(ClassicalMethod):
    """Fractions of reads under a multinomial model of the reference's profiles."""

    name = "bayesprism"
    layout = {"profile": "amount: types genes", "reference?": "types genes", "malignant?": "int: types"}
    quantity = "mrna"
    expresses = True
    recipes = {
        # by least error on simulated pseudobulk
        "default": Recipe(genes=Genes(rule="markers", exclude=UNINFORMATIVE), reads="all"),
        "published": Recipe(update=True),
    }

    @classmethod
    def transductive_of(cls, recipe: Recipe) -> bool:
        """State that the update learns from the samples of a bulk."""
        return recipe.update

    def fit(self, task: Task) -> Fit:
        """Learn the profiles; update them by the bulk if the recipe says so."""
        fit, recipe = super().fit(task), task.recipe
        if task.bulk is None and recipe.update:
            raise NotApplicable(
                "bayesprism with update=true adapts its profiles to the bulk, and none was given",
                "the bulk to be estimated, in counts",
                "unmix_train.py REFERENCE --method bayesprism --bulk BULK, or --set update=false",
            )
        reads = fit.arrays["profile"] if task.bulk is None else np.nan_to_num(task.bulk[:, fit.genes])
        reads = reads[reads.any(1)]
        shares = reads / reads.sum(1, keepdims=True)
        kept = (shares > recipe.outlier).mean(0) <= recipe.outlier_samples
        profiles = normal(fit.arrays["profile"][:, kept], recipe.pseudo)
        updated = profiles.copy()
        if recipe.update:
            present = ~np.isnan(task.bulk[:, fit.genes[kept]]).any(0)
            own = normal(profiles[:, present], recipe.pseudo)
            assigned = sum(sample_fractions(sample, own, recipe)[1] for sample in reads[:, kept][:, present])
            share = profiles[:, present].sum(1, keepdims=True)
            updated[:, present] = share * softmax_map(own, assigned, recipe.sigma)
        learned = {"profile": updated * fit.arrays["profile"][:, kept].sum(1, keepdims=True)}
        if task.malignant:
            malignant = np.isin(task.train.cell_types, task.malignant)
            learned |= {"malignant": malignant.astype(np.uint8), "reference": profiles}
        facts = {"genes_left_out": int((~kept).sum())}
        # Genes that take too much of the bulk are excluded even where the profiles are not updated
        seen = task.bulk is not None
        return Fit(fit.genes[kept], fit.arrays | learned, facts, fit.quantity, bulk_values=seen)

    def learn(self, cells: Reference, genes: np.ndarray, recipe: Recipe) -> dict[str, np.ndarray]:
        """Return the pooled profile of every type: shares of all of its reads."""
        return {"profile": cells.select(genes=genes).profiles()}

    def solve_cohort(self, learned: dict[str, np.ndarray], samples: np.ndarray, recipe: Recipe) -> np.ndarray:
        """Return the fractions of the samples' reads."""
        fractions = cohort_fractions(learned, samples, recipe)
        return fractions if recipe.reads == "fitted" else fractions / learned["profile"].sum(1)

    def express(self, model: Model, expression: np.ndarray, present: np.ndarray, device: str) -> np.ndarray:
        """Return the reads assigned to each type, per million; a type without reads has its profile."""
        recipe = self.recipe_of(model)
        learned, known = present_arrays(model, present)
        result = np.zeros((len(expression), len(model.cell_types), len(present)))
        samples, places = expression[:, present].astype(np.float64), np.flatnonzero(present)
        result[np.ix_(range(len(samples)), known, places)] = 1e-6 * normal(learned["profile"], recipe.pseudo)
        expressed = np.flatnonzero(samples.any(1))
        for i, reads in zip(expressed, cohort_reads(learned, samples[expressed], recipe), strict=True):
            result[np.ix_([i], known, places)] += reads
        return per_million(result)
