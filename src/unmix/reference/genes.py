"""Genes that several files have in common, under one name each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from unmix.errors import DataError
from unmix.io import gene_ids

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unmix.reference.single_cells import Matrix

#: Columns of var that hold symbols, and Ensembl identifiers.
SYMBOL_COLUMNS = ("feature_name", "gene_symbols", "gene_symbol", "gene_name", "gene_short_name", "symbol", "Symbol")
ID_COLUMNS = ("gene_ids", "gene_id", "ensembl_id", "ensembl", "ensembl_gene_id", "feature_id", "ENSEMBL")


def join(matrices: Sequence[Matrix], files: Sequence[str]) -> tuple[pd.DataFrame, list[sparse.csr_matrix]]:
    """Return the common genes (sorted) and, per file, the matrix that sums its genes into them."""
    tables = [_gene_table(matrix.var) for matrix in matrices]
    common = sorted(set.intersection(*(set(table.index) for table in tables)))
    if not common:
        examples = "; ".join(f"{name}: {', '.join(t.index[:3])}" for name, t in zip(files, tables, strict=True))
        raise DataError(f"The inputs have no gene in common ({examples}).", "the same identifiers", "map them first")
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


def _gene_table(var: pd.DataFrame) -> pd.DataFrame:
    """Return names (symbols where the file has them) as index, and gene_id where known."""
    names = pd.Index(gene_ids.strip_version(var.index.astype(str)), dtype=object)
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
