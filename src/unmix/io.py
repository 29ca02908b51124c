"""Read and write tables and h5ad files; what a spreadsheet did to a table is mended here.

Nothing else in unmix opens data files. What was mended stands as sentences in
``frame.attrs["messages"]``.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import itertools
import re
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from unmix.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from anndata import AnnData

SEPARATORS = {"\t": "tabs", ",": "commas", ";": "semicolons", " ": "spaces"}
MISSING = ["", "NA", "Na", "na", "N/A", "n/a", "#N/A", "NaN", "nan", "NAN", "NULL", "null", "None", "none", "."]
TABLE = "a table of text (TSV or CSV, plain or .gz): names in the first column and the first line"
H5AD = "a complete AnnData file (.h5ad)"
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_COMMA_NUMBER = re.compile(r"-?\d+,\d+(?:[eE][+-]?\d+)?")
_EPS = 1e-12


def read_table(path: Path | str) -> pd.DataFrame:
    """Read a TSV or CSV file, however it was saved.

    The separator is recognised; byte-order marks, Windows line ends, decimal commas, empty lines
    and empty trailing columns are mended; lines that start with ``#`` are skipped.

    Parameters
    ----------
    path
        TSV or CSV, plain or gzip.

    Returns
    -------
    pandas.DataFrame
        First column as index (str). Columns of numbers are float64 (missing: NaN), the others str.
        ``attrs["messages"]`` holds a sentence for everything that was mended.

    Raises
    ------
    DataError
        No such file, not a table, empty, ragged, or a cell that is not a number among numbers.
    """
    path = Path(path)
    messages: list[str] = []
    lines = _lines(path, messages)
    separator = _separator(lines)
    header, lines = _header(lines, separator, path)
    comma = separator != "," and _decimal_comma(lines[:50], separator)
    if comma:
        messages.append(f"{path.name} uses decimal commas; they were read as points.")
    cells = pd.read_csv(
        io.StringIO("\n".join(lines)),
        sep=separator,
        header=None,
        names=range(len(header)),
        index_col=False,
        dtype={0: str},
        na_values=dict.fromkeys(range(1, len(header)), MISSING),
        keep_default_na=False,
        decimal="," if comma else ".",
        skipinitialspace=True,
        low_memory=False,
        float_precision="round_trip",
    )
    rows = cells.pop(0).str.strip()
    data = {i: _column(cells[i], header[i], rows, path) for i in cells}
    frame = pd.DataFrame(data, copy=False)
    frame.index = pd.Index(rows.to_numpy(), name=header[0] or None, dtype=object)
    frame.columns = pd.Index(header[1:], dtype=object)
    frame.attrs["messages"] = messages
    return frame


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
    with readable(path), warnings.catch_warnings():
        for category in (FutureWarning, PendingDeprecationWarning):  # AnnData, of the parts of old files
            warnings.simplefilter("ignore", category)
        data = anndata.read_h5ad(path)
    if data.X is None and data.raw is None and not data.layers:
        raise DataError(f"{path.name} holds no matrix (X is missing).", H5AD, "write the counts to X")
    return data


def check_hdf5(path: Path) -> None:
    """Raise DataError unless the file begins as HDF5 does."""
    with _open(path) as file:
        head = file.read(8)
    if not head:
        raise DataError(f"{path.name} is empty (0 bytes).", H5AD, "copy or make the file again")
    if head != b"\x89HDF\r\n\x1a\n":
        raise DataError(f"{path.name} is not an HDF5 file.", H5AD, "check that this is the file you meant")


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what HDF5 and AnnData raise for damaged files into a DataError."""
    try:
        yield
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        cause = next(iter(str(error).strip().splitlines()), type(error).__name__)[:160]
        raise DataError(
            f"{path.name} cannot be read: it is truncated or not an h5ad ({cause}).",
            H5AD,
            "copy the file again and compare its size and checksum with the original",
        ) from error


def is_h5ad(path: Path | str) -> bool:
    """Say whether a file is HDF5, or is named as if it were."""
    path = Path(path)
    if path.suffix.lower() in {".h5ad", ".h5"}:
        return True
    with _open(path) as file:
        return file.read(4) == b"\x89HDF"


def read_truth(path: Path | str, kind: str = "cell", samples: Collection[str] | None = None) -> pd.DataFrame:
    """Read known fractions.

    Parameters
    ----------
    path
        TSV/CSV (samples x types, or transposed when `samples` are found in its columns), or an
        h5ad of pseudobulk with ``obsm["cell_fractions"]`` and ``obsm["mrna_fractions"]``.
    kind
        ``cell`` or ``mrna``: which truth of a pseudobulk is taken.
    samples
        Sample names, to recognise a transposed table.

    Returns
    -------
    pandas.DataFrame
        samples x types, float64.

    Raises
    ------
    DataError
        Text among the numbers, negative fractions, duplicate names, or no such truth in the h5ad.
    """
    path = Path(path)
    if is_h5ad(path):
        data = read_h5ad(path)
        key = f"{kind}_fractions"
        if key not in data.obsm:
            raise DataError(
                f"{path.name} has no obsm['{key}'] (found: {_show(list(data.obsm)) or 'nothing'}).",
                "pseudobulk made by unmix_simulate.py, or a table of samples x cell types",
                "give the truth as TSV",
            )
        truth = data.obsm[key]
        if not isinstance(truth, pd.DataFrame):
            types = data.uns.get("unmix", {}).get("cell_types", range(truth.shape[1]))
            truth = pd.DataFrame(truth, index=data.obs_names, columns=[str(name) for name in types])
        return truth.astype(float)
    truth = read_table(path)
    if samples is not None:
        wanted = {str(name) for name in samples}
        if len(wanted & set(truth.columns)) > len(wanted & set(truth.index)):
            truth = truth.T
    text = [name for name in truth if truth[name].dtype == object]
    if text:
        raise DataError(
            f"{path.name}: column {text[0]!r} holds text.",
            "samples x cell types, numbers only",
            "remove the columns that hold no fractions",
        )
    truth = truth.astype(float)
    if (low := truth.stack()).lt(-_EPS).any():
        sample, name = low[low < -_EPS].index[0]
        raise DataError(
            f"{path.name}: the fraction of {name!r} in sample {sample!r} is negative ({low[sample, name]:g}).",
            "fractions of 0 or more",
            "correct the table",
        )
    for axis, names in (("sample", truth.index), ("cell type", truth.columns)):
        if names.has_duplicates:
            raise DataError(
                f"{path.name}: the {axis} {names[names.duplicated()][0]!r} occurs twice.",
                f"every {axis} once",
                "rename or remove the second one",
            )
    return truth


def _open(path: Path) -> io.BufferedReader:
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist.", "an input file", "check the path") from error
    except IsADirectoryError as error:
        raise DataError(f"{path} is a folder.", "an input file", "name the file inside it") from error
    except PermissionError as error:
        raise DataError(f"{path} cannot be read (permission denied).", "a readable file", "chmod +r") from error


def _lines(path: Path, messages: list[str]) -> list[str]:
    """Return the lines that hold data, decoded."""
    with _open(path) as file:
        raw = file.read()
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(raw)
        except (EOFError, OSError, zlib.error) as error:
            raise DataError(
                f"{path.name} is a damaged or truncated gzip file.", TABLE, "copy the file again"
            ) from error
    if raw[:4] == b"PK\x03\x04":
        raise DataError(f"{path.name} is an Excel workbook or zip file.", TABLE, "save it as text (tab-delimited)")
    if raw[:4] == b"\x89HDF":
        raise DataError(f"{path.name} is an HDF5 file.", TABLE, "name it .h5ad if it is one")
    text = _decode(raw, path, messages)
    if "\r" in text:
        messages.append(f"{path.name} has Windows or old Mac line ends; they were mended.")
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    if lines[0].startswith("#1.2"):  # GCT: the second line holds the size of the table
        lines = lines[2:]
    blank = "\t ,;"
    lines = [line for line in lines if line.strip(blank)]
    comments = list(itertools.takewhile(lambda line: line.startswith("#"), lines))
    lines = [line for line in lines if not line.startswith("#")]
    if comments and lines and _is_header(comments[-1], lines[0]):
        lines.insert(0, comments[-1].lstrip("# "))
    if not lines:
        raise DataError(f"{path.name} is empty.", TABLE, "check how the file was made; export it again")
    return lines


def _is_header(comment: str, first: str) -> bool:
    """Say whether a line that starts with # names the columns (as Galaxy writes ``#ID``)."""
    last = first.split("\t")[-1].strip()
    return 0 < comment.count("\t") == first.count("\t") and bool(_NUMBER.fullmatch(last))


def _decode(raw: bytes, path: Path, messages: list[str]) -> str:
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        messages.append(f"{path.name} is UTF-16 text (as Excel saves it); it was read as such.")
        return raw.decode("utf-16", errors="replace")
    if b"\x00" in raw[:4096]:
        raise DataError(f"{path.name} is a binary file.", TABLE, "check that this is the file you meant")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        messages.append(f"{path.name} is not UTF-8; it was read as Windows text (cp1252).")
        return raw.decode("cp1252", errors="replace")
    if raw[:3] == b"\xef\xbb\xbf":
        messages.append(f"{path.name} begins with a byte-order mark; it was removed.")
    return text


def _separator(lines: list[str]) -> str:
    """Return the separator that cuts the first lines into the most, equally many, fields."""
    head = lines[:20]
    best, most = "\t", 0.0
    for separator in SEPARATORS:
        counts = [_width(line, separator) for line in head]
        # a header may lack the name of the first column (as R writes it)
        body = counts[1:] or counts
        steady = sum(count == body[-1] for count in body) / len(body)
        score = (body[-1] - 1) * steady**4
        if score > most and abs(counts[0] - body[-1]) <= 1:
            best, most = separator, score
            if separator == "\t":
                break
    return best


def _header(lines: list[str], separator: str, path: Path) -> tuple[list[str], list[str]]:
    """Return the column names and the lines below them, all of one width."""
    widths = [_width(line, separator) for line in lines]
    header = [cell.strip() for cell in next(csv.reader(lines[:1], delimiter=separator))]
    lines, widths = lines[1:], widths[1:]
    if not lines:
        raise DataError(f"{path.name} has a header but no rows.", TABLE, "export the table again")
    if len(header) == widths[0] - 1:  # R's write.table names no column above the row names
        header = ["", *header]
    for number, (line, width) in enumerate(zip(lines, widths, strict=True), start=2):
        if width != len(header):
            raise DataError(
                f"{path.name}: row {number} ({line[:20]!r}) has {width} cells, the header has {len(header)}.",
                TABLE,
                "look at that line: the file is cut off there, or a name holds an unquoted separator",
            )
    while len(header) > 2 and not header[-1] and all(line.endswith(separator) for line in lines):
        header, lines = header[:-1], [line[: -len(separator)] for line in lines]
    if len(header) < 2:
        raise DataError(
            f"{path.name} has one column only ({header[0]!r}).", TABLE, "check the separator: tab, comma or ;"
        )
    return header, lines


def _width(line: str, separator: str) -> int:
    if '"' in line:
        return len(next(csv.reader([line], delimiter=separator)))
    return line.count(separator) + 1


def _decimal_comma(lines: list[str], separator: str) -> bool:
    return any(_COMMA_NUMBER.fullmatch(cell.strip()) for line in lines for cell in line.split(separator)[1:])


def _column(cells: pd.Series, name: str, rows: pd.Series, path: Path) -> np.ndarray:
    """Return one column as float64, or as str when most of it is text."""
    if cells.dtype == bool or cells.dtype == object:
        numbers = pd.to_numeric(cells, errors="coerce")
        bad = (numbers.isna() & cells.notna()).to_numpy()
        if cells.dtype == bool or bad.sum() > cells.notna().sum() / 2:
            return cells.astype(object).where(cells.notna(), "").astype(str).to_numpy(dtype=object)
        if bad.any():
            row = int(np.argmax(bad))
            raise DataError(
                f"{path.name}: {cells[row]!r} in row {rows[row]!r}, column {name!r} is not a number.",
                "numbers, or NA where a value is missing",
                "correct that cell",
            )
        cells = numbers
    values = cells.to_numpy(dtype=np.float64)
    if np.isinf(values).any():
        row = int(np.argmax(np.isinf(values)))
        raise DataError(
            f"{path.name}: the value in row {rows[row]!r}, column {name!r} is infinite.",
            "finite numbers, or NA where a value is missing",
            "take log(x + 1) instead of log(x), or give the linear values",
        )
    return values


def _show(names: Collection[str], most: int = 5) -> str:
    """Return the first few names as text."""
    names = [str(name) for name in names]
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
