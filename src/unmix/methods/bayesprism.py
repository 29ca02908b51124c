"""BayesPrism: every read of the sample comes from one cell type; the profiles may adapt to the bulk (Chu et al. 2022).

Written from the paper and the description of the code (2.2.3). With its flat prior the Gibbs sampler's mean lies
within 0.01 of the fixed point of expectation maximisation over the same model (InstaPrism's idea), which takes
milliseconds: both recipes take it, and `--set sampler=gibbs` samples (seconds a sample, and as many for each pseudobulk sample by
which intervals are calibrated). `published` refits the profiles to the reads that a bulk given at training assigns
to each type, once for all its samples, and freezes them in the model. Where the user says which types are malignant
(`--malignant`), these get a profile of their own in every sample, from the reads that the reference's assign to them.
The reads assigned to a type are its expression in the sample (`unmix_express.py`). Cell states are not used: the types'
pooled profiles stand for them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from unmix.classical.base import ClassicalMethod, present_arrays
from unmix.classical.base import Recipe as Base
from unmix.classical.signature import Genes
from unmix.classical.solvers import em, gibbs, softmax_map
from unmix.contract.method import Fit, Info, Task
from unmix.errors import NotApplicable
from unmix.io.units import per_million
from unmix.methods import register

if TYPE_CHECKING:
    from unmix.contract.model import Model
    from unmix.reference import Reference

#: Genes that tell the state of a cell or the quality of a library rather than its type (the authors' advice):
#: ribosomal, mitochondrial, MALAT1.
UNINFORMATIVE = r"(?i)(RP[LS]P?\d+[A-Z]?L?\d*$|RPSA$|MRP[LS]\d+|MT-|MALAT1$)"


@dataclass(frozen=True, kw_only=True)
class Recipe(Base):
    """Recipe of BayesPrism."""

    genes: Genes = field(default_factory=lambda: Genes(rule="expressed", exclude=UNINFORMATIVE))
    reads: Literal["fitted", "all"] = "fitted"
    """Fractions of the reads of the model's genes (code), or of all: divided by what these genes have of the mRNA of
    each type, which differs from type to type where they are markers."""
    sampler: Literal["em", "gibbs"] = "em"
    iterations: int = 200
    """Of expectation maximisation (InstaPrism: at least 100)."""
    chain: int = 1000
    burn: int = 500
    thin: int = 2
    seed: int = 123
    """Code: length of the Gibbs chain, rounds left out at its start, every how-manieth is kept, seed of a sample."""
    alpha: float = 1.0
    """Code (2.2.3): of the Dirichlet prior of the fractions."""
    pseudo: float = 1e-8
    """Code: least share of a gene in a profile."""
    outlier: float = 0.01
    outlier_samples: float = 0.1
    """Code: a gene that takes more than this share of more than this share of the samples is left out. Where no bulk
    is given at training, the types' profiles stand for the samples (our choice)."""
    update: bool = False
    """Whether the profiles adapt to the bulk given at training."""
    sigma: float = 2.0
    """Code: deviation (natural log) that the prior allows an updated profile."""


def sample_fractions(reads: np.ndarray, profiles: np.ndarray, recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """Return fractions (types) and expected reads of each type (types x genes) with the recipe's sampler."""
    if recipe.sampler == "gibbs":
        return gibbs(reads, profiles, recipe.chain, recipe.burn, recipe.thin, alpha=recipe.alpha, seed=recipe.seed)
    theta = em(reads, profiles, recipe.iterations)
    chance = profiles * theta[:, None]
    return theta, chance / chance.sum(0) * reads


@register
class BayesPrism(ClassicalMethod):
    """Fractions of reads under a multinomial model of the reference's profiles."""

    name = "bayesprism"
    info = Info(
        title="BayesPrism",
        family="classical",
        summary="Multinomial model of the reads, all genes weighing by their counts; take it for deep count data.",
        citation="Chu T et al. Cell type and gene expression deconvolution with BayesPrism enables Bayesian "
        "integrative analysis across bulk and single-cell RNA sequencing in oncology. Nature Cancer 3, 505-517 (2022).",
        doi="10.1038/s43018-022-00356-3",
        year=2022,
        licence="GPL-3",
        original="Final fractions of the R package (with update) on omnideconv's small data: within 0.01 by Gibbs and "
        "by EM.",
        chosen="expectation maximisation for the Gibbs sampler (`sampler=gibbs` samples); the update takes the bulk "
        "given at training; a malignant profile keeps one read's worth of the reference's; without a bulk the types' "
        "profiles tell outlier genes; cell states are not used; `default` takes markers, by held-out pseudobulk, and "
        "divides by their share in the mRNA of each type.",
    )
    quantity = "mrna"
    expresses = True
    recipes = {
        # by least error on simulated pseudobulk
        "default": Recipe(genes=Genes(rule="markers", exclude=UNINFORMATIVE), reads="all"),
        "published": Recipe(update=True),
    }

    @classmethod
    def transductive_of(cls, recipe: Recipe) -> bool:
        """Tell that the update learns from the samples of a bulk."""
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
        return Fit(fit.genes[kept], fit.arrays | learned, {"genes_left_out": int((~kept).sum())}, fit.quantity)

    def learn(self, cells: Reference, genes: np.ndarray, recipe: Recipe) -> dict[str, np.ndarray]:
        """Return the pooled profile of every type: shares of all of its reads."""
        return {"profile": cells.select(genes=genes).profiles()}

    def solve(self, learned: dict[str, np.ndarray], sample: np.ndarray, recipe: Recipe) -> np.ndarray:
        """Return the fractions of a sample's reads."""
        fractions = sample_fractions(sample, own_profiles(learned, sample, recipe), recipe)[0]
        return fractions if recipe.reads == "fitted" else fractions / learned["profile"].sum(1)

    def express(self, model: Model, expression: np.ndarray, present: np.ndarray, device: str) -> np.ndarray:
        """Return the reads assigned to each type, per million; a type without reads has its profile."""
        recipe = self.recipe_of(model)
        learned, known = present_arrays(model, present)
        result = np.zeros((len(expression), len(model.cell_types), len(present)))
        for i, sample in enumerate(expression[:, present].astype(np.float64)):
            profiles = own_profiles(learned, sample, recipe)
            reads = sample_fractions(sample, profiles, recipe)[1] if sample.any() else np.zeros(profiles.shape)
            result[np.ix_([i], known, np.flatnonzero(present))] = reads + 1e-6 * profiles
        return per_million(result)


def own_profiles(learned: dict[str, np.ndarray], sample: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Return the profiles of a sample (types x genes): those of malignant types are its own.

    Parameters
    ----------
    learned
        `profile`; and `malignant` (types) and `reference`, the profiles before the update, where types are malignant.
    sample
        Genes.
    recipe
        `sampler`, `pseudo`.
    """
    profiles = normal(learned["profile"], recipe.pseudo)
    malignant = learned.get("malignant", np.zeros(len(profiles))).astype(bool)
    if malignant.any() and sample.any():
        reads = sample_fractions(sample, normal(learned["reference"], recipe.pseudo), recipe)[1]
        profiles[malignant] = normal(reads[malignant] + profiles[malignant], recipe.pseudo)
    return profiles


def normal(profiles: np.ndarray, pseudo: float) -> np.ndarray:
    """Return rows that sum to 1 and have nothing below `pseudo` (types x genes)."""
    shares = np.maximum(profiles / np.maximum(profiles.sum(1, keepdims=True), 1e-300), pseudo)
    return shares / shares.sum(1, keepdims=True)
