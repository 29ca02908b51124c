"""Matrix Market files with their companions: folders of Cell Ranger, as they are or as GEO renames them, and others."""

from __future__ import annotations

import re
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from unmix.errors import DataError
from unmix.io import structure, text
from unmix.io.text import show

if TYPE_CHECKING:
    from anndata import AnnData

NEED = "matrix.mtx, features.tsv (or genes.tsv) and barcodes.tsv, plain or .gz, or the .h5 that Cell Ranger writes"
#: Ends of the names of companions: of the cells, and of the genes (10x, STARsolo, kallisto bustools, alevin-fry).
COMPANIONS = {
    "cells": re.compile(r"(barcodes?|cells?|cell_names|rows)\.(tsv|txt|csv)(\.gz)?", re.IGNORECASE),
    "genes": re.compile(r"(features?|genes?|gene_names|cols)\.(tsv|txt|csv)(\.gz)?", re.IGNORECASE),
}
_MATRIX = re.compile(r"(?P<stem>.*?)(?P<word>matrix|counts?|)\.mtx(\.gz)?", re.IGNORECASE)
_H5 = "filtered_feature_bc_matrix.h5"


def is_matrix_market(path: Path) -> bool:
    """Say whether a file is named as Matrix Market."""
    return path.name.lower().endswith((".mtx", ".mtx.gz"))


def is_10x(path: Path) -> bool:
    """Say whether a path is a folder, Matrix Market, or the .h5 of Cell Ranger (barcodes in a group at its root)."""
    if path.is_dir() or is_matrix_market(path):
        return True
    with text.open_binary(path) as file:
        if file.read(4) != b"\x89HDF":
            return False
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return any(isinstance(node, h5py.Group) and "barcodes" in node for node in file.values())
    except (OSError, RuntimeError, KeyError):  # a damaged file is reported where it is read
        return False


def read(path: Path | str) -> AnnData:
    """Read a folder of Cell Ranger (``outs``, the folder of the matrix, or one as GEO renames it), a .mtx, or a .h5.

    Parameters
    ----------
    path
        A folder with one matrix; a .mtx with the names of cells and genes beside it; or the .h5 of Cell Ranger.

    Returns
    -------
    AnnData
        cells x genes, CSR; ``var`` holds ``gene_ids`` and ``feature_types`` where the file states them.

    Raises
    ------
    DataError
        No matrix or several, a companion that is absent or of another length, or a damaged file.
    """
    path = Path(path)
    if path.is_dir():
        path = _inside(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # names that occur twice are said in other words
            return _market(path) if is_matrix_market(path) else _h5(path)
    except (OSError, EOFError, zlib.error, KeyError, ValueError, TypeError, IndexError, OverflowError) as error:
        cause = next(iter(str(error).strip().splitlines()), type(error).__name__)[:160]
        raise DataError(f"{path.name} cannot be read as 10x output ({cause}).", NEED, "copy the files again") from error


def files(path: Path) -> list[Path]:
    """Return the files that :func:`read` reads: the matrix, and the names of its cells and genes.

    Raises
    ------
    DataError
        As for :func:`read`, of a folder or of Matrix Market.
    """
    if path.is_dir():
        path = _inside(path)
    return [path, *(_companion(path, what) for what in COMPANIONS)] if is_matrix_market(path) else [path]


def _inside(folder: Path) -> Path:
    """Return the matrix of a folder: the filtered one of Cell Ranger, or the only one."""
    found = sorted(one for one in folder.rglob("*") if is_matrix_market(one) or one.name == _H5)
    found = [one for one in found if not any("raw" in part for part in one.relative_to(folder).parts[:-1])] or found
    markets = [one for one in found if is_matrix_market(one)] or found
    if not markets:
        held = show(sorted(one.name for one in folder.iterdir())) or "nothing"
        raise DataError(f"{folder.name} is a folder without a matrix.mtx (it holds {held}).", NEED, "check the path")
    if len(markets) > 1:
        names = [str(one.relative_to(folder)) for one in markets]
        raise DataError(
            f"{folder.name} holds {len(names)} matrices: {show(names)}.",
            "a folder with one matrix",
            f"name the files to read: {' '.join(str(one) for one in markets[:3])}{' ...' if len(names) > 3 else ''}",
        )
    return markets[0]


def _market(path: Path) -> AnnData:
    import anndata
    from scipy import sparse

    cells, genes = (_companion(path, what) for what in COMPANIONS)
    size = structure.market_size(path)
    declared = size[:2]
    barcodes, features = _rows(cells), _rows(genes)
    turned = _genes_first(declared, len(barcodes), len(features))
    if turned is None:
        shape = " x ".join(f"{number:,}" for number in declared)
        raise DataError(
            f"{path.name} is {shape}, but {cells.name} holds {len(barcodes):,} names and {genes.name} "
            f"{len(features):,}.",
            "as many names as the matrix has rows and columns",
            "give the files of one sample",
        )
    matrix = structure.market(path, size)
    skip_cells, skip_genes = (1 if extra else 0 for extra in turned[1:])
    barcodes, features = barcodes[skip_cells:], features[skip_genes:]
    width = max(len(row) for row in features)
    columns = [np.array([row[i] if i < len(row) else "" for row in features], dtype=object) for i in range(width)]
    var = pd.DataFrame(index=pd.Index(columns[1 if width > 1 and not skip_genes else 0], dtype=object))
    if width > 1:
        var["gene_ids"] = columns[0]
    if width > 2:
        var["feature_types"] = columns[2]
    obs = pd.DataFrame(index=pd.Index([row[0] for row in barcodes], dtype=object))
    return anndata.AnnData(sparse.csr_matrix(matrix.T if turned[0] else matrix), obs=obs, var=var)


def _genes_first(shape: tuple[int, int], cells: int, genes: int) -> tuple[bool, bool, bool] | None:
    """Return whether the rows are genes, and whether the names of cells and of genes have a header; None: no fit."""
    for rows_are_genes, (of_genes, of_cells) in ((True, shape), (False, shape[::-1])):
        if genes - of_genes in (0, 1) and cells - of_cells in (0, 1):
            return rows_are_genes, cells - of_cells == 1, genes - of_genes == 1
    return None


def _companion(path: Path, what: str) -> Path:
    """Return the names of cells or genes beside a matrix: those that begin as it does, or the only ones."""
    stem = _MATRIX.fullmatch(path.name)["stem"]
    beside = sorted(one for one in path.parent.iterdir() if one.is_file())
    named = [one for one in beside if COMPANIONS[what].fullmatch(one.name[len(stem) :].lstrip("._-"))]
    alike = [one for one in named if one.name.startswith(stem)]
    if not alike:
        alike = [one for one in beside if COMPANIONS[what].search(one.name) and _ends(one.name, what)]
    if len(alike) != 1:
        raise DataError(
            f"{path.name}: {'no file' if not alike else f'{len(alike)} files'} beside it with the names of the {what}"
            f"{f' ({show([one.name for one in alike])})' if alike else ''}.",
            NEED,
            f"put the names of the {what} beside it as {stem}{'barcodes' if what == 'cells' else 'features'}.tsv",
        )
    return alike[0]


def _ends(name: str, what: str) -> bool:
    return bool(re.search(rf"(^|[._-]){COMPANIONS[what].pattern}$", name, re.IGNORECASE))


def _rows(path: Path) -> list[list[str]]:
    """Return the cells of a file without quotes; a header is recognised by the length of the file."""
    lines = text.lines(path, [])
    cut = "\t" if "\t" in lines[0] or not path.name.lower().endswith((".csv", ".csv.gz")) else ","
    return [[cell.strip().strip('"') for cell in line.split(cut)] for line in lines]


def _h5(path: Path) -> AnnData:
    import scanpy

    structure.check_hdf5(path)
    try:
        data = scanpy.read_10x_h5(path, gex_only=False)
    except Exception as error:  # scanpy raises it as such where a part is missing
        raise ValueError(str(error)) from error
    data.X = data.X.tocsr()
    return data
