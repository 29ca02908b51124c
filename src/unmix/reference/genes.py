"""Genes that several files have in common, under one name each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from unmix.errors import DataError
from unmix.io import gene_ids, gene_match, gene_names
from unmix.io.text import show

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from unmix.reference.single_cells import Matrix

#: Columns of var that hold symbols, and Ensembl identifiers.
SYMBOL_COLUMNS = ("feature_name", "gene_symbols", "gene_symbol", "gene_name", "gene_short_name", "symbol", "Symbol")
ID_COLUMNS = ("gene_ids", "gene_id", "ensembl_id", "ensembl", "ensembl_gene_id", "feature_id", "ENSEMBL")


#: What several files must have in common: these shares of the genes of the smallest and of the largest file, unless
#: so many genes are common.
OF_SMALLEST, OF_LARGEST, ENOUGH = 1 / 3, 1 / 10, 5000


def join(
    matrices: Sequence[Matrix],
    files: Sequence[str],
    messages: list[str],
    orthologs: bool = False,
    gene_map: Mapping[str, str] | None = None,
) -> tuple[pd.DataFrame, list[sparse.csr_matrix]]:
    """Return the common genes (sorted) and, per file, the matrix that sums its genes into them.

    Identifiers become symbols where the file names these or where other files hold symbols; then the names of every
    file are matched with those of the first, as the names of a bulk are (:func:`unmix.io.gene_match.match`).

    Raises
    ------
    DataError
        The files have few genes in common; the message says whether identifiers, species or a panel is the reason.
    """
    tables = [_gene_table(matrix.var, name, messages, gene_map) for matrix, name in zip(matrices, files, strict=True)]
    kinds = [gene_ids.identifier(table.index) for table in tables]
    if len(set(kinds)) > 1:
        for table, kind, name in zip(tables, kinds, files, strict=True):
            if kind not in ("symbol", "unknown"):
                _translate(table, kind, name, messages)
    for table, name in zip(tables[1:], files[1:], strict=True):
        _match(table, tables[0], name, orthologs, messages)
    common = sorted(set.intersection(*(set(table.index) for table in tables)))
    if len(files) > 1:
        _check_common(len(common), tables, files, messages)
    var = pd.DataFrame(index=pd.Index(common, dtype=object))
    for table in tables:
        if "gene_id" in table and "gene_id" not in var:
            var["gene_id"] = table.loc[~table.index.duplicated(), "gene_id"].reindex(common).to_numpy()
    projections = []
    for table in tables:
        to = var.index.get_indexer(table.index)
        kept = np.flatnonzero(to >= 0)
        shape = (len(table), len(common))
        projections.append(sparse.csr_matrix((np.ones(kept.size), (kept, to[kept])), shape=shape))
    return var, projections


def _check_common(common: int, tables: Sequence[pd.DataFrame], files: Sequence[str], messages: list[str]) -> None:
    """Refuse files with few genes in common, with the reason."""
    sizes = [table.index.nunique() for table in tables]
    listed = ", ".join(f"{name}: {size:,}" for name, size in zip(files, sizes, strict=True))
    said = f"The files have {common:,} genes in common ({listed})."
    if common >= min(ENOUGH, max(1, OF_SMALLEST * min(sizes), OF_LARGEST * max(sizes))):
        messages.append(f"{said} The reference holds these.")
        return
    for what, of in (("identifiers", gene_ids.identifier), ("species", gene_ids.species)):
        found = [of(table.index) for table in tables]
        if len(set(found) - {"unknown"}) > 1:
            named = ", ".join(f"{name}: {one}" for name, one in zip(files, found, strict=True))
            raise DataError(
                f"{said} They differ in their {what} ({named}).", f"the same {what}", "give files of one kind"
            )
    if common < OF_LARGEST * max(sizes) and common >= OF_SMALLEST * min(sizes):
        few = files[int(np.argmin(sizes))]
        raise DataError(
            f"{said} {few} is a panel or a choice of variable genes, and the joined reference would hold no others.",
            "files with all genes",
            f"take the file of {few} with all genes, or prepare the reference without it",
        )
    examples = "; ".join(f"{name}: {show(table.index, 3)}" for name, table in zip(files, tables, strict=True))
    raise DataError(f"{said} Their names differ ({examples}).", "the same names of genes", "map them first")


def _match(table: pd.DataFrame, first: pd.DataFrame, name: str, orthologs: bool, messages: list[str]) -> None:
    """Give the genes of a table the names that the first file has for them, in place."""
    found = gene_match.match({"names": table.index}, first, orthologs)
    if not orthologs:
        gene_match.refuse_other_species(found, name, table.index, first)
    if list(found.names) != list(table.index):
        messages += [f"{name}: {sentence}" for sentence in found.said]
        table.index = pd.Index(found.names, dtype=object)


def _translate(table: pd.DataFrame, kind: str, name: str, messages: list[str]) -> None:
    """Give a table of identifiers their symbols, in place."""
    ids = table.index.to_numpy(dtype=object)
    symbols = gene_ids.translate(list(ids))
    if kind == "Ensembl":
        table["gene_id"] = ids
    table.index = pd.Index(symbols, dtype=object)
    messages.append(
        f"{name}: {np.sum(symbols != ids):,} of {len(ids):,} {kind} identifiers became symbols, as in the other files."
    )


def _gene_table(var: pd.DataFrame, name: str, messages: list[str], gene_map: Mapping[str, str] | None) -> pd.DataFrame:
    """Return names (symbols where the file has them) as index, and gene_id where known."""
    unwrapped, said = gene_names.unwrapped(list(var.index.astype(str)))
    if gene_map is not None:
        unwrapped, sentence = gene_names.mapped(unwrapped, gene_map, name)
        said.append(sentence)
    messages += [f"{name}: {sentence}" for sentence in said]
    names = pd.Index(gene_ids.strip_version(unwrapped), dtype=object)
    table = pd.DataFrame(index=names)
    if gene_ids.identifier(names) == "Ensembl":
        symbol = next((column for column in SYMBOL_COLUMNS if column in var), None)
        if symbol is not None:
            texts = var[symbol].astype(str).to_numpy(dtype=object)
            table.index = pd.Index(np.where(np.isin(texts, ("", "nan", "None")), names, texts), dtype=object)
            table["gene_id"] = names.to_numpy()
        return table
    for column in ID_COLUMNS:
        if column in var and gene_ids.identifier(var[column].astype(str)) == "Ensembl":
            table["gene_id"] = gene_ids.strip_version(var[column].astype(str))
            break
    return table
