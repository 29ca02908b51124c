"""Recognise and recover the counts of single cells from normalised or logged values."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from unmix.io import matrices
from unmix.io.logarithms import BASES, PREFIX
from unmix.io.units import LOG_MAX

if TYPE_CHECKING:
    from scipy import sparse

#: Share of a cell's values that must be near multiples of its smallest one to call them counts.
NEAR_SHARE = 0.9
#: How near: values stored with three decimals of a logarithm are off by up to 0.2 %.
NEAR, NEAR_UP_TO = 0.05, 20

#: Cells whose sums spread less (of their logarithms, interquartile range over 1.349) were scaled or thinned to one sum.
#: References of counts have .19 to .67.
ALIKE = 0.1
#: Share of the values above 0, and genes, from which on no cell was measured so.
FILLED, FILLED_GENES = 0.9, 1000
#: What the values of prepared cells are, best first: see docs/data_contracts.md.
KINDS = ("raw", "recovered", "corrected", "normalised")

#: What cannot be used, as text, and what to do.
UNUSABLE = {
    "scaled": "scaled values only, negative ones",
    "mask": "zeros and ones only: detection, not amounts",
    "unclear": "small values with decimals that may be logarithms or corrected counts; neither reading fits",
}
REMEDY = {
    "mask": "take the file with the counts",
    "unclear": "write the counts to layers['counts']; or, for natural logarithms, note adata.uns['log1p'] = "
    "{'base': None} as scanpy does",
}


class Scale(NamedTuple):
    """What a matrix of cells holds.

    ``kind``: ``raw`` (counts), ``recovered`` (counts can be recovered), ``normalised`` (linear
    values with an unknown scale per cell), ``unclear`` (logarithms or small linear values), ``mask`` (zeros and ones)
    or ``scaled`` (expression is lost). ``log``: the base to undo, or ``none``. ``total``: the sum of the values seen.
    """

    kind: str
    log: str
    total: float = 0.0

    @property
    def rank(self) -> int:
        """Order of preference, best first."""
        return ("raw", "recovered", "normalised", "unclear", "mask", "scaled").index(self.kind)


def recognise(some: sparse.csr_matrix, noted: str | None = None) -> Scale:
    """Recognise what a matrix holds from some of its rows.

    Parameters
    ----------
    some
        cells x genes.
    noted
        The base of the logarithm that the file states, see :func:`unmix.io.matrices.logged`.

    Returns
    -------
    Scale
        For logarithms, the base under which every cell's values are multiples of its smallest
        one (a single molecule); failing that, the base under which cells have equal sums; failing
        that the base that the file states. Without any of these the kind is ``unclear``.
    """
    values = some.data[some.data != 0]
    if not values.size or values.min() < 0:
        return Scale("scaled", "none")
    if matrices.is_mask(values):
        return Scale("mask", "none")
    if matrices.whole(values):
        return Scale("raw", "none", float(values.sum()))
    bases = ["none"] if values.max() > LOG_MAX else ["e", "2", "10", "none"]
    shares = [_near_share(some, base) for base in bases]
    best = int(np.argmax(shares))
    if shares[best] >= NEAR_SHARE:
        if bases[best] == "none" and _rounded(some):
            return Scale("normalised", "none")
        return Scale("recovered", bases[best])
    if bases == ["none"]:
        return Scale("normalised", "none")
    spreads = []
    for base in bases:
        sums = np.asarray(undo(some, base).sum(axis=1)).ravel()
        spreads.append(np.std(sums) / max(np.mean(sums), 1e-9))
    steady = int(np.argmin(spreads))
    if len(sums) > 2 and spreads[steady] < 0.05:
        return Scale("normalised", bases[steady])
    return Scale("normalised", noted) if noted else Scale("unclear", "none")


def _rounded(some: sparse.csr_matrix) -> bool:
    """Say whether cells share a smallest value of 0.1, 0.01, ...: the last digit written, not a molecule."""
    smallest = np.log10(_smallest(some)[np.diff(some.indptr) > 0])
    return bool(np.mean(np.abs(smallest - np.round(np.median(smallest))) < 1e-3) > 0.5)


def undo(matrix: sparse.csr_matrix, base: str) -> sparse.csr_matrix:
    """Return base**x - 1 of the non-zero values (x itself for base ``none``), as float64."""
    matrix = matrix.astype(np.float64)
    if base != "none":
        matrix.data = np.expm1(matrix.data * np.log(BASES[base]))
    return matrix


def recover(matrix: sparse.csr_matrix, scale: Scale) -> sparse.csr_matrix:
    """Return counts (``raw``, ``recovered``) or linear values (``normalised``) of some cells.

    Parameters
    ----------
    matrix
        cells x genes.
    scale
        What :func:`recognise` found.

    Returns
    -------
    scipy.sparse.csr_matrix
        float32.
    """
    if scale.kind == "raw":
        return matrix.astype(np.float32)
    matrix = undo(matrix, scale.log)
    matrix.eliminate_zeros()
    if scale.kind == "recovered":
        sizes = np.diff(matrix.indptr)
        unit = np.repeat(_smallest(matrix), sizes)
        whole = np.round(matrix.data / unit)
        # one molecule estimated from all values: rounding of the smallest one does not grow with the count
        rows = np.repeat(np.arange(len(sizes)), sizes)
        over, under = (np.bincount(rows, x, len(sizes)) for x in (matrix.data * whole, whole * whole))
        refined = np.repeat(np.divide(over, under, out=np.ones_like(over), where=under > 0), sizes)
        matrix.data = np.round(matrix.data / refined)
    return matrix.astype(np.float32)


def kind_of(scale: Scale, sums: np.ndarray) -> str:
    """Return which of :data:`KINDS` values are, by how they were read and the sums of the cells.

    Values that are no counts may be counts that were corrected, as for ambient RNA: the cells then differ in their sums
    as those of counts do. Whole numbers of cells with equal sums tell as little of the mRNA of a cell as TPM do.
    """
    sums = np.log(sums[sums > 0])
    if len(sums) > 2 and np.subtract(*np.percentile(sums, (75, 25))) / 1.349 < ALIKE:
        return "normalised"
    return "corrected" if (scale.kind, scale.log) == ("normalised", "none") else scale.kind


def say(scale: Scale, name: str) -> str:
    """Return a sentence about what was found and done."""
    log = next((f"{prefix}(x + 1)" for prefix, base in PREFIX.items() if base == scale.log), "")
    if scale.kind == "raw":
        return f"{name} holds counts."
    if scale.kind == "recovered":
        what = f"logarithms, {log}," if log else "normalised values"
        return f"{name} holds {what} of scaled counts: undone, and whole counts recovered cell by cell."
    if log:
        return f"{name} holds logarithms, {log}: undone; the counts cannot be recovered."
    return f"{name} holds values that are no whole counts: used as they are."


def smoothed(some: sparse.csr_matrix, scale: Scale) -> bool:
    """Say whether hardly any value of some cells is 0, and none is a count, as imputation leaves them."""
    full = some.shape[1] >= FILLED_GENES and np.count_nonzero(some.data) > FILLED * some.shape[0] * some.shape[1]
    return scale.kind == "normalised" and full


def _smallest(matrix: sparse.csr_matrix) -> np.ndarray:
    """Return the smallest stored value of every row (1 for an empty row)."""
    filled = np.diff(matrix.indptr) > 0
    smallest = np.ones(matrix.shape[0])
    if filled.any():
        smallest[filled] = np.minimum.reduceat(matrix.data, matrix.indptr[:-1][filled])
    return smallest


def _near_share(some: sparse.csr_matrix, base: str) -> float:
    """Return how much of the small values (2 to 20 molecules) lies near whole numbers, per cell."""
    linear = undo(some, base)
    linear.eliminate_zeros()
    sizes = np.diff(linear.indptr)
    ratio = linear.data / np.repeat(_smallest(linear), sizes)
    rows = np.repeat(np.arange(len(sizes)), sizes)
    tell = (ratio > 1.01) & (ratio < NEAR_UP_TO)
    near = tell & (np.abs(ratio - np.round(ratio)) < NEAR)
    told = np.bincount(rows[tell], minlength=len(sizes))
    share = np.bincount(rows[near], minlength=len(sizes))[told > 0] / told[told > 0]
    return float(np.median(share)) if share.size else 0.0
