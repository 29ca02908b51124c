"""Which matrix of an h5ad holds the expression, which of its columns are genes, and how these are named."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from unmix.errors import DataError
from unmix.io import gene_groups, gene_ids
from unmix.io.logarithms import BASES
from unmix.io.text import show

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Columns of var that say what a feature is: a gene, an antibody, a guide (10x, muon).
FEATURE_TYPES = ("feature_types", "feature_type", "modality")
#: Layers that hold a part of the counts, or no counts: lengths and replicates of tximport, what DESeq2 computes.
PARTIAL = re.compile(
    r"(un)?spliced|ambiguous|ambient|background|mature|nascent|intron\w*|mask|M[su]|velocity|fit_\w+"
    r"|(\w+[_.])?(length|width)s?|avgTxLength|infReps?\d*|mu|H|cooks|replaceCounts|weights|offsets?"
    r"|normalizationFactors|(z_?|p_?)(scores?|vals?|values?)"
)
#: Genes from which on a table is taken as the whole transcriptome, not a panel, a signature or a selection.
WHOLE = 10_000
#: Rows of a block (see :func:`row_blocks`).
ROWS = 256


def partial(name: str) -> bool:
    """Say whether a matrix holds only a part of the expression by its name, such as ``layers['unspliced']``."""
    layer = re.search(r"\['(.*)'\]", name)
    return layer is not None and bool(PARTIAL.fullmatch(layer[1]))


def transcriptomes(genes: Mapping[str, int]) -> list[str]:
    """Return the matrices that hold no selection of the genes of another one, by the number of their genes.

    A selection, such as the most variable genes, is no whole transcriptome and has less than half of another's genes.
    """
    most = max(genes.values(), default=0)
    return [name for name, number in genes.items() if number >= min(WHOLE, most / 2)]


def is_mask(values: np.ndarray) -> bool:
    """Say whether values are only zeros and ones, as marks of what was seen are."""
    return bool(((values == 0) | (values == 1)).all())


def whole(values: np.ndarray) -> bool:
    """Say whether values are whole numbers, as counts are."""
    filled, integers = (part.sum() for part in filled_and_whole(np.atleast_2d(values)))
    return bool(integers > 0.999 * filled)


def filled_and_whole(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how many values of every row are finite and not 0, and how many of these are whole numbers."""
    counts = np.zeros((2, len(values)), np.int64)
    for rows in row_blocks(values):
        block = values[rows]
        filled = np.isfinite(block) & (block != 0)
        counts[0, rows] = filled.sum(axis=1)
        counts[1, rows] = (filled & (block == np.rint(block))).sum(axis=1)
    return counts[0], counts[1]


def row_blocks(values: np.ndarray) -> Iterator[slice]:
    """Return slices over the rows of a matrix, so that what is computed from it takes little memory beside it."""
    return (slice(start, start + ROWS) for start in range(0, len(values), ROWS))


def logged(uns: Mapping) -> str | None:
    """Return the base of the logarithm that scanpy has noted in ``uns["log1p"]``, None without a note."""
    note = uns.get("log1p")
    if note is None:
        return None
    base = note.get("base") if hasattr(note, "get") else None
    if base is None:
        return "e"
    return next((label for label, value in BASES.items() if np.isclose(float(np.asarray(base)), value)), None)


def genes(var: pd.DataFrame, file: str) -> tuple[np.ndarray | None, pd.DataFrame, list[str]]:
    """Return which columns of a matrix are genes (None: all), their annotation under their names, and what to say.

    Parameters
    ----------
    var
        Annotation of the columns, as an AnnData file holds it.
    file
        Its name, for messages.

    Returns
    -------
    tuple
        Mask or None; annotation of the genes; sentences, on antibodies, spike-ins and other features that were left
        out, and on names that stood in a column.

    Raises
    ------
    DataError
        No feature is gene expression, or the genes are numbered and no column names them.
    """
    said = []
    column = next((name for name in FEATURE_TYPES if name in var), None)
    kept = None
    if column is not None:
        types = var[column].astype(str).str.lower().str.replace(r"[\s_-]", "", regex=True)
        other = types.notna() & ~types.isin(("geneexpression", "rna", "gene", "nan", "none", ""))
        if other.all():
            raise DataError(
                f"{file}: no feature is gene expression; {column} holds {show(var[column].unique())}.",
                "a matrix of gene expression",
                "give the file with the genes",
            )
        if other.any():
            kept = ~other.to_numpy()
            kinds = ", ".join(
                f"{n:,} of {kind}" for kind, n in var.loc[other, column].value_counts(sort=False).items() if n
            )
            said.append(f"Features that are not gene expression were left out ({column}): {kinds}.")
            var = var[kept]
    var, named = _named(var, file)
    if (none := gene_groups.no_genes(var.index)).any():
        said.append(f"Rows that are no genes were left out: {show(var.index[none])}.")
        kept = np.ones(len(var), bool) if kept is None else kept
        kept[kept] = ~none
        var = var[~none]
    return kept, var, [*named, *said]


def _named(var: pd.DataFrame, file: str) -> tuple[pd.DataFrame, list[str]]:
    """Give genes that are only numbered the names that a column holds, as files exported from Seurat have them."""
    numbers = pd.to_numeric(pd.Series(var.index.astype(str)), errors="coerce")
    if len(var) < 2 or numbers.isna().any() or not (np.diff(numbers) == 1).all() or numbers[0] not in (0, 1):
        return var, []
    texts = {str(name): var[name].astype(str) for name in var if not pd.api.types.is_numeric_dtype(var[name])}
    likely = {
        name: (gene_ids.likeness(list(values)), gene_ids.identifier(values) == "symbol")
        for name, values in texts.items()
        if values.nunique() > 0.9 * len(var) and gene_ids.identifier(values) in ("symbol", "Ensembl")
    }
    best = max(likely, key=likely.get, default=None)
    if best is None:
        raise DataError(
            f"{file}: the genes are numbered ({show(var.index)}), and no column of var names them"
            f"{f' (it has {show(list(var))})' if len(var.columns) else ''}.",
            "names of genes in var_names or in a column of var",
            "export the file again with the names of the genes",
        )
    said = f"The genes are numbered in var_names; their names were taken from the column {best!r}."
    return var.set_axis(pd.Index(texts[best].to_numpy(dtype=object)), axis=0), [said]


def repeated(names: pd.Index) -> list[str]:
    """Return a sentence on names of genes that occur more than once; none where there are none."""
    twice = names.duplicated(keep=False)
    if not twice.any():
        return []
    some = names[twice].unique()
    said = f"{len(some):,} names of genes occur more than once ({show(some)}); their {twice.sum():,} rows are summed."
    return [said]
