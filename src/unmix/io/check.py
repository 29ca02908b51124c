"""The input doctor: a bulk matrix as it comes, made canonical, with a sentence for all it found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from unmix.errors import DataError, UsageError
from unmix.io import gene_ids, units
from unmix.io.orientation import GENE_NAMES, NEED, Finding, load
from unmix.io.text import show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anndata import AnnData

MOST_MISSING = 0.1
#: Names of columns that sum up the samples, and how they are computed from them (samples x genes).
SUMMARIES = {
    **dict.fromkeys(("total", "sum", "all", "pooled", "pool"), (lambda x: x.sum(0), lambda x: x.mean(0))),
    **dict.fromkeys(("mean", "average", "avg", "rowmeans"), (lambda x: x.mean(0),)),
    "median": (lambda x: np.median(x, 0),),
    **dict.fromkeys(("max", "maximum"), (lambda x: x.max(0),)),
    **dict.fromkeys(("min", "minimum"), (lambda x: x.min(0),)),
    **dict.fromkeys(("sd", "std", "stdev"), (lambda x: x.std(0), lambda x: x.std(0, ddof=1) if len(x) > 1 else x[0])),
    **dict.fromkeys(("var", "variance"), (lambda x: x.var(0), lambda x: x.var(0, ddof=1) if len(x) > 1 else x[0])),
}
FEW_GENES, FEW_SHARE, LOW_SHARE = 50, 0.05, 0.5


def read_bulk(
    path: Path | str,
    unit: str = "auto",
    genes: Sequence[str] | pd.DataFrame | None = None,
    species: str = "auto",
) -> AnnData:
    """Read bulk expression and make it canonical.

    Parameters
    ----------
    path
        TSV, CSV or h5ad; a bulk.h5ad made by ``unmix_check.py`` is taken as it is.
    unit
        One of :data:`unmix.io.units.UNITS`; ``auto`` recognises it.
    genes
        Gene names of the reference or model (or the reference's ``var``, whose ``gene_id`` helps).
    species
        ``auto``, ``human`` or ``mouse``.

    Returns
    -------
    AnnData
        samples x genes, X dense float64, linear; see docs/data_contracts.md.
        ``uns["unmix"]["messages"]`` lists what was found and mended.

    Raises
    ------
    DataError
        The file cannot be used; the message says why and what to do.
    """
    return examine(path, unit, genes, species)[0]


def examine(
    path: Path | str,
    unit: str = "auto",
    genes: Sequence[str] | pd.DataFrame | None = None,
    species: str = "auto",
) -> tuple[AnnData, list[Finding]]:
    """Do what :func:`read_bulk` does and also return the findings, for check.tsv."""
    import anndata

    path = Path(path)
    units.parse(unit)
    findings: list[Finding] = []
    wanted = _wanted(genes)
    table, rows, checked = load(path, wanted, findings)
    _sample_names(table.index, path)
    if checked:
        values, facts = _verified(table, checked, path)
        findings += [Finding("ok", "earlier check", str(sentence)) for sentence in checked["messages"]]
        if units.parse(unit)[0] not in ("auto", facts["unit"]):
            raise UsageError(
                f"{path.name} was checked before, and holds {facts['unit']}; it is now declared {unit}.",
                f"--unit auto or --unit {facts['unit']}",
                "to change the unit, check the original table again",
            )
    else:
        table, rows = _measured(table, rows, path, findings)
        table = _without_summaries(table, findings)
        _refuse_fractions(table, path)
        found = units.decide(table.to_numpy(), unit, list(table.index))
        findings.append(Finding("ok" if found.log == "none" else "mended", "unit", found.sentence))
        if found.doubt:
            findings.append(Finding("warning", "unit", found.doubt))
        values = units.linear(table.to_numpy(), found)
        facts = {"unit": found.name, "log": found.log}
    _refuse_impossible(values, table, path)
    table, values = _varying(table, values, path, findings)
    labels = _name_genes(rows, wanted, species, findings)
    values, var = _sum_duplicates(values, labels, rows, facts["unit"] == "microarray", findings)
    if wanted is not None:
        _coverage(var.index, wanted, findings, path)
    size = f"{values.shape[0]} samples, {values.shape[1]:,} genes."
    findings.insert(0, Finding("ok", "size", size))
    bulk = anndata.AnnData(values, obs=pd.DataFrame(index=table.index.astype(str)), var=var)
    bulk.uns["unmix"] = {"kind": "bulk", **facts, "messages": [f.sentence for f in findings]}
    return bulk, findings


def _wanted(genes: Sequence[str] | pd.DataFrame | None) -> pd.DataFrame | None:
    if genes is None or isinstance(genes, pd.DataFrame):
        return genes
    return pd.DataFrame(index=pd.Index([str(name) for name in genes], dtype=object))


def _refuse_fractions(table: pd.DataFrame, path: Path) -> None:
    """Refuse a table of fractions given as bulk."""
    values = table.to_numpy()
    for sums, width in ((np.nansum(values, 1), values.shape[1]), (np.nansum(values, 0), values.shape[0])):
        if np.nanmin(values) >= 0 and 1 < width < 200 and any(np.allclose(sums, total, rtol=0.1) for total in (1, 100)):
            raise DataError(
                f"{path.name} looks like a table of fractions: {width} columns whose sums are about {sums[0]:.3g}.",
                NEED,
                "give the expression matrix; known fractions belong to --truth",
            )


def _sample_names(samples: pd.Index, path: Path) -> None:
    if samples.has_duplicates:
        twice = samples[samples.duplicated()].unique()
        raise DataError(
            f"{path.name}: {len(twice)} sample names occur more than once: {show(twice)}.",
            "one column per sample, each with its own name",
            "rename or remove the repeated columns (if these are values, the header line is missing)",
        )


def _verified(table: pd.DataFrame, facts: dict, path: Path) -> tuple[np.ndarray, dict[str, str]]:
    """Return values and unit of a bulk that was checked before; refuse what a check cannot have written."""
    values = table.to_numpy()
    known = facts.get("unit") in units.LINEAR and facts.get("log") in ("none", *units.BASES)
    if not known or not np.isfinite(values).all() or np.ndim(facts.get("messages")) != 1:
        why = "its unit is unknown" if not known else "its values or its messages were changed"
        raise DataError(
            f"{path.name} says that it was checked, but {why}.",
            "bulk.h5ad as unmix_check.py wrote it",
            "check the original table again",
        )
    return values, {"unit": str(facts["unit"]), "log": str(facts["log"])}


def _measured(
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
        findings.append(Finding("mended", "missing values", f"{said}: {show(table.columns[nowhere])}."))
    if lost.any():
        said = f"Samples with no value for more than {MOST_MISSING:.0%} of the genes dropped"
        findings.append(Finding("mended", "samples", f"{said}: {show(table.index[lost])}."))
    if some.any():
        sample, gene = np.argwhere(missing & some & ~lost[:, None])[0]
        said = f"{some.sum():,} genes without a value in some samples were dropped"
        first = f"first: gene {table.columns[gene]!r}, sample {table.index[sample]!r}"
        findings.append(Finding("mended", "missing values", f"{said} ({first})."))
    kept = ~(nowhere | some)
    return table.loc[~lost, kept], rows.loc[kept]


def _without_summaries(table: pd.DataFrame, findings: list[Finding]) -> pd.DataFrame:
    """Leave out columns that sum up the samples, such as a total or a mean; warn of samples that are named so."""
    names = [str(name).strip().lower() for name in table.index]
    named = np.array([name in SUMMARIES for name in names])
    if not named.any() or named.all():
        return table
    others, drop = table.to_numpy()[~named], np.zeros(len(table), bool)
    for at in np.flatnonzero(named):
        row = table.to_numpy()[at]
        drop[at] = any(np.allclose(row, function(others), rtol=0.01, atol=1e-3) for function in SUMMARIES[names[at]])
    if drop.any():
        said = f"Left out, because computed from the other samples: {show(table.index[drop])}."
        findings.append(Finding("mended", "samples", said))
    if (odd := named & ~drop).any():
        said = f"Used as samples, although named like a summary of others: {show(table.index[odd])}."
        findings.append(Finding("warning", "samples", said))
    return table[~drop]


def _refuse_impossible(values: np.ndarray, table: pd.DataFrame, path: Path) -> None:
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


def _varying(
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
            findings.append(Finding("mended", "samples", said))
    return table.loc[~(empty | constant)], values[~(empty | constant)]


def _name_genes(rows: pd.DataFrame, wanted: pd.DataFrame | None, species: str, findings: list[Finding]) -> np.ndarray:
    """Return the names under which genes are summed: the reference's where they meet."""
    names, said = gene_ids.unwrapped(rows.index.astype(str))
    findings += [Finding("mended", "gene names", sentence) for sentence in said]
    given = {"names": names}
    for column in GENE_NAMES:
        if column in rows:
            given[column] = rows[column].astype(str).str.strip().to_numpy(dtype=object)
    if wanted is None:
        column = next(
            (name for name in GENE_NAMES if name in given and gene_ids.identifier(given[name]) == "symbol"), "names"
        )
        labels = gene_ids.strip_version(given[column])
    else:
        found = gene_ids.match(given, wanted)
        labels = found.names
        findings.append(Finding("ok", "gene names", f"Gene names were matched {found.how}."))
    blank = np.isin(labels, ("", "nan", "-", "NA"))
    labels = np.where(blank, given["names"], labels)
    kind, of = gene_ids.identifier(labels), gene_ids.species(labels)
    findings.append(Finding("ok", "identifiers", f"Gene identifiers: {kind}; species by their writing: {of}."))
    if kind in ("array probe", "Ensembl transcript"):
        said = f"The rows are named by {kind}s ({show(labels)}), not genes: map them to genes before deconvolution."
        findings.append(Finding("warning", "identifiers", said))
    dates = [name for name in labels if gene_ids.EXCEL_DATE.fullmatch(name)]
    if dates:
        said = f"{len(dates)} gene names were turned into dates by a spreadsheet ({show(dates)}); they are lost."
        findings.append(Finding("warning", "identifiers", said))
    if species != "auto" and of not in ("unknown", species):
        raise DataError(
            f"The genes are written as in {of} ({show(labels)}), but --species {species} was declared.",
            f"{species} gene names",
            "check the file; names are never changed to upper case, because mouse and human genes differ",
        )
    return labels


def _sum_duplicates(
    values: np.ndarray, labels: np.ndarray, rows: pd.DataFrame, average: bool, findings: list[Finding]
) -> tuple[np.ndarray, pd.DataFrame]:
    """Return one column per gene, sorted by name, and its annotation."""
    order, codes, sizes = np.unique(labels.astype(str), return_inverse=True, return_counts=True)
    sorting = np.argsort(codes, kind="stable")
    starts = np.r_[0, np.cumsum(sizes)[:-1]]
    var = pd.DataFrame(index=pd.Index(order, dtype=object))
    if "length" in rows and pd.api.types.is_numeric_dtype(rows["length"]):
        var["length"] = np.maximum.reduceat(rows["length"].to_numpy(dtype=float)[sorting], starts)
    summed = np.add.reduceat(values[:, sorting], starts, axis=1)
    if average:
        summed /= sizes
    if (sizes > 1).any():
        how = "averaged" if average else "summed"
        said = (
            f"{(sizes > 1).sum():,} gene names occur more than once; their {sizes[sizes > 1].sum():,} rows were {how}."
        )
        findings.append(Finding("mended", "duplicate genes", said))
    return np.ascontiguousarray(summed), var


def _coverage(found: pd.Index, wanted: pd.DataFrame, findings: list[Finding], path: Path) -> None:
    """Say how much of the reference is covered; refuse what cannot work."""
    common = found.isin(wanted.index).sum()
    share, own = common / len(wanted), common / len(found)
    absent, foreign = wanted.index[~wanted.index.isin(found)], found[~found.isin(wanted.index)]
    said = f"{common:,} of the {len(wanted):,} genes of the reference ({share:.0%}) are in the bulk"
    names = f"not in the bulk: {show(absent) or 'none'}; not in the reference: {show(foreign) or 'none'}"
    # a small panel whose own genes are mostly known has the right names: warn, do not refuse
    if (common < FEW_GENES and share < LOW_SHARE) or (share < FEW_SHARE and own < LOW_SHARE):
        raise DataError(
            f"{path.name} and the reference have only {common:,} genes in common "
            f"(of {len(found):,} and {len(wanted):,}; {names}).",
            f"at least {FEW_GENES} common genes and {FEW_SHARE:.0%} of the reference's",
            _reason(found, wanted.index),
        )
    level = "ok" if share >= LOW_SHARE else "warning"
    end = "" if level == "ok" else "; less than half: expect poor fractions, and look at the names"
    findings.append(Finding(level, "coverage", f"{said}{end} ({names})."))


def _reason(found: pd.Index, wanted: pd.Index) -> str:
    """Return the likely reason why names do not meet, and what to do."""
    kinds, species = [[f(list(names)) for names in (found, wanted)] for f in (gene_ids.identifier, gene_ids.species)]
    if species[0] != species[1] and "unknown" not in species:
        return (
            f"the bulk looks {species[0]}, the reference {species[1]}: take a reference of the same species, "
            "or map orthologs first (names are never changed to upper case)"
        )
    if kinds[0] != kinds[1]:
        return f"the bulk has {kinds[0]} names, the reference {kinds[1]} names: map one to the other"
    return "check that the rows are genes and that this is the right reference"
