"""The layout of a bulk file: which axis holds the genes, what stands beside the samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from unmix.errors import DataError
from unmix.io import gene_ids, matrices, tables
from unmix.io.text import show

if TYPE_CHECKING:
    from pathlib import Path

    from anndata import AnnData

#: Columns beside the samples that quantification tools write.
GENE_NAMES = (
    "gene_name",
    "gene_symbol",
    "symbol",
    "gene",
    "description",
    "gene_id",
    "geneid",
    "ensembl",
    "hgnc_symbol",
)
ANNOTATION = {
    *GENE_NAMES,
    *("chr", "chrom", "chromosome", "start", "end", "strand", "length", "gene_length", "width", "effective_length"),
    *("entrez", "entrezid", "entrez_id", "entrezgene", "biotype", "gene_biotype", "gene_type", "reference"),
    *("transcript_id(s)", "tx_id", "source"),
}
#: Columns of the per-sample files of RSEM, salmon, kallisto, StringTie.
QUANTITIES = {"tpm", "fpkm", "expected_count", "numreads", "est_counts", "coverage", "isopct", "eff_length"}
#: Rows that htseq-count and STAR add below the genes.
SUMMARY_ROW = r"__.*|N_(unmapped|multimapping|noFeature|ambiguous)"
NEED = "expression of genes x samples (or samples x genes), as TSV, CSV or h5ad"


class Finding(NamedTuple):
    """A row of check.tsv: ``level`` is ok, mended or warning."""

    level: str
    what: str
    sentence: str


def load(
    path: Path, wanted: pd.DataFrame | None, findings: list[Finding]
) -> tuple[pd.DataFrame, pd.DataFrame, dict | None]:
    """Return (samples x genes, annotation of the genes, facts of an earlier check)."""
    if tables.is_h5ad(path):
        data = tables.read_h5ad(path)
        facts = data.uns.get("unmix", {})
        if facts.get("kind") == "bulk" and data.X is not None:
            return pd.DataFrame(_dense(data.X), index=data.obs_names, columns=data.var_names), data.var, dict(facts)
        X, var = _fullest(data, path, findings)
        table = pd.DataFrame(X, index=data.obs_names, columns=var.index)
        if _genes_in_rows(table.index, table.columns, wanted):
            findings.append(Finding("mended", "orientation", "The matrix holds genes in rows; it was transposed."))
            return table.T, data.obs, None
        return table, var, None
    table = tables.read_table(path)
    findings += [Finding("mended", "file", sentence) for sentence in table.attrs["messages"]]
    return *_orient(table, path, wanted, findings), None


def _fullest(data: AnnData, path: Path, findings: list[Finding]) -> tuple[np.ndarray, pd.DataFrame]:
    """Return the fullest matrix of counts of a file, else X, and the annotation of its genes; say which if not X."""
    held = {} if data.X is None else {"X": (data.X, data.var)}
    held |= {f"layers[{key!r}]": (layer, data.var) for key, layer in data.layers.items()}
    if data.raw is not None:
        held["raw.X"] = data.raw.X, data.raw.var
    usable = {}
    for name, (matrix, var) in held.items():
        X = _dense(matrix)
        if X.size and not matrices.is_mask(X) and not np.nanmin(X) < 0 and not matrices.partial(name):
            usable[name] = X, var
    if not usable and data.X is None:
        raise DataError(
            f"{path.name} has no X and no layer that holds expression ({show(held)}).",
            tables.H5AD,
            "write the counts to X",
        )
    if not usable:  # what is wrong with X is said by the check of its values
        return _dense(data.X), data.var
    counts = {name: np.nansum(X) for name, (X, _) in usable.items() if matrices.whole(X)}
    chosen = max(counts, key=counts.get) if counts else next(iter(usable))
    if chosen != "X":
        findings.append(Finding("ok", "matrix", f"Expression was taken from {chosen}, not from X."))
    return usable[chosen]


def _dense(matrix: Any) -> np.ndarray:
    return (matrix.toarray() if hasattr(matrix, "toarray") else np.asarray(matrix)).astype(np.float64)


def _orient(
    table: pd.DataFrame, path: Path, wanted: pd.DataFrame | None, findings: list[Finding]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part the samples from the columns that describe genes; return samples x genes."""
    lower = [str(name).strip().lower() for name in table.columns]
    _refuse_one_sample(lower, path)
    if gene_ids.likeness([table.columns[0]]) == 1 and pd.to_numeric(table.columns[1:], errors="coerce").notna().all():
        raise DataError(f"{path.name} has no header.", NEED, "add a first line: gene, then the sample names")
    beside = np.array([name in ANNOTATION for name in lower])
    text = np.array([pd.api.types.is_object_dtype(dtype) for dtype in table.dtypes])
    extra = [str(name) for name in table.columns[text & ~beside]]
    if not (~(beside | text)).any():
        raise DataError(f"{path.name} holds no column of numbers.", NEED, "check the file and its separator")
    numbers = table.loc[:, ~(beside | text)]
    if _genes_in_rows(numbers.index, numbers.columns, wanted):
        rows = table.loc[:, beside | text]
        rows.columns = [lower[i] if beside[i] else name for i, name in enumerate(table.columns) if (beside | text)[i]]
        if beside.any():
            kept = f"Columns beside the samples: {show(table.columns[beside])}."
            findings.append(Finding("ok", "columns", kept))
        numbers, rows = _without_summary(numbers, rows, findings)
        table = numbers.T
    else:
        table, rows = numbers, pd.DataFrame(index=numbers.columns)
        said = "The table holds samples in rows and genes in columns; it was read that way."
        findings.append(Finding("ok", "orientation", said))
    if extra:
        findings.append(Finding("mended", "columns", f"Columns of text left out: {show(extra)}."))
    return table, rows


def _genes_in_rows(rows: pd.Index, columns: pd.Index, wanted: pd.DataFrame | None) -> bool:
    """Say whether the rows (not the columns) are genes: by the reference, by look, by number."""
    scores = [_geneness(names, wanted) for names in (rows, columns)]
    if scores[0] == scores[1]:
        scores = [gene_ids.likeness(list(names)) for names in (rows, columns)]
    if scores[0] == scores[1]:
        return len(rows) >= len(columns)
    return scores[0] > scores[1]


def _geneness(names: pd.Index, wanted: pd.DataFrame | None) -> float:
    if wanted is None:
        return 0.0
    known = {*gene_ids.strip_version(wanted.index.astype(str))}
    if "gene_id" in wanted:
        known |= {*gene_ids.strip_version(wanted["gene_id"].astype(str))}
    return len(known & {*gene_ids.strip_version(names.astype(str))})


def _without_summary(
    numbers: pd.DataFrame, rows: pd.DataFrame, findings: list[Finding]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    summary = numbers.index.str.fullmatch(SUMMARY_ROW)
    if summary.any():
        said = f"Rows that are no genes left out: {show(numbers.index[summary])}."
        findings.append(Finding("mended", "rows", said))
    return numbers[~summary], rows[~summary]


def _refuse_one_sample(lower: list[str], path: Path) -> None:
    if set(lower) & QUANTITIES and set(lower) <= QUANTITIES | ANNOTATION:
        raise DataError(
            f"{path.name} is the quantification of one sample (columns {show(lower)}).",
            "one table with a column per sample",
            "merge the samples first, for example with tximport, or take nf-core/rnaseq's salmon.merged.gene_tpm.tsv",
        )
