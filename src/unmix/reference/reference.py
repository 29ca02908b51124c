"""The reference in memory: one class that owns the transcriptome of its cells."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from unmix.io.levels import Levels
from unmix.reference import tree
from unmix.reference.technical import NOT_OF_THE_CELL

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import anndata as ad
    from scipy.sparse import csr_matrix

#: What a profile of the kind ``profiles`` sums to over the whole transcriptome.
MILLION = 1e6
#: What the rows of a reference are.
Kind = Literal["cells", "profiles"]
#: What a value of a profile is: a share of all mRNA of the type, or the mean count of a cell.
Unit = Literal["share", "counts_per_cell"]


@dataclass(frozen=True)
class Reference:
    """Labelled cells (or profiles of cell types), and the total counts of each over all genes.

    `total_counts` survive every selection of genes. Whatever is relative - a profile, counts per million, a fraction of
    mRNA - is relative to them, and so to the whole transcriptome: the genes that a method looks at change nothing.
    Only technical genes that are no part of a cell's mRNA do not count (:mod:`unmix.reference.technical`).

    Attributes
    ----------
    counts
        CSR, cells x genes, float32.
    genes, cell_types, donors
        Names of the genes, of the types (sorted) and of the donors.
    type_of, donor_of
        Codes of each cell into `cell_types` and `donors`.
    total_counts
        Counts of each cell over all genes of the transcriptome (haemoglobins, mitochondrial and other genes that are no
        part of its mRNA left out), float64.
    subtypes, subtype_of
        Of merged types: the names of the types before, and codes of each cell into them.
    type_of_state
        Where `cell_types` are cell states: the cell type that each belongs to.
    kind
        ``profiles``: every row is a profile of a type, per million, and not a cell: the mRNA of a cell is not known.
    levels
        Groups of the cell types (of states: of the types that they belong to).
    amounts
        Whether the total counts tell how much mRNA a cell of one type has beside one of another: not those of profiles,
        and of cells that were scaled, which all have the same total here.
    """

    counts: csr_matrix
    genes: np.ndarray
    cell_types: list[str]
    donors: list[str]
    type_of: np.ndarray
    donor_of: np.ndarray
    total_counts: np.ndarray
    subtypes: tuple[str, ...] = ()
    subtype_of: np.ndarray | None = None
    type_of_state: tuple[str, ...] = ()
    kind: Kind = "cells"
    levels: Levels = field(default_factory=Levels)
    amounts: bool = True

    @classmethod
    def from_anndata(cls, reference: ad.AnnData, *, whole: bool = False, states: bool = False) -> Reference:
        """Take the cells of a prepared reference (see docs/data_contracts.md), without its technical genes.

        Parameters
        ----------
        reference
            Cells x genes; ``var["technical"]`` names the group of a technical gene.
        whole
            Keep technical genes, for published signatures that hold some.
        states
            Take the cell states, where the reference names them, as the types.
        """
        from scipy.sparse import csr_matrix

        states = states and "cell_state" in reference.obs
        labels = reference.obs["cell_state" if states else "cell_type"].astype(str)
        cell_types, first, type_of = np.unique(labels, return_index=True, return_inverse=True)
        parents = tuple(reference.obs["cell_type"].astype(str).iloc[first]) if states else ()
        donors, donor_of = np.unique(reference.obs["donor"].astype(str), return_inverse=True)
        counts = csr_matrix(reference.X, dtype=np.float32)
        genes = reference.var_names.to_numpy().astype(str)
        technical = reference.var.get("technical")
        group = np.full(len(genes), "") if technical is None or whole else technical.astype(str).to_numpy()
        kind: Kind = "profiles" if reference.uns.get("unmix", {}).get("kind") == "profiles" else "cells"
        alien = np.isin(group, NOT_OF_THE_CELL)
        if kind == "profiles":  # the table may hold a part of the transcriptome only
            totals = MILLION - (counts @ alien.astype(np.float64)).ravel()
        else:
            totals = (counts @ (~alien).astype(np.float64)).ravel()
        amounts = kind == "cells" and reference.uns.get("unmix", {}).get("counts") != "normalised"
        if kind == "cells" and not amounts:
            counts, totals = _of_one_total(counts, totals)
        named = (list(cell_types), list(donors), type_of, donor_of)
        levels = tree.levels_of(reference)
        cells = cls(counts, genes, *named, totals, type_of_state=parents, kind=kind, levels=levels, amounts=amounts)
        return cells.select(genes=np.flatnonzero(group == "")) if (group != "").any() else cells

    def select(self, cells: np.ndarray | None = None, genes: np.ndarray | None = None) -> Reference:
        """Return some cells and some genes (masks or indices).

        Nothing is normalised anew: total counts stay those over all genes, and the names of the types stay too.
        """
        counts = self.counts if cells is None else self.counts[cells]
        chosen = slice(None) if cells is None else cells
        if genes is not None:
            counts = counts[:, genes].tocsr()
        names = self.genes if genes is None else self.genes[genes]
        codes = {name: getattr(self, name)[chosen] for name in ("type_of", "donor_of", "total_counts")}
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
            levels=Levels(),
        )

    def unmerged(self) -> Reference:
        """Return the same cells with the types they had before :meth:`merged`."""
        if not self.subtypes:
            return self
        return replace(self, cell_types=list(self.subtypes), type_of=self.subtype_of, subtypes=(), subtype_of=None)

    def by_donor(self) -> Iterator[Reference]:
        """Go through the cells of one donor after the other; donors without cells are passed over."""
        for donor in np.unique(self.donor_of):
            yield self.select(self.donor_of == donor)

    def cells_per_type(self) -> np.ndarray:
        """Return the number of cells of each type."""
        return np.bincount(self.type_of, minlength=len(self.cell_types))

    def mrna_per_cell(self) -> np.ndarray:
        """Return the mean total count of a cell of each type; 0 for a type without cells.

        Profiles do not tell it: it is 1 for each type, so that fractions of cells are those of mRNA.
        """
        if self.kind == "profiles":
            return np.minimum(self.cells_per_type(), 1).astype(float)
        return self._totals() / np.maximum(self.cells_per_type(), 1)

    def profiles(self, unit: Unit = "share", by: Literal["donor"] | None = None) -> np.ndarray:
        """Return the pooled profile of every type (types x genes, float64; zeros for a type without cells).

        Parameters
        ----------
        unit
            ``share``: of all mRNA of the type, so that a profile over all genes sums to 1, and over some genes to
            what these are of the whole; ``counts_per_cell``: the mean count of a cell, or the share where
            :meth:`mrna_per_cell` is 1.
        by
            ``donor``: donors x types x genes, in the order of :meth:`by_donor`.
        """
        if by == "donor":
            return np.stack([own.profiles(unit) for own in self.by_donor()])
        whole = self._totals() if unit == "share" or self.kind == "profiles" else self.cells_per_type()
        return self.sums() / np.where(whole > 0, whole, 1)[:, None]

    def sums(self, power: int = 1) -> np.ndarray:
        """Return the sum over the cells of each type of the counts to a power (types x genes, float64)."""
        return self.summed(self.counts if power == 1 else self.counts.astype(np.float64).power(power))

    def cpm(self) -> csr_matrix:
        """Return every cell in counts per million of its total counts (CSR, cells x genes, float64)."""
        scaled = self.counts.astype(np.float64)
        scaled.data *= np.repeat(1e6 / np.maximum(self.total_counts, 1e-12), np.diff(scaled.indptr))
        return scaled

    def mean_cpm(self) -> np.ndarray:
        """Return the mean over the cells of each type of their counts per million (types x genes, float64).

        Every cell counts alike, where a pooled profile follows the cells of many counts.
        """
        return self.summed(self.cpm()) / np.maximum(self.cells_per_type(), 1)[:, None]

    def _totals(self) -> np.ndarray:
        """Return the total counts of all cells of each type."""
        return np.bincount(self.type_of, weights=self.total_counts, minlength=len(self.cell_types))

    def summed(self, values: csr_matrix) -> np.ndarray:
        """Return the sum over the cells of each type of values of the cells (CSR, cells x genes; types x genes)."""
        from scipy.sparse import csr_matrix

        rows = np.arange(len(self.type_of))
        member = csr_matrix((np.ones(len(rows)), (self.type_of, rows)), (len(self.cell_types), len(rows)))
        return (member @ values).toarray().astype(np.float64)


def _of_one_total(counts: csr_matrix, totals: np.ndarray) -> tuple[csr_matrix, np.ndarray]:
    """Return cells scaled so that their totals are the median of those above 0; a cell of 0 stays."""
    filled = totals > 0
    factors = np.divide(np.median(totals[filled]), totals, out=np.ones_like(totals), where=filled)
    counts = counts.copy()
    counts.data *= np.repeat(factors, np.diff(counts.indptr)).astype(np.float32)
    return counts, totals * factors
