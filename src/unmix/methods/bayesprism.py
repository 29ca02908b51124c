"""BayesPrism: every read of the sample comes from one cell type; the profiles may adapt to the bulk (Chu et al. 2022).

Written from the paper and the description of the code (2.2.3). With its flat prior the Gibbs sampler's mean lies
within 0.01 of the fixed point of expectation maximisation over the same model (InstaPrism's idea), which takes
milliseconds: both recipes take it, and `--set sampler=gibbs` samples (seconds a sample, and as many for each mix by
which intervals are calibrated). `published` refits the profiles to the reads that a bulk given at training assigns
to each type, once for all its samples, and freezes them in the model.
The separate profile of each sample's malignant cells is not part of this file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from unmix.classical import ClassicalMethod
from unmix.classical import Recipe as Base
from unmix.errors import NotApplicable
from unmix.method import Fit, Info, Task
from unmix.registry import register
from unmix.signature import Genes
from unmix.solvers import softmax_map

if TYPE_CHECKING:
    from unmix.simulate import Cells

#: Genes that tell the state of a cell or the quality of a library rather than its type (the authors' advice):
#: ribosomal, mitochondrial, MALAT1.
UNINFORMATIVE = r"(?i)(RP[LS]P?\d+[A-Z]?L?\d*$|RPSA$|MRP[LS]\d+|MT-|MALAT1$)"


@dataclass(frozen=True, kw_only=True)
class Recipe(Base):
    """Recipe of BayesPrism."""

    genes: Genes = field(default_factory=lambda: Genes(rule="expressed", exclude=UNINFORMATIVE))
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


def em(reads: np.ndarray, profiles: np.ndarray, iterations: int) -> np.ndarray:
    """Return the fractions of a sample's reads (types) that make them most likely.

    Parameters
    ----------
    reads
        Genes.
    profiles
        Types x genes, rows sum to 1.
    iterations
        Rounds.
    """
    share = reads / reads.sum()
    theta = np.full(len(profiles), 1 / len(profiles))
    for _ in range(iterations):
        theta = theta * (profiles @ (share / (theta @ profiles)))
    return theta / theta.sum()


def gibbs(reads: np.ndarray, profiles: np.ndarray, recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """Return the posterior means of the fractions (types) and of the reads of each type (types x genes).

    Parameters
    ----------
    reads
        Genes; rounded to whole reads.
    profiles
        Types x genes, rows sum to 1.
    recipe
        `chain`, `burn`, `thin`, `seed`, `alpha`.
    """
    rng = np.random.default_rng(recipe.seed)
    counts = np.rint(reads).astype(np.int64)
    theta = np.full(len(profiles), 1 / len(profiles))
    mean, assigned = np.zeros(len(profiles)), np.zeros(profiles.shape)
    kept = range(recipe.burn, recipe.chain, recipe.thin)
    for i in range(recipe.chain):
        chance = profiles.T * theta
        drawn = rng.multinomial(counts, chance / chance.sum(1, keepdims=True))
        theta = rng.dirichlet(drawn.sum(0) + recipe.alpha)
        if i in kept:
            mean += theta
            assigned += drawn.T
    return mean / len(kept), assigned / len(kept)


def sample_fractions(reads: np.ndarray, profiles: np.ndarray, recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """Return fractions (types) and expected reads of each type (types x genes) with the recipe's sampler."""
    if recipe.sampler == "gibbs":
        return gibbs(reads, profiles, recipe)
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
    )
    kind = "mrna"
    recipes = {
        "default": Recipe(genes=Genes(rule="markers", exclude=UNINFORMATIVE)),  # least error on simulated mixes
        "published": Recipe(update=True),
    }

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
        if recipe.update:
            present = ~np.isnan(task.bulk[:, fit.genes[kept]]).any(0)
            own = normal(profiles[:, present], recipe.pseudo)
            assigned = sum(sample_fractions(sample, own, recipe)[1] for sample in reads[:, kept][:, present])
            share = profiles[:, present].sum(1, keepdims=True)
            profiles[:, present] = share * softmax_map(own, assigned, recipe.sigma)
        return Fit(
            fit.genes[kept], fit.arrays | {"profile": profiles}, {"genes_left_out": int((~kept).sum())}, fit.kind
        )

    def learn(self, cells: Cells, genes: np.ndarray, recipe: Recipe) -> dict[str, np.ndarray]:
        """Return the pooled profile of every type."""
        return {"profile": normal(cells.take(genes=genes).signature(), recipe.pseudo)}

    def solve(self, learned: dict[str, np.ndarray], sample: np.ndarray, recipe: Recipe) -> np.ndarray:
        """Return the fractions of a sample's reads."""
        return sample_fractions(sample, normal(learned["profile"], recipe.pseudo), recipe)[0]


def normal(profiles: np.ndarray, pseudo: float) -> np.ndarray:
    """Return rows that sum to 1 and have nothing below `pseudo` (types x genes)."""
    shares = np.maximum(profiles / np.maximum(profiles.sum(1, keepdims=True), 1e-300), pseudo)
    return shares / shares.sum(1, keepdims=True)
