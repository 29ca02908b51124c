"""The text of a table: decoding, separator, header, columns; whatever program saved it."""

from __future__ import annotations

import csv
import gzip
import itertools
import re
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from unmix.errors import DataError

if TYPE_CHECKING:
    import io
    from collections.abc import Collection
    from pathlib import Path

SEPARATORS = ("\t", ",", ";", " ")
TABLE = "a table of text (TSV or CSV, plain or .gz): names in the first column and the first line"
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_COMMA_NUMBER = re.compile(r"-?\d+,\d+(?:[eE][+-]?\d+)?")


def open_binary(path: Path) -> io.BufferedReader:
    """Open a file; raise DataError where that cannot be."""
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist.", "an input file", "check the path") from error
    except IsADirectoryError as error:
        raise DataError(f"{path} is a folder.", "an input file", "name the file inside it") from error
    except PermissionError as error:
        raise DataError(f"{path} cannot be read (permission denied).", "a readable file", "chmod +r") from error


def lines(path: Path, messages: list[str]) -> list[str]:
    """Return the lines that hold data, decoded."""
    with open_binary(path) as file:
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


def separator(lines: list[str]) -> str:
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


def header(lines: list[str], separator: str, path: Path) -> tuple[list[str], list[str]]:
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


def decimal_comma(lines: list[str], separator: str) -> bool:
    """Say whether numbers are written with a comma."""
    return any(_COMMA_NUMBER.fullmatch(cell.strip()) for line in lines for cell in line.split(separator)[1:])


def column(cells: pd.Series, name: str, rows: pd.Series, path: Path) -> np.ndarray:
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


def show(names: Collection[str], most: int = 5) -> str:
    """Return the first few names as text."""
    names = [str(name) for name in names]
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
