"""Read single cells from h5ad, 10x or tables, a few thousand rows at a time."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from unmix.errors import DataError
from unmix.io import cell_tables, formats, matrices, tables, tenx
from unmix.reference import codes
from unmix.reference.label_tables import annotate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from anndata import AnnData

#: Non-zero values read at once: bounds the memory of a pass (16 bytes each, with copies).
CHUNK_VALUES = 1 << 23
#: Rows looked at to recognise counts, logarithms or scaled values.
LOOK_ROWS = 200
#: What a sparse matrix on disk consists of.
PARTS = ("data", "indices", "indptr")


@dataclass
class Matrix:
    """One matrix of a file, in memory or on disk, with the description of its genes.

    ``data`` is a scipy or numpy matrix, an h5py dataset, or an h5py group of a sparse matrix
    (``data``, ``indices``, ``indptr``). ``kept`` marks its columns that ``var`` describes; None: all.
    """

    name: str
    data: Any
    var: pd.DataFrame
    columns_first: bool = False
    kept: np.ndarray | None = None

    def rows(self, wanted: np.ndarray) -> Iterator[sparse.csr_matrix]:
        """Yield the `wanted` rows (sorted indices) as CSR, in order, reading the file once."""
        try:
            if not hasattr(self.data, "keys"):
                blocks = self._dense_or_memory(wanted)
            elif self.columns_first:
                blocks = iter([self._columns(wanted)])
            else:
                blocks = self._sparse(wanted)
            for block in blocks:
                if not np.isfinite(block.data).all():
                    raise DataError(
                        f"{self.name} holds missing or infinite values.",
                        "a count for every gene and cell",
                        "write 0 where no molecule was seen, and look where the others come from",
                    )
                yield block if self.kept is None else block[:, self.kept]
        except OSError as error:
            raise DataError(f"{self.name} is damaged on disk ({error}).", tables.H5AD, "copy the file again") from error

    @property
    def width(self) -> int:
        """Number of columns on disk."""
        return len(self.var) if self.kept is None else len(self.kept)

    def _sparse(self, wanted: np.ndarray) -> Iterator[sparse.csr_matrix]:
        indptr = self.data["indptr"][:]
        for chunk in _cut(indptr, wanted):
            first, last = chunk[0], chunk[-1] + 1
            start, end = indptr[first], indptr[last]
            block = sparse.csr_matrix(
                (
                    _plain(self.data["data"][start:end]),
                    self.data["indices"][start:end],
                    indptr[first : last + 1] - start,
                ),
                shape=(last - first, self.width),
            )
            yield block[chunk - first]

    def _columns(self, wanted: np.ndarray) -> sparse.csr_matrix:
        """Read a matrix stored by columns: all columns, a few at a time, keeping the wanted rows."""
        indptr = self.data["indptr"][:]
        n_rows = int(_shape(self.data)[0])
        kept = []
        for chunk in _cut(indptr, np.arange(self.width)):
            start, end = indptr[chunk[0]], indptr[chunk[-1] + 1]
            pointers = indptr[chunk[0] : chunk[-1] + 2] - start
            block = sparse.csc_matrix(
                (_plain(self.data["data"][start:end]), self.data["indices"][start:end], pointers),
                shape=(n_rows, len(chunk)),
            )
            kept.append(block.tocsr()[wanted])
        return sparse.hstack(kept, format="csr")

    def _dense_or_memory(self, wanted: np.ndarray) -> Iterator[sparse.csr_matrix]:
        step = max(1, CHUNK_VALUES // max(1, self.width))
        if isinstance(self.data, np.ndarray) or sparse.issparse(self.data):
            for at in range(0, len(wanted), step):
                yield sparse.csr_matrix(_plain(self.data[wanted[at : at + step]]))
            return
        for start in range(0, self.data.shape[0], step):
            chunk = wanted[(wanted >= start) & (wanted < start + step)]
            if chunk.size:
                yield sparse.csr_matrix(_plain(self.data[start : start + step][chunk - start]))

    def look(self, n_cells: int) -> sparse.csr_matrix:
        """Return some rows from all over the matrix."""
        wanted = np.unique(np.linspace(0, n_cells - 1, min(LOOK_ROWS, n_cells)).astype(int))
        return sparse.vstack(list(self.rows(wanted)), format="csr")


@dataclass
class SingleCells:
    """The cells of one file: their annotation (column by column) and the matrices it holds.

    ``logged`` is the base of the logarithm that the file states, if it does; ``messages`` say how the file was read;
    ``levels`` are the names that the file holds for the codes of a column.
    """

    name: str
    obs_names: pd.Index
    keys: list[str]
    annotation: Any
    matrices: list[Matrix]
    logged: str | None = None
    messages: list[str] = field(default_factory=list)
    levels: Callable[[str], list[str]] = lambda _: []

    def column(self, key: str) -> pd.Series:
        """Return one annotation of the cells as str; missing values are ``""``, and whole numbers have no decimals.

        Raises
        ------
        DataError
            The annotation comes from a table with two labels for one cell, is damaged, or has another length.
        """
        with tables.readable(Path(self.name)):
            held = np.asarray(self.annotation(key))
        if held.shape != (len(self.obs_names),):
            raise DataError(
                f"{self.name}: obs[{key!r}] is no list of one value for each of the {len(self.obs_names):,} cells.",
                tables.H5AD,
                "write the file again with anndata",
            )
        values = pd.Series(held)
        if values.dtype.kind == "f" and (values.dropna() % 1 == 0).all():
            values = values.astype("Int64")  # a missing value turns 0, 1 into 0.0, 1.0
        texts = values.astype(object).set_axis(self.obs_names)
        return texts.where(texts.notna(), "").astype(str).replace("nan", "")


def read_cells(path: Path | str, cells: Path | str | None = None) -> SingleCells:
    """Open single cells without reading their matrix.

    Parameters
    ----------
    path
        h5ad (streamed); a 10x folder, .h5 or .mtx with the names beside it; or a table of counts (cells x genes or
        transposed; columns of text are annotations of the cells; CIBERSORTx and Scaden files).
    cells
        A table whose first column holds the cells' names and the others annotate them.

    Raises
    ------
    DataError
        The file cannot be read, or `cells` names none or few of its cells.
    """
    path = Path(path)
    formats.refuse_foreign(path)
    messages: list[str] = []
    annotation = None if cells is None else tables.read_table(cells)
    if tenx.is_10x(path):
        found = _in_memory(tenx.read(path), path.name)
    elif tables.is_h5ad(path):
        found = replace(_open_h5ad(path), levels=functools.partial(codes.levels, path))
    else:
        found = _in_memory(
            cell_tables.read(path, messages, [] if annotation is None else annotation.index.astype(str)), path.name
        )
    found.messages[:0] = messages
    return found if annotation is None else annotate(found, annotation, Path(cells).name)


def files(path: Path) -> list[Path]:
    """Return the files that :func:`read_cells` reads of a path: of a folder its matrix, and names beside either.

    Raises
    ------
    DataError
        A folder without a matrix, or a matrix without names.
    """
    if path.is_dir() or tenx.is_matrix_market(path):
        return tenx.files(path)
    labels = cell_tables.beside(path)
    return [path] if labels is None else [path, labels]


def _open_h5ad(path: Path) -> SingleCells:
    """Open an h5ad for streaming; files of an old format are read whole."""
    import h5py
    from anndata.io import read_elem

    tables.check_hdf5(path)
    with tables.readable(path):
        file = h5py.File(path, "r")
        obs = file.get("obs")
        if not isinstance(obs, h5py.Group) or "encoding-type" not in file.attrs:
            file.close()
            return _in_memory(tables.read_h5ad(path), path.name)
        nodes = [("X", file.get("X"), "var"), ("raw.X", file.get("raw/X"), "raw/var")]
        nodes[:0] = [(f"layers[{name!r}]", node, "var") for name, node in file.get("layers", {}).items()]
        messages: list[str] = []
        held = [
            _matrix(
                path.name, name, node, read_elem(file[var]), messages, "csc" in str(node.attrs.get("encoding-type", ""))
            )
            for name, node, var in nodes
            if node is not None and _shape(node) is not None
        ]
        index = pd.Index(np.asarray(read_elem(obs[obs.attrs["_index"]])).astype(str))
        keys = [str(key) for key in obs.attrs["column-order"]]
        noted = matrices.logged({"log1p": read_elem(file["uns/log1p"])}) if "uns/log1p" in file else None
        held = _need(held, path.name)
        for matrix in held:
            _check_shape(matrix, len(index), path.name)
        return SingleCells(path.name, index, keys, lambda key: read_elem(obs[key]), held, noted, messages)


def _check_shape(matrix: Matrix, cells: int, name: str) -> None:
    """Refuse a matrix on disk that is no matrix of numbers, or of other cells or genes than the file names."""
    parts = [matrix.data] if hasattr(matrix.data, "dtype") else [matrix.data.get(part) for part in PARTS]
    numbers = all(getattr(getattr(part, "dtype", None), "kind", "") in ("b", "i", "u", "f") for part in parts)
    genes = matrix.width if isinstance(matrix.var, pd.DataFrame) else None
    if not numbers or tuple(_shape(matrix.data)) != (cells, genes):
        raise DataError(
            f"{name}: {matrix.name} is no matrix of numbers of the {cells:,} cells and {genes or 0:,} genes named.",
            tables.H5AD,
            "write the file again with anndata",
        )


def _in_memory(data: AnnData, name: str) -> SingleCells:
    nodes = [(f"layers[{key!r}]", layer, data.var) for key, layer in data.layers.items()]
    nodes += [("X", data.X, data.var)] if data.X is not None else []
    nodes += [("raw.X", data.raw.X, data.raw.var)] if data.raw is not None else []
    messages: list[str] = []
    held = [_matrix(name, *node, messages) for node in nodes]
    obs_names = pd.Index(data.obs_names.astype(str))
    keys, noted = [str(key) for key in data.obs], matrices.logged(data.uns)
    return SingleCells(name, obs_names, keys, lambda key: data.obs[key], _need(held, name), noted, messages)


def _matrix(
    file: str, name: str, data: Any, var: pd.DataFrame, messages: list[str], columns_first: bool = False
) -> Matrix:
    """Return a matrix of genes alone, under their names; say once what was left out."""
    kept, var, said = matrices.genes(var, file)
    messages += [sentence for sentence in (*said, *matrices.repeated(var.index)) if sentence not in messages]
    return Matrix(name, data, var, columns_first, kept)


def _need(held: list[Matrix], name: str) -> list[Matrix]:
    """Return the matrices that may hold the expression: parts of it only where there is nothing else."""
    if not held or not any(min(_shape(matrix.data)) for matrix in held):
        raise DataError(f"{name} holds no matrix of cells x genes.", "counts in X", "write the counts to X")
    return [matrix for matrix in held if not matrices.partial(matrix.name)] or held


def _plain(values: Any) -> Any:
    """Return values in a type that sparse matrices can compute with: not half precision, not bool."""
    small = values.dtype == bool or (values.dtype.kind == "f" and values.dtype.itemsize < 4)
    return values.astype(np.float32) if small else values


def _shape(node: Any) -> tuple[int, ...] | None:
    shape = getattr(node, "shape", None)
    return tuple(map(int, node.attrs["shape"])) if shape is None and "shape" in node.attrs else shape


def _cut(indptr: np.ndarray, wanted: np.ndarray) -> Iterator[np.ndarray]:
    """Cut sorted rows into runs whose span on disk holds at most CHUNK_VALUES values."""
    at = 0
    while at < len(wanted):
        limit = indptr[wanted[at]] + CHUNK_VALUES
        end = max(at + 1, int(np.searchsorted(indptr[wanted + 1], limit, side="right")))
        yield wanted[at:end]
        at = end
