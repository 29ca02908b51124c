"""The orientation of a bulk file: which axis are the genes, and which columns are not samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from unmix.errors import DataError
from unmix.io import columns, formats, gene_groups, gene_ids, gene_tables, matrices, tables, tenx
from unmix.io.text import show

if TYPE_CHECKING:
    from pathlib import Path

    from anndata import AnnData

#: Columns of names of genes beside the samples; others are found by their content.
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
#: Share of equal numbers, or of numbers with decimals, above which those of the first column are no identifiers.
EQUAL = 0.05
NEED = "expression of genes x samples (or samples x genes), as TSV, CSV or h5ad"


#: Share of known symbols, or likeness to genes, from which on a column of text names genes.
ALIKE = 0.6


class Finding(NamedTuple):
    """A row of check.tsv: ``level`` is ok, corrected or warning."""

    level: str
    what: str
    sentence: str


def load(
    path: Path, wanted: pd.DataFrame | None, findings: list[Finding]
) -> tuple[pd.DataFrame, pd.DataFrame, dict | None]:
    """Return (samples x genes, annotation of the genes, facts of an earlier check)."""
    formats.refuse_foreign(path)
    market = tenx.is_10x(path)
    if market or tables.is_h5ad(path):
        data = tenx.read(path) if market else tables.read_h5ad(path)
        facts = data.uns.get("unmix", {})
        if facts.get("kind") == "bulk" and data.X is not None:
            return pd.DataFrame(_dense(data.X), index=data.obs_names, columns=data.var_names), data.var, dict(facts)
        X, var = _fullest(data, path, findings)
        rows, said = data.obs, "The matrix holds genes in rows; it was transposed."
        if _genes_in_rows(rows.index, var.index, wanted):
            findings.append(Finding("corrected", "orientation", said))
            X, var, rows = X.T, rows, var
        kept, var, sentences = matrices.genes(var, path.name)
        findings += [Finding("corrected", "features", sentence) for sentence in sentences]
        return pd.DataFrame(X if kept is None else X[:, kept], index=rows.index, columns=var.index), var, None
    table = tables.read_table(path)
    findings += [Finding("corrected", "file", sentence) for sentence in table.attrs["messages"]]
    return *_genes_alone(*_orient(table, path, wanted, findings), findings), None


def gene_columns(rows: pd.DataFrame) -> list[str]:
    """Return the columns that name the genes of the rows, by their names or by their content."""
    known = [name for name in GENE_NAMES if name in rows]
    texts = [name for name in rows if name not in known and not pd.api.types.is_numeric_dtype(rows[name])]
    return [*known, *(name for name in texts if _names_genes(rows[name].astype(str).str.strip()))]


def _names_genes(names: pd.Series) -> bool:
    return gene_ids.likeness(list(names)) >= ALIKE or names.isin(gene_tables.known_symbols()).mean() >= ALIKE


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
    whole = matrices.transcriptomes({name: X.shape[1] for name, (X, _) in usable.items()})
    usable = {name: usable[name] for name in whole}
    if not usable and data.X is None:
        raise DataError(
            f"{path.name} has no X and no layer that holds expression ({show(held)}).",
            tables.H5AD,
            "write the counts to X",
        )
    if not usable and matrices.is_mask(_dense(data.X)):
        raise DataError(
            f"{path.name} contains 0 and 1 only: detection, not amounts.", NEED, "give the file with the counts"
        )
    if not usable:  # what is wrong with X is said by the check of its values
        return _dense(data.X), data.var
    chosen = next(iter(usable), "X")
    if len(usable) > 1:
        counts = {name: np.nansum(X) for name, (X, _) in usable.items() if matrices.whole(X)}
        chosen = max(counts, key=counts.get) if counts else chosen
    if chosen != "X":
        findings.append(Finding("ok", "matrix", f"Expression was taken from {chosen}, not from X."))
    return usable[chosen]


def _dense(matrix: Any) -> np.ndarray:
    return (matrix.toarray() if hasattr(matrix, "toarray") else np.asarray(matrix)).astype(np.float64, copy=False)


def _orient(
    table: pd.DataFrame, path: Path, wanted: pd.DataFrame | None, findings: list[Finding]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part the samples from the columns that describe genes; return samples x genes."""
    table = _named_by_column(_with_first_row(table, path, findings), findings)
    text = np.array([pd.api.types.is_object_dtype(dtype) for dtype in table.dtypes])
    names = [str(name) for name in table.columns]
    columns.refuse_quantities([name for name, words in zip(names, text, strict=True) if not words], path)
    lower = [name.strip().lower().replace(" ", "_") for name in names]
    beside = np.array([name in GENE_NAMES or columns.plain(name) in columns.OF_GENES for name in lower])
    extra = [name for name, out in zip(names, text & ~beside, strict=True) if out]
    if not (~(beside | text)).any():
        raise DataError(f"{path.name} holds no column of numbers.", NEED, "check the file and its separator")
    numbers = table.loc[:, ~(beside | text)]
    in_rows = _genes_in_rows(numbers.index, numbers.columns, wanted)
    strange = columns.foreign(numbers, columns.OF_GENES if in_rows else set())
    if strange:
        listed = "; ".join(f"{name} ({why})" for name, why in strange.items())
        findings.append(
            Finding("warning", "columns", f"Columns of numbers ignored, because they are not samples: {listed}.")
        )
        numbers = numbers.loc[:, [name not in strange for name in numbers.columns.astype(str)]]
    if in_rows:
        rows = table.loc[:, beside | text]
        rows.columns = [lower[i] if beside[i] else name for i, name in enumerate(names) if (beside | text)[i]]
        if beside.any():
            kept = f"Columns beside the samples: {show(table.columns[beside])}."
            findings.append(Finding("ok", "columns", kept))
        table = numbers.T
    else:
        numbers = _without_descriptions(numbers, wanted, findings)
        table, rows = numbers, pd.DataFrame(index=numbers.columns)
        said = "The table holds samples in rows and genes in columns; it was read that way."
        findings.append(Finding("ok", "orientation", said))
    if extra:
        findings.append(Finding("corrected", "columns", f"Columns of text are no samples: {show(extra)}."))
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


def _genes_alone(table: pd.DataFrame, rows: pd.DataFrame, findings: list[Finding]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return samples x genes and the annotation of the genes, without what is no gene."""
    none = gene_groups.no_genes(table.columns)
    if none.any():
        said = f"Rows removed, because they are not genes: {show(table.columns[none])}."
        findings.append(Finding("corrected", "rows", said))
        table, rows = table.loc[:, ~none], rows[~none]
    return table, rows


def _without_descriptions(numbers: pd.DataFrame, wanted: pd.DataFrame | None, findings: list[Finding]) -> pd.DataFrame:
    """Leave out columns that describe samples in rows, such as their age; a gene of the reference stays."""
    known = set() if wanted is None else set(wanted.index.astype(str))
    counts = {"index", "unnamed:0", "level"}
    described = [columns.describes_samples(name) or columns.plain(name) in counts for name in numbers.columns]
    out = np.array(described) & ~numbers.columns.astype(str).isin(known)
    if out.any():
        said = f"Columns ignored, because they describe samples: {show(numbers.columns[out])}."
        findings.append(Finding("corrected", "columns", said))
    return numbers.loc[:, ~out]


def _with_first_row(table: pd.DataFrame, path: Path, findings: list[Finding]) -> pd.DataFrame:
    """Give a table without a header its first gene back, which was read as names of columns."""
    values = pd.to_numeric(pd.Series(table.columns), errors="coerce")
    first = str(table.index.name or "")
    if values.isna().any() or not _is_gene(first, table.index):
        return table
    if gene_groups.NO_GENE.fullmatch(first) and len(values) == 3:
        raise DataError(
            f"{path.name} is STAR's ReadsPerGene table of one sample: its columns count reads unstranded, of the first "
            "and of the second strand.",
            "one column per sample",
            "take the column of your protocol from every sample, and join these columns with a header",
        )
    if not all(pd.api.types.is_numeric_dtype(dtype) for dtype in table.dtypes):
        raise DataError(f"{path.name} has no header.", NEED, "add a first line: gene, then the sample names")
    stem = path.name.split(".")[0]
    names = [stem] if len(values) == 1 else [f"{stem}_{number}" for number in range(1, len(values) + 1)]
    row = pd.DataFrame([values.to_numpy(float)], index=[first], columns=names)
    said = f"The table has no header: its first line is the gene {first!r}; the samples were named {show(names)}."
    findings.append(Finding("corrected", "header", said))
    return pd.concat([row, table.set_axis(names, axis=1).rename_axis(None)])


def _named_by_column(table: pd.DataFrame, findings: list[Finding]) -> pd.DataFrame:
    """Give rows the names that a column holds, where the first column holds numbers that name no gene.

    They count the rows (as pandas and R write them); or many are equal or have decimals, as values of a sample: then
    the first column is a sample, unless its name is that of a column that describes genes.
    """
    rows = pd.to_numeric(pd.Series(table.index), errors="coerce")
    if len(table) < 2 or rows.isna().any():
        return table
    counted = rows[0] in (0, 1) and (np.diff(rows) == 1).all()
    first = str(table.index.name or "")
    if not counted and not (first and (rows.duplicated().mean() > EQUAL or (rows % 1 > 0).mean() > EQUAL)):
        return table
    texts = [at for at in range(table.shape[1]) if pd.api.types.is_object_dtype(table.dtypes.iloc[at])]
    named = [at for at in texts if table.iloc[:, at].nunique() > 0.9 * len(table)]
    if not named:
        return table
    best = max(named, key=lambda at: (gene_ids.likeness(list(table.iloc[:, at])), -at))
    found = table.set_axis(pd.Index(table.iloc[:, best].astype(str), dtype=object), axis=0)
    found = found.iloc[:, [at for at in range(table.shape[1]) if at != best]]
    said = f"their names were taken from the column {table.columns[best]!r}."
    if counted:
        said = f"The rows are only numbered; {said}"
    elif columns.plain(first) in columns.OF_GENES:
        said = f"The first column, {first!r}, does not name the genes; {said}"
    else:
        said = f"The first column, {first!r}, holds values and no names of genes: it is a sample; {said}"
        found.insert(0, first, rows.to_numpy(float))
    findings.append(Finding("corrected", "names", said))
    return found


def _is_gene(name: str, others: pd.Index) -> bool:
    """Say whether a name is one of a gene, as the names below it are."""
    if gene_groups.NO_GENE.fullmatch(name):
        return True
    kind = gene_ids.identifier(others)
    if kind == "symbol":
        return name in gene_tables.known_symbols()
    return kind != "unknown" and bool(gene_ids.KINDS[kind].fullmatch(name))
