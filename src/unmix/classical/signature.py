"""What classical methods learn from a reference: genes, profiles of cell types, and variation between donors."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from unmix.errors import DataError
from unmix.reference.markers import markers
from unmix.settings import Count, NonNegative, Pattern, PositiveShare, Rule, Settings

if TYPE_CHECKING:
    from unmix.reference import Reference


class Genes(Settings):
    """Recipe of the choice of genes."""

    rule: Literal["markers", "differential", "variance", "expressed", "all"] = "markers"
    """``markers``: highest in one type (:func:`unmix.reference.markers.markers`); ``differential``: the signature
    builder of CIBERSORT (:func:`differential`); ``variance``: most variable between the types' profiles (log scale);
    ``expressed``: all that the reference expresses; ``all``: every gene, for methods that scale a sample by it."""
    per_type: Count = 100
    """Genes taken per type; for ``differential`` the most that may be taken."""
    least: Count = 50
    """``differential``: the fewest that may be taken per type."""
    q: PositiveShare = 0.01
    """``differential``: false discovery rate of the test between a type and the rest."""
    fold: NonNegative = 0.0
    """``differential``: least log2 fold change."""
    top: Count = 2000
    """``variance``: genes taken."""
    exclude: Pattern = ""
    """Regular expression: genes whose name it matches from the start are never taken."""

    rules = (
        Rule(
            ("least", "per_type"),
            lambda s: s.rule != "differential" or s.least <= s.per_type,
            "least at most per_type",
        ),
    )


def choose(recipe: Genes, cells: Reference, among: np.ndarray | None = None) -> np.ndarray:
    """Return the indices of the genes that a classical method uses, in the order of the reference.

    Parameters
    ----------
    recipe
        The rule.
    cells
        To learn from, with all genes.
    among
        Indices of the genes that may be chosen, as those of a bulk; None: all. Profiles stay those of the whole
        transcriptome.

    Raises
    ------
    DataError
        If no gene is left.
    """
    profiles = 1e6 * cells.profiles()
    allowed = profiles.any(0) if recipe.rule != "all" else np.ones(len(cells.genes), bool)
    if among is not None:
        allowed &= np.isin(np.arange(len(allowed)), among)
    if recipe.exclude:
        pattern = re.compile(recipe.exclude)
        allowed &= np.array([pattern.match(gene) is None for gene in cells.genes])
    places = np.flatnonzero(allowed)
    if len(places) == 0:
        raise DataError(
            "no gene of the reference is left to choose from",
            "genes with counts"
            + (f" that {recipe.exclude!r} does not exclude" if recipe.exclude else "")
            + (" and that the bulk has" if among is not None else ""),
            "check that the reference holds counts of genes",
        )
    if recipe.rule == "markers":
        return places[markers(profiles[:, places], recipe.per_type)]
    if recipe.rule == "differential":
        return places[differential(cells.select(genes=places), recipe)]
    if recipe.rule == "variance":
        spread = np.log2(profiles[:, places] + 1).var(0)
        return places[np.sort(np.argsort(-spread, kind="stable")[: recipe.top])]
    return places


def differential(cells: Reference, recipe: Genes) -> np.ndarray:
    """Return the genes of a signature as CIBERSORT builds it (Newman 2015, Methods; CIBERSORTx 2019).

    Genes that are higher in a type than in the rest (Welch's t-test on log2(CPM + 1), Benjamini-Hochberg) are
    ordered by fold change; of the numbers of genes per type between `least` and `per_type`, the one with the
    smallest condition number of the signature is taken. Types without such genes add none.

    Parameters
    ----------
    cells
        Training cells.
    recipe
        `least`, `per_type`, `q`, `fold`.

    Raises
    ------
    DataError
        If no gene passes.
    """
    q, fold = differences(cells)
    ranked = []
    for k in range(len(q)):
        passing = np.flatnonzero((q[k] <= recipe.q) & (fold[k] > max(recipe.fold, 0)))
        ranked.append(passing[np.argsort(-fold[k, passing], kind="stable")])
    if not any(map(len, ranked)):
        raise DataError(
            f"no gene is higher in one cell type than in the rest (false discovery rate {recipe.q:g})",
            "two cells or more of each type, and genes that differ between types",
            "give more cells of each type, or rank genes without a test: --set genes.rule=markers",
        )
    profiles = 1e6 * cells.profiles()
    most = min(recipe.per_type, max(map(len, ranked)))
    choices = [
        np.unique(np.concatenate([genes[:number] for genes in ranked]))
        for number in range(min(recipe.least, most), most + 1)
    ]
    return min(choices, key=lambda genes: condition(profiles[:, genes]))


def condition(signature: np.ndarray) -> float:
    """Return the condition number (2-norm) of a signature (types x genes); infinite if types are indistinguishable."""
    values = np.linalg.svd(signature, compute_uv=False) if signature.size else np.zeros(1)
    return float(values[0] / values[-1]) if values[-1] > 0 and len(values) == len(signature) else np.inf


def differences(cells: Reference) -> tuple[np.ndarray, np.ndarray]:
    """Test every type against the rest.

    Returns
    -------
    q
        Types x genes: two-sided p of Welch's t-test on log2(CPM + 1), adjusted after Benjamini and Hochberg; 1 for a
        type of a single cell, or where the rest is one.
    fold
        Types x genes: difference of the means of log2(CPM + 1).
    """
    from scipy.stats import false_discovery_control, ttest_ind_from_stats

    logs = cells.cpm()
    logs.data = np.log2(logs.data + 1)
    number = cells.cells_per_type()[:, None].astype(float)
    sums = cells.summed(logs)
    logs.data **= 2
    squares = cells.summed(logs)
    rest, rest_sums, rest_squares = number.sum() - number, sums.sum(0) - sums, squares.sum(0) - squares

    def moments(n: np.ndarray, total: np.ndarray, square: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean = total / np.maximum(n, 1)
        variance = np.clip(square - n * mean**2, 0, None) / np.maximum(n - 1, 1)
        return mean, np.sqrt(np.maximum(variance, 1e-12))  # a gene of no variance is no marker by accident

    (mean, deviation), (other, spread) = moments(number, sums, squares), moments(rest, rest_sums, rest_squares)
    p = ttest_ind_from_stats(mean, deviation, np.maximum(number, 2), other, spread, np.maximum(rest, 2), False).pvalue
    p = np.where((number < 2) | (rest < 2), 1.0, p)  # one cell is no evidence of a difference
    return false_discovery_control(p, axis=1), mean - other


@dataclass(frozen=True)
class DonorProfiles:
    """How the types look over donors.

    Attributes
    ----------
    mean, variance
        Types x genes: of the share of a gene in the type's mRNA, over the donors that have the type; the variance
        (n - 1) is NaN for a type of one donor.
    size
        Types: mean over donors of the mean total count of a cell.
    """

    mean: np.ndarray
    variance: np.ndarray
    size: np.ndarray


def donor_profiles(cells: Reference) -> DonorProfiles:
    """Return mean and variance over donors of the types' profiles (MuSiC: theta, Sigma and S)."""
    types, genes = len(cells.cell_types), len(cells.genes)
    mean, squares = np.zeros((types, genes)), np.zeros((types, genes))
    number, size = np.zeros(types), np.zeros(types)
    for own in cells.by_donor():  # Welford's update: donors one after the other, so that many of them fit in memory
        total = own.mrna_per_cell()
        has = total > 0
        number[has] += 1
        size[has] += total[has]
        share = own.profiles()[has]
        step = share - mean[has]
        mean[has] += step / number[has, None]
        squares[has] += step * (share - mean[has])
    variance = squares / np.where(number > 1, number - 1, np.nan)[:, None]
    return DonorProfiles(mean, variance, size / np.maximum(number, 1))


def filled(variance: np.ndarray) -> np.ndarray:
    """Give a type whose variance is not known (NaN) the mean of the others'."""
    unknown = np.isnan(variance).any(1)
    if not unknown.any():
        return variance
    return np.where(unknown[:, None], variance[~unknown].mean(0) if not unknown.all() else 0.0, variance)
