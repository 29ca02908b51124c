"""Preprocessing as pure functions whose state is frozen in the model.

What a network sees of a sample depends on that sample and on the model alone, never on other samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from unmix.errors import DataError
from unmix.io.units import per_million
from unmix.reference.markers import MARKER_OFFSET, markers

if TYPE_CHECKING:
    from unmix.deep.recipe import Prep
    from unmix.reference import Reference


def select_genes(prep: Prep, cells: Reference, pseudobulk: np.ndarray) -> np.ndarray:
    """Return the indices of the genes a model uses, in the reference's order.

    Parameters
    ----------
    prep
        `genes` names the rule.
    cells
        Training cells.
    pseudobulk
        Linear expression (samples x genes) over all genes of `cells`; its variance is used by ``variance``.

    Raises
    ------
    DataError
        If no gene passes.
    """
    if prep.genes == "markers":
        chosen = markers(1e6 * cells.unmerged().profiles(), prep.per_type)
    elif prep.genes == "variance":
        variance = pseudobulk.var(0)
        chosen = np.flatnonzero(variance > prep.min_variance)
        if prep.top:
            chosen = np.sort(np.argsort(-variance, kind="stable")[: prep.top])
    else:
        chosen = np.flatnonzero(pseudobulk.any(0))
    if len(chosen) == 0:
        raise DataError(
            f"no gene passes the selection {prep.genes!r}",
            "genes that differ between cell types",
            "check that the reference holds counts and that its cell types are distinct",
        )
    return chosen


def arranged(order: str, chosen: np.ndarray, names: np.ndarray, pseudobulk: np.ndarray) -> np.ndarray:
    """Return the chosen genes in the order that a recipe declares.

    Parameters
    ----------
    order
        ``reference``, ``name`` or ``correlation`` (average linkage; its leaves from left to right).
    chosen
        Indices of the genes.
    names
        Of all genes.
    pseudobulk
        Linear expression (samples x all genes) of training pseudobulk; used by ``correlation``.
    """
    if order == "name":
        return chosen[np.argsort(names[chosen], kind="stable")]
    if order == "correlation" and len(chosen) > 2:
        from scipy.cluster.hierarchy import leaves_list, linkage

        logs = np.log2(per_million(pseudobulk) + MARKER_OFFSET)[:, chosen].T
        logs -= logs.mean(1, keepdims=True)
        logs /= np.maximum(np.linalg.norm(logs, axis=1, keepdims=True), 1e-12)
        return chosen[leaves_list(linkage(logs, "average"))]
    return chosen


@dataclass
class Transform:
    """Linear expression over the model's genes to network input; fitted on training pseudobulk.

    Attributes
    ----------
    prep
        The recipe.
    share
        Mean share of every gene in the summed expression of training pseudobulk.
    neutral
        Mean network input of every gene over training pseudobulk, for genes that a bulk lacks.
    mean, deviation
        Per gene, over training pseudobulk, before `gene` scaling.
    idf
        Inverse document frequency (DeepDecon) or ones.
    """

    prep: Prep
    share: np.ndarray
    neutral: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    idf: np.ndarray

    @classmethod
    def fit(cls, prep: Prep, pseudobulk: np.ndarray) -> Transform:
        """Fit on linear expression of training pseudobulk (samples x genes)."""
        genes = pseudobulk.shape[1]
        totals = pseudobulk.sum(1, keepdims=True)
        share = (pseudobulk / np.maximum(totals, 1e-12)).mean(0)
        zeros, ones = np.zeros(genes, np.float32), np.ones(genes, np.float32)
        idf = np.log1p(len(pseudobulk) / (pseudobulk.sum(0) + 1)).astype(np.float32) if prep.tfidf else ones
        transform = cls(prep, share, zeros, zeros, ones, idf)
        values = transform._sample_scaled(pseudobulk, np.ones(genes, bool))
        transform.mean, transform.deviation = values.mean(0), np.maximum(values.std(0), 1e-6)
        transform.neutral = zeros if prep.gene == "z" else transform.mean
        return transform

    def __call__(self, expression: np.ndarray, present: np.ndarray | None = None) -> np.ndarray:
        """Transform samples x genes; genes that are not `present` get their neutral value."""
        if present is None or self.prep.missing == "zero":
            present = np.ones(len(self.share), bool)
        values = self._sample_scaled(expression, present)
        if self.prep.gene == "z":
            values = (values - self.mean) / self.deviation
        if not present.all():
            values[:, ~present] = self.neutral[~present]
        return values

    def _sample_scaled(self, expression: np.ndarray, present: np.ndarray) -> np.ndarray:
        """Apply depth, logarithm and scaling within each sample over the genes that are present."""
        prep = self.prep
        values = np.array(expression, dtype=np.float32)
        values[:, ~present] = 0
        if prep.depth:
            goal = prep.depth * self.share[present].sum()
            values *= goal / np.maximum(values.sum(1, keepdims=True), 1e-12)
        if prep.tfidf:
            values *= self.idf / np.maximum(values.sum(1, keepdims=True), 1e-12)
        if prep.log != "none":
            logarithm = np.log2 if prep.log == "log2" else np.log
            values = logarithm(values + np.float32(prep.pseudocount))
        inside = np.ascontiguousarray(values[:, present])
        if prep.sample == "clipped":
            middle, reach = inside.mean(1, keepdims=True), 10 * inside.std(1, keepdims=True)
            values = np.clip(values, middle - reach, middle + reach)
            inside = np.ascontiguousarray(values[:, present])
        if prep.sample in ("minmax", "clipped"):
            low, high = inside.min(1, keepdims=True), inside.max(1, keepdims=True)
            values = (values - low) / np.maximum(high - low, 1e-8)
        elif prep.sample == "z":
            deviation = inside.std(1, keepdims=True)
            values = (values - inside.mean(1, keepdims=True)) / np.maximum(deviation, 1e-8)
        return values.astype(np.float32, copy=False)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the frozen state for the model file."""
        names = ("share", "neutral", "mean", "deviation", "idf")
        return {f"prep.{name}": getattr(self, name).astype(np.float32) for name in names}

    @classmethod
    def from_arrays(cls, prep: Prep, arrays: dict[str, np.ndarray]) -> Transform:
        """Rebuild from :meth:`arrays`."""
        return cls(prep, *(arrays[f"prep.{n}"] for n in ("share", "neutral", "mean", "deviation", "idf")))
