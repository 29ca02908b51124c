"""Classical methods: a signature, and one pure function from (signature, sample) to fractions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from unmix.method import Fit, Method, Task
from unmix.prep import select_genes
from unmix.recipe import Prep

if TYPE_CHECKING:
    from unmix.model import Model

#: Added to a gene's mean before dividing by it, as a share of the mean over genes: spares genes of hardly any counts.
OFFSET = 0.05


@dataclass(frozen=True, kw_only=True)
class Classical:
    """Recipe of a classical method."""

    prep: Prep = field(default_factory=Prep)
    """`genes`, `per_type`, `top` and `min_variance` choose the signature's genes; scaling is the method's own."""
    weights: Literal["none", "mean"] = "none"
    """``mean``: every gene is divided by its mean over types, so that genes count alike; platforms change genes by
    factors, and unweighted least squares follows the few highest genes."""
    signature: Literal["cpm", "counts"] = "cpm"
    """``cpm``: every type scaled to a million, so that the answer is a fraction of mRNA; ``counts``: mean counts
    of a cell, so that the answer is a fraction of cells as far as the reference's own totals tell RNA contents."""


class SignatureMethod(Method):
    """A classical method over a signature; subclasses define :meth:`solve`."""

    kind = "mrna"

    def fit(self, task: Task) -> Fit:
        """Build the signature over the chosen genes."""
        cells = task.train
        signature = cells.signature()
        genes = select_genes(task.recipe.prep, cells, signature)
        if task.recipe.signature == "counts":
            signature = signature * (cells.rna_per_cell() / 1e6)[:, None]
        return Fit(genes, {"signature": signature[:, genes].astype(np.float64)}, {})

    def estimate(self, model: Model, expression: np.ndarray, present: np.ndarray, device: str) -> np.ndarray:
        """Solve sample by sample over the genes that are present, signature and sample scaled to the same mean."""
        signature = model.arrays["signature"][:, present]
        signature = signature / signature.mean()
        samples = expression[:, present] / np.maximum(expression[:, present].mean(1, keepdims=True), 1e-12)
        if model.recipe["weights"] == "mean":
            weights = 1 / (signature.mean(0) + OFFSET)
            signature, samples = signature * weights, samples * weights
        return np.stack([self.solve(signature.T, sample) for sample in samples])

    @staticmethod
    def solve(signature: np.ndarray, sample: np.ndarray) -> np.ndarray:
        """Return the weights of the types (not yet divided by their sum).

        Parameters
        ----------
        signature
            Genes x types.
        sample
            Genes.
        """
        raise NotImplementedError
