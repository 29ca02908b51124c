"""Read and write tables and h5ad files; changes made by spreadsheets are corrected here.

Nothing else in unmix opens data files. Corrections are listed as sentences in
``frame.attrs["messages"]``.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from unmix.errors import DataError
from unmix.io import formats, numbers, structure, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anndata import AnnData

H5AD = "a complete AnnData file (.h5ad)"


def read_table(path: Path | str) -> pd.DataFrame:
    """Read a TSV or CSV file, however it was saved.

    The separator is recognised; byte-order marks, Windows line ends, decimal commas, empty lines
    and empty trailing columns are corrected; lines that start with ``#`` are skipped.

    Parameters
    ----------
    path
        TSV or CSV, plain or gzip.

    Returns
    -------
    pandas.DataFrame
        First column as index (str). Columns of numbers are float64 (missing: NaN), the others str.
        ``attrs["messages"]`` holds a sentence for everything that was corrected.

    Raises
    ------
    DataError
        No such file, not a table, empty, ragged, or a cell that is not a number among numbers.
    """
    path = Path(path)
    formats.refuse_foreign(path)
    messages: list[str] = []
    lines = text.below_titles(text.lines(path, messages), path, messages)
    separator = text.separator(lines)
    header, lines = text.header(lines, separator, path)
    lines = numbers.below_headers(lines, separator, path, messages)
    marks = numbers.marks(lines, separator, path)
    if marks.decimal == "," and not marks.thousands:
        messages.append(f"{path.name} uses decimal commas; they were read as points.")
    if marks.thousands:
        messages.append(f"{path.name} separates thousands by {marks.thousands!r}; the separators were removed.")
    cells = _cells(lines, separator, len(header), marks, path)
    rows = cells.pop(0).str.strip()
    data = {i: numbers.column(cells[i], header[i], rows, path) for i in cells}
    frame = pd.DataFrame(data)
    frame.index = pd.Index(rows.to_numpy(), name=header[0] or None, dtype=object)
    frame.columns = pd.Index(header[1:], dtype=object)
    frame.attrs["messages"] = messages
    return frame


def _cells(lines: list[str], separator: str, width: int, marks: numbers.Marks, path: Path) -> pd.DataFrame:
    """Return the cells of lines as a frame with numbered columns, the first of them text."""
    try:
        cells = pd.read_csv(
            io.StringIO("\n".join(lines)),
            sep=separator,
            header=None,
            names=range(width),
            index_col=False,
            dtype={0: str},
            na_values=dict.fromkeys(range(1, width), numbers.MISSING),
            keep_default_na=False,
            decimal=marks.decimal,
            thousands=marks.thousands,
            skipinitialspace=True,
            low_memory=False,
            float_precision="round_trip",
            skip_blank_lines=False,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, OverflowError) as error:
        cells, cause = None, str(error).strip().splitlines()[-1]
    else:
        cause = f"{len(lines):,} lines gave {len(cells):,} rows"
    if cells is None or len(cells) != len(lines):
        raise DataError(
            f"{path.name}: a quotation mark is not closed, or stands inside a cell ({cause}).",
            text.TABLE,
            "remove the quotation marks, or export the table again",
        )
    return cells


def read_text(path: Path | str, messages: list[str] | None = None) -> pd.DataFrame:
    """Read a TSV or CSV file all of whose cells are text: ``1``, ``01`` and ``NA`` stay what they are.

    Parameters
    ----------
    path
        TSV or CSV, plain or gzip.
    messages
        Takes a sentence for everything that was corrected.

    Raises
    ------
    DataError
        No such file, not a table, or a column that occurs twice.
    """
    path = Path(path)
    formats.refuse_foreign(path)
    messages = [] if messages is None else messages
    lines = text.below_titles(text.lines(path, messages), path, messages)
    separator = text.separator(lines)
    header, lines = text.header(lines, separator, path)
    if twice := [name for name in header if header.count(name) > 1]:
        raise DataError(f"{path.name}: the column {twice[0]!r} occurs twice", "every column once", "rename one of them")
    rows = io.StringIO("\n".join(lines))
    cells = pd.read_csv(rows, sep=separator, header=None, names=header, dtype=str, keep_default_na=False)
    return cells.fillna("").apply(lambda column: column.str.strip())


def read_label_map(path: Path | str) -> dict[str, str]:
    """Read a table ``from to`` that renames cell types; an empty ``to`` drops the type.

    Read as any table, but all its cells are names: ``1`` and ``NA`` stay what they are.

    Raises
    ------
    DataError
        Not a table, columns of other names, or a type that is mapped twice.
    """
    path = Path(path)
    cells = read_text(path)
    if missing := [name for name in ("from", "to") if name not in cells]:
        raise DataError(
            f"{path.name} has no column {missing[0]!r}; it has {', '.join(cells)}",
            "a table with the columns from, to",
            "name these columns in the first line",
        )
    names = {column: cells[column] for column in ("from", "to")}
    twice = names["from"][names["from"].duplicated()]
    if len(twice):
        raise DataError(
            f"{path.name}: {twice.iloc[0]!r} occurs twice", "one line per cell type", "keep one of the lines"
        )
    return dict(zip(names["from"], names["to"], strict=True))


def write_table(frame: pd.DataFrame, path: Path | str, index_label: str = "") -> None:
    """Write a TSV with the same bytes for the same values (gzip when the name ends in .gz).

    Numbers are the shortest text that reads back to the same number; missing values are ``NA``.

    Parameters
    ----------
    frame
        What to write, with its index as first column.
    path
        Where to write it.
    index_label
        Header of the first column.
    """
    text = frame.to_csv(sep="\t", index_label=index_label, lineterminator="\n", na_rep="NA")
    data = text.encode("utf-8")
    Path(path).write_bytes(gzip.compress(data, mtime=0) if str(path).endswith(".gz") else data)


def read_h5ad(path: Path | str) -> AnnData:
    """Read an h5ad file.

    Parameters
    ----------
    path
        An AnnData file.

    Raises
    ------
    DataError
        No such file, truncated, not HDF5, or without X.
    """
    import anndata

    path = Path(path)
    check_hdf5(path)
    with readable(path):
        structure.check_anndata(path)
        data = anndata.read_h5ad(path)
    if data.X is None and data.raw is None and not data.layers:
        raise DataError(f"{path.name} holds no matrix (X is missing).", H5AD, "write the counts to X")
    facts = data.uns.get("unmix", {})
    if not isinstance(facts, Mapping) or not isinstance(facts.get("kind", ""), str):
        raise DataError(
            f"{path.name}: uns['unmix'] is not what unmix writes.", H5AD, "remove it (del data.uns['unmix'])"
        )
    held = {"X": data.X, **data.layers, **({} if data.raw is None else {"raw.X": data.raw.X})}
    for name, matrix in held.items():
        if matrix is not None and matrix.dtype.kind not in "biuf":
            raise DataError(f"{path.name}: {name} holds {matrix.dtype} and no numbers.", H5AD, "write counts to it")
    return data


def check_hdf5(path: Path) -> None:
    """Raise DataError unless a file is HDF5 and its structure is sound (:func:`unmix.io.structure.check_hdf5`)."""
    with text.open_binary(path) as file:
        head = file.read(8)
    if not head:
        raise DataError(f"{path.name} is empty (0 bytes).", H5AD, "copy or make the file again")
    if head != b"\x89HDF\r\n\x1a\n":
        raise DataError(f"{path.name} is not an HDF5 file.", H5AD, "check that this is the file you meant")
    with readable(path):
        structure.check_hdf5(path)


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what HDF5 and AnnData raise for damaged files into a DataError; what they warn of is not for users."""
    from anndata._io.specs.registry import IORegistryError  # of an encoding that AnnData does not know

    damaged = (OSError, LookupError, ValueError, TypeError, AttributeError, RuntimeError, IORegistryError)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except damaged as error:
        cause = next(iter(str(error).strip().splitlines()), type(error).__name__)[:160]
        raise DataError(
            f"{path.name} cannot be read: it is truncated or not an h5ad ({cause}).",
            H5AD,
            "copy the file again and compare its size and checksum with the original",
        ) from error


def is_h5ad(path: Path | str) -> bool:
    """Say whether a file is HDF5, or is named as if it were; raise DataError for a format that is not read."""
    path = Path(path)
    formats.refuse_foreign(path)
    if path.suffix.lower() in {".h5ad", ".h5"}:
        return True
    with text.open_binary(path) as file:
        return file.read(4) == b"\x89HDF"
