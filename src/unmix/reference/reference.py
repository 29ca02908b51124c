"""The reference in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection

    import anndata as ad
    from scipy.sparse import csr_matrix


@dataclass(frozen=True)
class Reference:
    """Labelled cells ready for mixing.

    Attributes
    ----------
    counts
        CSR, cells x genes, float32.
    genes, cell_types, donors
        Names of the genes, of the types (sorted) and of the donors.
    type_of, donor_of
        Codes of each cell into `cell_types` and `donors`.
    subtypes, subtype_of
        Of merged types: the names of the types before, and codes of each cell into them.
    """

    counts: csr_matrix
    genes: np.ndarray
    cell_types: list[str]
    donors: list[str]
    type_of: np.ndarray
    donor_of: np.ndarray
    subtypes: tuple[str, ...] = ()
    subtype_of: np.ndarray | None = None

    @classmethod
    def from_reference(cls, reference: ad.AnnData) -> Reference:
        """Take the cells of a prepared reference (see docs/data_contracts.md)."""
        from scipy.sparse import csr_matrix

        cell_types, type_of = np.unique(reference.obs["cell_type"].astype(str), return_inverse=True)
        donors, donor_of = np.unique(reference.obs["donor"].astype(str), return_inverse=True)
        counts = csr_matrix(reference.X, dtype=np.float32)
        genes = reference.var_names.to_numpy().astype(str)
        return cls(counts, genes, list(cell_types), list(donors), type_of, donor_of)

    def take(self, cells: np.ndarray | None = None, genes: np.ndarray | None = None) -> Reference:
        """Return some cells (mask or indices) and some genes; the names of the types stay."""
        counts = self.counts if cells is None else self.counts[cells]
        chosen = slice(None) if cells is None else cells
        if genes is not None:
            counts = counts[:, genes].tocsr()
        names = self.genes if genes is None else self.genes[genes]
        codes = {"type_of": self.type_of[chosen], "donor_of": self.donor_of[chosen]}
        if self.subtypes:
            codes["subtype_of"] = self.subtype_of[chosen]
        return replace(self, counts=counts, genes=names, **codes)

    def merged(self, malignant: Collection[str]) -> Reference:
        """Return the same cells with two types: ``malignant`` (those named) and ``normal``."""
        normal = np.array([name not in malignant for name in self.cell_types])
        return replace(
            self,
            cell_types=["malignant", "normal"],
            type_of=normal[self.type_of].astype(int),
            subtypes=tuple(self.cell_types),
            subtype_of=self.type_of,
        )

    def unmerged(self) -> Reference:
        """Return the same cells with the types they had before :meth:`merged`."""
        if not self.subtypes:
            return self
        return replace(self, cell_types=list(self.subtypes), type_of=self.subtype_of, subtypes=(), subtype_of=None)

    def signature(self) -> np.ndarray:
        """Return types x genes: pooled counts of a type per million (zeros for a type without cells)."""
        sums = np.stack([self.counts[self.type_of == k].sum(0).A1 for k in range(len(self.cell_types))])
        return 1e6 * sums / np.maximum(sums.sum(1, keepdims=True), 1)

    def mean_cells(self, genes: np.ndarray) -> np.ndarray:
        """Return types x `genes` (indices): the mean counts of a cell of each type."""
        return self.signature()[:, genes] * (self.rna_per_cell()[:, None] / 1e6)

    def rna_per_cell(self) -> np.ndarray:
        """Return the mean total count of a cell of each type."""
        totals = self.counts.sum(1).A1
        number = np.maximum(np.bincount(self.type_of, minlength=len(self.cell_types)), 1)
        return np.bincount(self.type_of, weights=totals, minlength=len(self.cell_types)) / number
