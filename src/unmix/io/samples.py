"""Which values and samples of a bulk are used: missing, constant and impossible values."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

import numpy as np

from unmix.errors import DataError
from unmix.io import units
from unmix.io.columns import plain
from unmix.io.orientation import NEED, Finding
from unmix.io.text import show

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

#: Share of genes without a value above which a sample is dropped, and a bulk refused.
MOST_MISSING = 0.1
#: Different values from which on two equal rows of a gene are one row that was repeated.
DIFFERENT = 3
#: Names of cells by their barcodes.
BARCODE = re.compile(r"(?<![A-Za-z])[ACGT]{12,}(-\d+)?(?![A-Za-z])")
#: Cells given as bulk: so many named by barcodes, or so many samples that lack this share of 2,000 genes or more.
FEW_CELLS, MANY_SAMPLES, CELLS_LACK = 10, 50, 0.75
#: How names of columns begin that sum up some of the samples: mean_control.
_OF_SOME = re.compile(r"(mean|avg|average|median|sum|total|sd|stdev)[ ._-].+", re.IGNORECASE)
#: Names of columns that sum up the samples (as :func:`unmix.io.columns.plain` writes them), and how they are computed
#: from them (samples x genes).
SUMMARIES = {
    **dict.fromkeys(
        (
            *("total", "sum", "all", "pooled", "pool", "rowsum", "rowsums", "rowtotal", "rowtotals", "grandtotal"),
            *("totalcount", "totalcounts", "totalreads", "sumcounts", "countsum"),
        ),
        (lambda x: x.sum(0), lambda x: x.mean(0)),
    ),
    **dict.fromkeys(
        (
            *("mean", "average", "avg", "rowmean", "rowmeans", "basemean", "meancount", "meancounts"),
            *("meanexpression", "averageexpression", "avgexpression"),
        ),
        (lambda x: x.mean(0),),
    ),
    "median": (lambda x: np.median(x, 0),),
    **dict.fromkeys(("max", "maximum"), (lambda x: x.max(0),)),
    **dict.fromkeys(("min", "minimum"), (lambda x: x.min(0),)),
    **dict.fromkeys(("sd", "std", "stdev"), (lambda x: x.std(0), lambda x: x.std(0, ddof=1) if len(x) > 1 else x[0])),
    **dict.fromkeys(("var", "variance"), (lambda x: x.var(0), lambda x: x.var(0, ddof=1) if len(x) > 1 else x[0])),
}


def measured(
    table: pd.DataFrame, rows: pd.DataFrame, path: Path, findings: list[Finding]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Keep what was measured: a missing value is not zero.

    Genes without any value go first, then samples that lack many genes, then the genes that any other sample lacks.
    """
    if np.isinf(table.to_numpy()).any():
        raise DataError(
            f"{path.name}: the matrix holds infinite values.", "finite numbers", "log(x + 1) instead of log(x)?"
        )
    missing = table.isna().to_numpy()
    if not missing.any():
        return table, rows
    nowhere = missing.all(axis=0)
    lost = missing[:, ~nowhere].mean(axis=1) > MOST_MISSING if not nowhere.all() else np.ones(len(table), bool)
    if lost.all():
        raise DataError(
            f"{path.name}: in every sample more than {MOST_MISSING:.0%} of the genes have no value.",
            NEED,
            "check the export",
        )
    some = missing[~lost].any(axis=0) & ~nowhere
    if some.sum() > MOST_MISSING * (~nowhere).sum():
        raise DataError(
            f"{path.name}: {some.sum():,} of {len(some):,} genes have no value in some samples.",
            f"at most {MOST_MISSING:.0%} of such genes, because genes with missing values are not used",
            "write 0 where nothing was found, or remove the samples that lack most of these genes",
        )
    if nowhere.any():
        said = f"{nowhere.sum():,} genes without a value in any sample were not measured and dropped"
        findings.append(Finding("corrected", "missing values", f"{said}: {show(table.columns[nowhere])}."))
    if lost.any():
        said = f"Samples with no value for more than {MOST_MISSING:.0%} of the genes dropped"
        findings.append(Finding("corrected", "samples", f"{said}: {show(table.index[lost])}."))
    if some.any():
        sample, gene = np.argwhere(missing & some & ~lost[:, None])[0]
        said = f"{some.sum():,} genes without a value in some samples were dropped"
        first = f"first: gene {table.columns[gene]!r}, sample {table.index[sample]!r}"
        findings.append(Finding("corrected", "missing values", f"{said} ({first})."))
    kept = ~(nowhere | some)
    return table.loc[~lost, kept], rows.loc[kept]


def repeated(table: pd.DataFrame) -> list[Finding]:
    """Return a warning of samples that hold the same values under several names."""
    same: dict[bytes, list[str]] = {}
    for name, row in zip(table.index.astype(str), table.to_numpy(), strict=True):
        same.setdefault(hashlib.blake2b(np.ascontiguousarray(row)).digest(), []).append(name)
    groups = [" and ".join(names) for names in same.values() if len(names) > 1]
    said = f"Samples that hold the same values: {show(groups)}. They are estimated all; if they are one, keep one."
    return [Finding("warning", "samples", said)] if groups else []


def repeated_rows(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Mark rows of a gene that hold the same values as an earlier one; few different values may agree by chance."""
    import pandas as pd

    again = np.zeros(len(labels), bool)
    seen: set[tuple[str, bytes]] = set()
    for at in np.flatnonzero(pd.Series(labels).duplicated(keep=False)):
        row = values[:, at]
        key = labels[at], row.tobytes()
        again[at] = key in seen and len(np.unique(row)) >= DIFFERENT
        seen.add(key)
    return again


def without_summaries(table: pd.DataFrame, findings: list[Finding]) -> pd.DataFrame:
    """Leave out columns that sum up the samples, such as a total or a mean; warn of samples that are named so."""
    names = [plain(name) for name in table.index]
    named = np.array([name in SUMMARIES for name in names], bool)
    of_some = ~named & np.array([bool(_OF_SOME.fullmatch(str(name).strip())) for name in table.index], bool)
    if not (named | of_some).any() or (named | of_some).all():
        return table
    others, drop = table.to_numpy()[~(named | of_some)], np.zeros(len(table), bool)
    for at in np.flatnonzero(named):
        row = table.to_numpy()[at]
        drop[at] = any(np.allclose(row, function(others), rtol=0.01, atol=1e-3) for function in SUMMARIES[names[at]])
    if drop.any():
        said = f"Removed, because computed from the other samples: {show(table.index[drop])}."
        findings.append(Finding("corrected", "samples", said))
    if (odd := (named | of_some) & ~drop).any():
        said = f"Kept as samples, although named like a summary of others: {show(table.index[odd])}."
        findings.append(Finding("warning", "samples", said))
    return table[~drop]


def refuse_cells(table: pd.DataFrame, path: Path, declared: str) -> None:
    """Ask about single cells given as bulk, by barcodes as names or by genes that most samples lack.

    A declared unit is the answer that these are samples.
    """
    names = table.index.astype(str)
    barcodes = len(names) >= FEW_CELLS and np.mean([bool(BARCODE.search(name)) for name in names]) > 0.5
    lacking = float(np.median((table.to_numpy() == 0).mean(axis=1)))
    sparse = len(names) >= MANY_SAMPLES and table.shape[1] >= 2000 and lacking > CELLS_LACK
    if (barcodes or sparse) and declared.strip().lower() == "auto":
        why = "are named by barcodes" if barcodes else f"have no read of {lacking:.0%} of the genes"
        raise DataError(
            f"{path.name} may hold single cells, not bulk samples: its {len(names):,} columns {why} ({show(names)}).",
            NEED,
            "give single cells to unmix_reference.py; sum the counts of the cells of each sample to make bulk; or, if "
            "these are samples, declare their unit (--unit counts)",
        )


def refuse_impossible(values: np.ndarray, table: pd.DataFrame, path: Path) -> None:
    """Refuse values that no expression has: negative ones, and beyond any depth of sequencing."""
    if values.min() < 0:
        sample, gene = np.argwhere(values < 0)[0]
        raise DataError(
            f"{path.name}: gene {table.columns[gene]!r} in sample {table.index[sample]!r} is negative "
            f"({values[sample, gene]:g}; {(values < 0).sum():,} such values).",
            "values of 0 or more, or logarithms declared with --unit",
            "give counts or TPM before any centring or batch correction",
        )
    if values.max() > units.LARGEST:
        sample, gene = np.unravel_index(np.argmax(values), values.shape)
        raise DataError(
            f"{path.name}: gene {table.columns[gene]!r} in sample {table.index[sample]!r} is {values[sample, gene]:g}, "
            "more than any sample has.",
            f"values up to {units.LARGEST:g}",
            "correct that value, or declare the unit if these are logarithms",
        )


def varying(
    table: pd.DataFrame, values: np.ndarray, path: Path, findings: list[Finding]
) -> tuple[pd.DataFrame, np.ndarray]:
    """Drop samples without any expression, or with the same value for every gene."""
    empty = ~values.any(axis=1)
    constant = ~empty & (np.ptp(values, axis=1) == 0) & (values.shape[1] > 1)
    if (empty | constant).all():
        raise DataError(
            f"{path.name}: every sample is empty."
            if empty.all()
            else f"{path.name}: no sample has values that differ.",
            NEED,
            "check the export",
        )
    for those, what in ((empty, "without any expression"), (constant, "with the same value for every gene")):
        if those.any():
            said = f"{those.sum()} samples {what} dropped: {show(table.index[those])}."
            findings.append(Finding("corrected", "samples", said))
    if not (empty | constant).any():
        return table, values
    return table.loc[~(empty | constant)], values[~(empty | constant)]
