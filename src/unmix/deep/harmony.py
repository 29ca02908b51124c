"""Harmony-Symphony correction as frozen preprocessing: what Harmony learned of the donors, as arrays of the model.

Harmony (Korsunsky et al. 2019) aligns the donors of a reference in principal components: clusters of alike pseudobulk
in which every donor takes part. Symphony (Kang et al. 2021) maps a new sample into that space: scale its genes as the
reference's, project, find its clusters, move it towards what the reference is there. With one sample as its own batch
that last step is a closed form, so a sample's result depends on that sample and the model only, and predicting needs
numpy alone; symphonypy, which maps all samples of a file as one batch, gives the same numbers for a file of one sample
(tests/unit/test_harmony.py). Only fitting needs the package harmonypy.

The original (HASCAD's HS_main.R) maps bulk onto single cells, takes the logarithm of the query twice and puts its rows
in another order than the genes of the reference. Here the reference is made of pseudobulk of single donors, since what
is mapped are pseudobulk (our choice); logarithm and order of genes are those of the network's input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from unmix.errors import NotApplicable
from unmix.settings import MOST, Count, NonNegative, Settings

if TYPE_CHECKING:
    from unmix.deep.preprocessing import Transform

#: Ridge penalty of the correction (Symphony's default) and width of the soft clusters (Harmony's).
PENALTY, SIGMA = 1.0, 0.1
#: Scaled expression is cut off there (symphony::scaleDataWithStats).
CLIP = 10.0
#: Pseudobulk of the reference for each cluster, at least (Harmony's default).
PER_CLUSTER = 30


class Harmony(Settings):
    """Settings of Harmony, as in HASCAD's HS_main.R."""

    components: Count = 100
    """Principal components in which donors are aligned, at most."""
    theta: NonNegative = 3.0
    """Penalty for clusters that are dominated by single donors."""
    clusters: Annotated[int, Field(ge=2, le=MOST)] = 100
    """Clusters of pseudobulk, at most; never more than one for 30 pseudobulk."""
    max_iter: Count = 20
    """Largest number of iterations of clustering and correction."""


@dataclass(frozen=True)
class Correction:
    """What Harmony learned, and Symphony's map of one sample.

    Attributes
    ----------
    mean, deviation
        Of every gene in the reference.
    loadings
        Genes x components.
    sums
        Sums of the aligned reference over each soft cluster (clusters x components).
    sizes
        Size of each soft cluster.
    """

    mean: np.ndarray
    deviation: np.ndarray
    loadings: np.ndarray
    sums: np.ndarray
    sizes: np.ndarray

    @classmethod
    def fit(cls, values: np.ndarray, donors: np.ndarray, recipe: Harmony, seed: int) -> Correction:
        """Align the donors of a reference.

        Parameters
        ----------
        values
            Pseudobulk x genes, as the network would see them.
        donors
            Donor of each pseudobulk sample.
        recipe
            Settings of Harmony.
        seed
            Of Harmony's first clusters.

        Raises
        ------
        NotApplicable
            If there is one donor only.
        """
        if len(np.unique(donors)) < 2:
            raise NotApplicable(
                "the Harmony correction aligns donors, and the reference names one only",
                "cells of two donors or more",
                "name the column of donors (unmix_reference.py ... --donor-key KEY), or --set correction=none",
            )
        import pandas as pd
        from harmonypy import run_harmony

        mean, deviation = values.mean(0), values.std(0)
        deviation = np.where(deviation > 0, deviation, np.inf).astype(np.float32)  # a constant gene has no information
        scaled = np.clip((values - mean) / deviation, -CLIP, CLIP).astype(np.float64)
        number = min(recipe.components, min(scaled.shape) - 1)
        _, vectors = np.linalg.eigh(scaled.T @ scaled)
        loadings = vectors[:, ::-1][:, :number]
        loadings = loadings * np.sign(loadings.sum(0) + 1e-12)  # a vector and its negative are the same component
        aligned = run_harmony(
            scaled @ loadings,
            pd.DataFrame({"donor": donors.astype(str)}),
            "donor",
            theta=recipe.theta,
            sigma=SIGMA,
            nclust=max(2, min(recipe.clusters, len(values) // PER_CLUSTER)),
            max_iter_harmony=recipe.max_iter,
            random_state=seed,
            ncores=1,
            verbose=False,
        )
        clusters = np.asarray(aligned.R)  # samples x clusters
        return cls(mean, deviation, loadings, clusters.T @ np.asarray(aligned.Z_corr), clusters.sum(0))

    def map(self, values: np.ndarray) -> np.ndarray:
        """Return the aligned components of samples x genes, every sample on its own (Symphony's mapQuery)."""
        scaled = np.clip((values - self.mean) / self.deviation, -CLIP, CLIP)
        found = scaled @ self.loadings
        centres = self.sums / np.linalg.norm(self.sums, axis=1, keepdims=True)
        direction = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
        closeness = -2 * (1 - direction @ centres.T) / SIGMA
        share = np.exp(closeness - closeness.max(1, keepdims=True))
        share /= share.sum(1, keepdims=True)
        # Ridge regression of sample and reference on "is the sample", weighted by cluster, solved by hand: the
        # 2 x 2 matrix [[share + size, share], [share, share + penalty]]
        determinant = share * PENALTY + self.sizes * share + self.sizes * PENALTY
        weight = share**2 * self.sizes / determinant
        return found - weight.sum(1, keepdims=True) * found + (weight / self.sizes) @ self.sums

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Return corrected expression, samples x genes, scaled per gene."""
        return (self.map(values) @ self.loadings.T).astype(np.float32)


@dataclass(frozen=True)
class Corrected:
    """A transform followed by a correction; takes the place of :class:`unmix.deep.preprocessing.Transform`."""

    transform: Transform
    correction: Correction

    def __call__(self, expression: np.ndarray, present: np.ndarray | None = None) -> np.ndarray:
        """Transform and correct samples x genes, one by one."""
        return self.correction(self.transform(expression, present))

    @property
    def neutral(self) -> np.ndarray:
        """Return what an average sample becomes."""
        return self.correction(self.transform.neutral[None])[0]

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the frozen state for the model file."""
        own = {f"harmony.{name}": value.astype(np.float32) for name, value in vars(self.correction).items()}
        return {**self.transform.arrays(), **own}

    @classmethod
    def from_arrays(cls, transform: Transform, arrays: dict[str, np.ndarray]) -> Corrected:
        """Rebuild from :meth:`arrays`."""
        names = Correction.__dataclass_fields__
        return cls(transform, Correction(**{name: arrays[f"harmony.{name}"] for name in names}))
