"""Check of a bulk matrix: it is converted to a standard form, and every finding is reported in a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from unmix.errors import DataError, UsageError
from unmix.io import gene_ids, gene_match, gene_names, gene_tables, quality, samples, units
from unmix.io.orientation import NEED, Finding, gene_columns, load
from unmix.io.text import check_names, show

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from anndata import AnnData

FEW_GENES, FEW_SHARE, LOW_SHARE = 50, 0.05, 0.5


def read_bulk(
    path: Path | str,
    unit: str = "auto",
    genes: Sequence[str] | pd.DataFrame | None = None,
    species: str = "auto",
    orthologs: bool = False,
    gene_map: Mapping[str, str] | Path | str | None = None,
    of_others: bool = False,
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
        ``auto``, ``human``, ``mouse`` or ``rat``.
    orthologs
        Where bulk and reference are of different species, replace the genes of the bulk by their one-to-one orthologs.
    gene_map
        Name as the file has it -> gene, or a table of these two columns, for names that are not recognised. Names of
        a bulk that was checked before are not looked up again.
    of_others
        The table is for several files: one that has none of the names here is left out, and reported.

    Returns
    -------
    AnnData
        samples x genes, X dense float64, linear; see docs/data_contracts.md.
        ``uns["unmix"]["messages"]`` lists what was found and corrected.

    Raises
    ------
    DataError
        The file cannot be used; the message says why and what to do.
    """
    return examine(path, unit, genes, species, orthologs, gene_map, of_others)[0]


def examine(
    path: Path | str,
    unit: str = "auto",
    genes: Sequence[str] | pd.DataFrame | None = None,
    species: str = "auto",
    orthologs: bool = False,
    gene_map: Mapping[str, str] | Path | str | None = None,
    of_others: bool = False,
) -> tuple[AnnData, list[Finding]]:
    """Do what :func:`read_bulk` does and also return the findings, for check.tsv."""
    import anndata

    path = Path(path)
    units.parse(unit)
    findings: list[Finding] = []
    wanted = _wanted(genes)
    table, rows, checked = load(path, wanted, findings)
    table.index = _sample_names(table.index, path, findings)
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
        table, rows = samples.measured(table, rows, path, findings)
        table = samples.without_summaries(table, findings)
        if table.empty:
            raise DataError(f"{path.name} holds no gene with a value.", NEED, "give the expression matrix")
        _refuse_fractions(table, path)
        samples.refuse_cells(table, path, unit)
        found = units.decide(table.to_numpy(), unit, list(table.index))
        findings.append(Finding("ok" if found.log == "none" else "corrected", "unit", found.sentence))
        if found.doubt:
            findings.append(Finding("warning", "unit", found.doubt))
        values = units.linear(table.to_numpy(), found)
        facts = {"unit": found.name, "log": found.log}
    samples.refuse_impossible(values, table, path)
    table, values = samples.varying(table, values, path, findings)
    if not checked:
        findings += samples.repeated(table)
    gene_map = None if checked else gene_tables.read_map(gene_map)
    if gene_map is not None and of_others and not gene_names.knows(gene_map, rows.index):
        said = f"The table of gene names has none of the names in {path.name}: it was not used here."
        findings.append(Finding("ok", "gene names", said))
        gene_map = None
    labels = _name_genes(rows, wanted, species, orthologs, gene_map, findings, path)
    values, var = _sum_duplicates(values, labels, rows, facts["unit"] == "microarray", findings)
    if wanted is not None:
        _coverage(var.index, wanted, findings, path)
    size = f"{values.shape[0]} samples, {values.shape[1]:,} genes."
    findings.insert(0, Finding("ok", "size", size))
    obs = quality.measure(values, var.index, table.index.astype(str), facts["unit"])
    if not checked:
        findings += [*quality.findings(obs, len(var)), *quality.dominated(values, var.index, obs.index)]
        findings += quality.raised(values, obs.index, facts["unit"])
    bulk = anndata.AnnData(values, obs=obs, var=var)
    bulk.uns["unmix"] = {"kind": "bulk", **facts, "messages": [f.sentence for f in findings]}
    return bulk, findings


def _wanted(genes: Sequence[str] | pd.DataFrame | None) -> pd.DataFrame | None:
    if genes is None or isinstance(genes, pd.DataFrame):
        return genes
    return pd.DataFrame(index=pd.Index([str(name) for name in genes], dtype=object))


def _refuse_fractions(table: pd.DataFrame, path: Path) -> None:
    """Refuse a table of fractions given as bulk."""
    values = table.to_numpy()
    for axis, width in ((1, values.shape[1]), (0, values.shape[0])):
        if not 1 < width < 200 or np.nanmin(values) < 0:
            continue
        sums = np.nansum(values, axis)
        if any(np.allclose(sums, total, rtol=0.1) for total in (1, 100)):
            raise DataError(
                f"{path.name} looks like a table of fractions: {width} columns whose sums are about {sums[0]:.3g}.",
                NEED,
                "give the expression matrix; known fractions belong to --truth",
            )


def _sample_names(samples: pd.Index, path: Path, findings: list[Finding]) -> pd.Index:
    """Return the names of the samples without blanks around them; refuse what no table can hold."""
    given, samples = samples.astype(str), samples.astype(str).str.strip()
    check_names(samples, "sample", path.name)
    if (changed := given != samples).any():
        said = f"Blanks around names of samples were removed: {show(list(map(repr, given[changed])))}."
        findings.append(Finding("corrected", "samples", said))
    if samples.has_duplicates:
        twice = samples[samples.duplicated()].unique()
        raise DataError(
            f"{path.name}: {len(twice)} sample names occur more than once: {show(twice)}.",
            "one column per sample, each with its own name",
            "rename or remove the repeated columns (if these are values, the header line is missing)",
        )
    return samples


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


def _name_genes(
    rows: pd.DataFrame,
    wanted: pd.DataFrame | None,
    species: str,
    orthologs: bool,
    gene_map: Mapping[str, str] | None,
    findings: list[Finding],
    path: Path,
) -> np.ndarray:
    """Return the names under which genes are summed: the reference's where they meet."""
    theirs = [] if wanted is None else wanted.index
    names, said = gene_names.unwrapped(rows.index.astype(str), gene_ids.species(theirs), frozenset(theirs))
    if gene_map is not None:
        names, sentence = gene_names.mapped(names, gene_map, path.name)
        said.append(sentence)
    findings += [Finding("corrected", "gene names", sentence) for sentence in said]
    given = {"names": names}
    for column in gene_columns(rows):
        given[column] = rows[column].astype(str).str.strip().to_numpy(dtype=object)
    found = None if wanted is None else gene_match.match(given, wanted, orthologs)
    if found is None:
        column = next(
            (name for name in given if name != "names" and gene_ids.identifier(given[name]) == "symbol"), "names"
        )
        labels = gene_ids.strip_version(given[column])
    else:
        labels = found.names
        findings.append(Finding("ok", "gene names", found.said[0]))
        findings += [Finding("corrected", "orthologs", sentence) for sentence in found.said[1:]]
    blank = np.isin(labels, ("", "nan", "-", "NA"))
    labels = np.where(blank, given["names"], labels)
    kind, of = gene_ids.identifier(labels), gene_ids.species(names) if found is None else found.of
    findings.append(Finding("ok", "identifiers", f"Gene identifiers: {kind}; species, from the names: {of}."))
    shared = 0 if found is None else found.common / len(wanted)
    if kind in gene_names.NOT_GENES and shared < LOW_SHARE:  # the reference may have the same probes
        findings.append(Finding("warning", "identifiers", gene_names.NOT_GENES[kind].format(show(labels))))
    if dates := [name for name in labels if gene_names.is_date(name)]:
        findings.append(Finding("warning", "identifiers", gene_names.lost(dates)))
    if species != "auto" and of not in ("unknown", species):
        raise DataError(
            f"The gene names are spelled as in {of} ({show(labels)}), but --species {species} was declared.",
            f"{species} gene names",
            "check the file; names are never changed to upper case, because mouse and human genes differ",
        )
    if found is not None and not orthologs:
        gene_match.refuse_other_species(found, path.name, names, wanted)
    return labels


def _sum_duplicates(
    values: np.ndarray, labels: np.ndarray, rows: pd.DataFrame, average: bool, findings: list[Finding]
) -> tuple[np.ndarray, pd.DataFrame]:
    """Return one column per gene, sorted by name, and its annotation."""
    labels = labels.astype(str)
    if not average and (again := samples.repeated_rows(values, labels)).any():
        said = (
            f"{again.sum():,} rows that repeat another row of the same gene were left out: {show(set(labels[again]))}."
        )
        findings.append(Finding("corrected", "duplicate genes", said))
        values, labels, rows = values[:, ~again], labels[~again], rows[~again]
    order, codes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    sorting = np.argsort(codes, kind="stable")
    starts = np.r_[0, np.cumsum(sizes)[:-1]]
    var = pd.DataFrame(index=pd.Index(order, dtype=object))
    if "length" in rows and pd.api.types.is_numeric_dtype(rows["length"]):
        var["length"] = np.maximum.reduceat(rows["length"].to_numpy(dtype=float)[sorting], starts)
    if (sorting != np.arange(len(labels))).any():
        values = values[:, sorting]
    summed = np.add.reduceat(values, starts, axis=1) if len(starts) < len(labels) else values
    if average:
        summed = summed / sizes
    if (sizes > 1).any():
        how = "averaged" if average else "summed"
        said = (
            f"{(sizes > 1).sum():,} gene names occur more than once; their {sizes[sizes > 1].sum():,} rows were {how}."
        )
        findings.append(Finding("corrected", "duplicate genes", said))
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
    end = "" if level == "ok" else "; less than half, so the estimates will be inaccurate; check the gene names"
    findings.append(Finding(level, "coverage", f"{said}{end} ({names})."))


def few_shared(found: pd.Index, wanted: pd.DataFrame) -> list[str]:
    """Return the common genes if a bulk has less than half of the reference's: methods should learn from these."""
    common = wanted.index.isin(found)
    return sorted(wanted.index[common].astype(str)) if common.mean() < LOW_SHARE else []


def _reason(found: pd.Index, wanted: pd.Index) -> str:
    """Return the likely reason why names do not meet, and what to do."""
    kinds = [gene_ids.identifier(list(names)) for names in (found, wanted)]
    if kinds[0] != kinds[1]:
        return f"the bulk has {kinds[0]} names, the reference {kinds[1]} names: {gene_names.HOW_TO_MAP}"
    return "check that the rows are genes and that this is the right reference"
