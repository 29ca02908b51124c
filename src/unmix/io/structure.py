"""What an HDF5 file says of itself is verified before compiled code believes it.

The code of scipy that works on sparse matrices checks no index: one beyond its matrix reads or writes foreign memory.
"""

from __future__ import annotations

import gzip
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from unmix.errors import DataError
from unmix.io import expansion
from unmix.io.text import show

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import h5py
    from scipy import sparse

#: Indices read at once.
_CHUNK = 1 << 22
#: Groups and datasets of a file, counted by every name that leads to them, and how deep they may lie.
_MOST = 100_000
_DEEPEST = 50
#: What a Matrix Market file may hold, and the characters of its shortest entry ("1 1 1").
_FIELDS = (["integer", "general"], ["real", "general"])
_ENTRY = 5
_DO = "make the file anew with anndata, and check where this one comes from"
_NEED = "a sparse matrix as AnnData or 10x write it"


def check_hdf5(path: Path) -> None:
    """Verify an HDF5 file: its size, that it points to no other file, and every sparse matrix in it.

    Parameters
    ----------
    path
        An h5ad or a 10x .h5.

    Raises
    ------
    DataError
        The file expands to more than :func:`unmix.io.expansion.limit`, has links to other files, or holds a sparse
        matrix whose parts contradict each other.
    OSError, KeyError, ValueError, RuntimeError
        Damaged, as h5py says it.
    """
    import h5py

    held = 0
    with h5py.File(path, "r") as file:
        groups = [("", file)]
        for name, node in _walk(file, path.name):
            if isinstance(node, h5py.Dataset):
                if node.external or node.is_virtual:
                    raise _foreign(path.name, name)
                held += node.nbytes if node.shape is not None else 0
            else:
                groups.append((name, node))
        expansion.check(path.name, path.stat().st_size, held)
        for name, group in groups:
            if {"data", "indices", "indptr"} <= set(group):
                _check_group(f"{path.name}: {name}", group)


def check_anndata(path: Path) -> None:
    """Raise DataError for HDF5 of another program: an h5ad annotates its rows and columns."""
    import h5py

    with h5py.File(path, "r") as file:
        parts = sorted(file)
    if not {"obs", "var"} <= set(parts):
        raise DataError(
            f"{path.name} is HDF5, but no AnnData (it holds {show(parts) or 'nothing'}).",
            "an AnnData file (.h5ad)",
            "write it as h5ad, or the values as a table of text (TSV)",
        )


def market_size(path: Path) -> tuple[int, int, int]:
    """Return the rows, columns and values that a Matrix Market file declares: what a reader allocates memory for.

    Parameters
    ----------
    path
        A .mtx, plain or gzip.

    Raises
    ------
    DataError
        Another kind of matrix, or more values than the file has room for.
    EOFError, OSError, ValueError, zlib.error
        Damaged.
    """
    zipped = path.suffix == ".gz"
    held = expansion.measure_gzip(path) if zipped else path.stat().st_size
    with gzip.open(path, "rt") if zipped else path.open() as file:
        kind = file.readline(200).lower().split()
        line = next((line for line in iter(lambda: file.readline(1000), "") if line[0] != "%"), "")
    if kind[:3] != ["%%matrixmarket", "matrix", "coordinate"] or kind[3:] not in _FIELDS:
        raise _broken(path.name, f"it begins with {' '.join(kind)!r}")
    rows, columns, filled = (int(number) for number in line.split())
    if min(rows, columns, filled) < 0 or filled * _ENTRY > held:
        raise _broken(path.name, f"it declares {rows:,} x {columns:,} with {filled:,} values and holds fewer")
    return rows, columns, filled


def market(path: Path, size: tuple[int, int, int]) -> sparse.csr_matrix:
    """Read a Matrix Market file of counts, whose `size` is that of :func:`market_size`.

    scipy's reader is faster, and ends the process where a file is damaged.

    Raises
    ------
    DataError
        The values are not as many as declared, or outside the matrix.
    EOFError, OSError, OverflowError, ValueError, zlib.error
        Damaged.
    """
    import pandas as pd
    from scipy import sparse

    shape, filled = size[:2], size[2]
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        next(line for line in iter(file.readline, "") if line[0] != "%")  # the size
        kinds = {"row": np.int32, "column": np.int32, "value": np.float64}
        own = {"names": list(kinds), "dtype": kinds, "index_col": False, "keep_default_na": False}
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # of a further column
            try:
                table = pd.read_csv(file, sep=r"\s+", comment="%", **own)
            except pd.errors.ParserWarning as error:
                raise ValueError(str(error)) from error
    rows, columns = table["row"].to_numpy() - 1, table["column"].to_numpy() - 1
    if len(table) != filled:
        raise _broken(path.name, f"it declares {filled:,} values and holds {len(table):,}")
    if any((axis < 0).any() or (axis >= end).any() for axis, end in zip((rows, columns), shape, strict=True)):
        raise _broken(path.name, "a value stands outside the matrix")
    return sparse.csr_matrix((table["value"].to_numpy(), (rows, columns)), shape)


def _walk(file: h5py.File, where: str) -> Iterator[tuple[str, Any]]:
    """Yield every group and dataset by every name, those behind links too, as a reader of the file meets them."""
    import h5py

    waiting: list[tuple[str, Any]] = [("", file)]
    seen = 0
    while waiting:
        prefix, group = waiting.pop()
        for key in group:
            name = f"{prefix}/{key}".removeprefix("/")
            if isinstance(group.get(key, getlink=True), h5py.ExternalLink):
                raise _foreign(where, name)
            node = group.get(key)
            if node is None:  # a link to nothing
                continue
            seen += 1
            if seen > _MOST or name.count("/") > _DEEPEST:
                raise DataError(f"{where} has over {_MOST:,} parts, or a part within itself.", _NEED, _DO)
            yield name, node
            if isinstance(node, h5py.Group):
                waiting.append((name, node))


def _foreign(where: str, name: str) -> DataError:
    return DataError(
        f"{where}: {name} points to another file.", "a file that holds all its data", "copy the data into one file"
    )


def _check_group(name: str, group: Any) -> None:
    """Verify a sparse matrix of AnnData (``shape`` an attribute) or of 10x (a dataset; genes x cells by columns)."""
    tenx = "shape" in group
    if not tenx and "shape" not in group.attrs:
        return  # a group of uns with such names: read as arrays
    shape = np.asarray(group["shape"][:] if tenx else group.attrs["shape"])
    if shape.shape != (2,) or shape.dtype.kind not in "iu" or (shape < 0).any():
        raise _broken(name, f"its shape is {shape.tolist()}")
    by_columns = tenx or "csc" in str(group.attrs.get("encoding-type", group.attrs.get("h5sparse_format", "")))
    major, minor = (int(size) for size in (shape[::-1] if by_columns else shape))
    data, indices, indptr = (group[part] for part in ("data", "indices", "indptr"))
    for part, values in (("data", data), ("indices", indices), ("indptr", indptr)):
        if getattr(values, "ndim", None) != 1:
            raise _broken(name, f"its {part} is no list of numbers")
    if len(data) != len(indices):
        raise _broken(name, f"it has {len(data):,} values and {len(indices):,} indices")
    check_pointers(name, indptr[:] if len(indptr) == major + 1 else indptr, major, len(indices))
    for start in range(0, len(indices), _CHUNK):
        check_indices(name, indices[start : start + _CHUNK], minor)


def check_pointers(name: str, indptr: Any, major: int, filled: int) -> None:
    """Verify where the rows (CSR) or columns (CSC) of a sparse matrix begin.

    Parameters
    ----------
    name
        Name of the matrix, for the error.
    indptr
        The pointers: `major` + 1 integers.
    major, filled
        Number of rows (CSR) or columns (CSC), and of values.

    Raises
    ------
    DataError
        Pointers of another number or type, that decrease, or that do not span all values.
    """
    if len(indptr) != major + 1:
        raise _broken(name, f"it has {len(indptr):,} pointers for {major:,} rows or columns")
    if indptr.dtype.kind not in "iu":
        raise _broken(name, "its pointers are not whole numbers")
    if indptr[0] != 0 or indptr[-1] != filled:
        raise _broken(name, f"its pointers go from {indptr[0]:,} to {indptr[-1]:,}, its values from 0 to {filled:,}")
    if (indptr[1:] < indptr[:-1]).any():
        raise _broken(name, "its pointers decrease")


def check_indices(name: str, indices: Any, minor: int) -> None:
    """Verify that indices of a sparse matrix lie from 0 up to `minor`.

    Raises
    ------
    DataError
        An index outside, or of another type.
    """
    if indices.dtype.kind not in "iu":
        raise _broken(name, "its indices are not whole numbers")
    if len(indices) and (low := indices.min()) < 0:
        raise _broken(name, f"it has the index {low:,}")
    if len(indices) and (high := indices.max()) >= minor:
        raise _broken(name, f"it has the index {high:,}, and only {minor:,} rows or columns")


def _broken(name: str, why: str) -> DataError:
    return DataError(f"{name} is no valid sparse matrix: {why}.", _NEED, _DO)
