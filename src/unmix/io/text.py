"""The text of a table from any program: decoding, separator, header, columns."""

from __future__ import annotations

import csv
import itertools
import re
import zlib
from typing import TYPE_CHECKING

from unmix.errors import DataError
from unmix.io import expansion, exports

if TYPE_CHECKING:
    import io
    from collections.abc import Collection, Iterable
    from pathlib import Path

SEPARATORS = ("\t", ",", ";", " ")
TABLE = "a table of text (TSV or CSV, plain or .gz): names in the first column and the first line"
#: Characters that no name in a table of text can hold, and the longest name.
_CONTROL, LONGEST = re.compile(r"[\x00-\x1f]"), 1000
#: Lines above the header that may be titles.
TITLES = 10
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
#: What stands above the names of rows.
_CORNER = re.compile(
    r"gene|id$|^id|symbol|name|probe|ensembl|transcript|feature|sample|cell|type|row|^$|^#", re.IGNORECASE
)


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


def check_names(names: Iterable[str], what: str, source: str) -> None:
    """Refuse names that no table can hold.

    Raises
    ------
    DataError
        A name is empty, has more than 1,000 characters, or holds tabs, line breaks or other control characters.
    """
    for name in names:
        if not name or len(name) > LONGEST or _CONTROL.search(name):
            raise DataError(
                f"{source}: {name[:80]!r} is no name of a {what}.",
                f"names of 1 to {LONGEST:,} characters, without tabs, line breaks and control characters",
                f"rename the {what}",
            )


def lines(path: Path, messages: list[str]) -> list[str]:
    """Return the lines that hold data, decoded."""
    with open_binary(path) as file:
        raw = file.read()
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = expansion.gunzip(raw, path.name)
        except (EOFError, OSError, zlib.error) as error:
            raise DataError(
                f"{path.name} is a damaged or truncated gzip file.", TABLE, "copy the file again"
            ) from error
    if raw[:4] == b"\x89HDF":
        raise DataError(f"{path.name} is an HDF5 file.", TABLE, "name it .h5ad if it is one")
    text = _decode(raw, path, messages)
    if "\r" in text:
        messages.append(f"{path.name} has Windows or old Mac line ends; they were converted.")
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = exports.table(text.split("\n"), path, messages)
    blank = "\t ,;"
    lines = [line for line in lines if line.strip(blank)]
    comments = list(itertools.takewhile(lambda line: line.startswith("#"), lines))
    lines = lines[len(comments) :]
    if comments and lines and _is_header(comments[-1], lines[0]):
        lines.insert(0, comments[-1].lstrip("# "))
    if any(line.startswith("#") for line in lines):  # a name may begin with #; a comment has no cells
        cut = separator(lines)
        lines = [line for line in lines if not line.startswith("#") or cut in line]
    if not lines:
        raise DataError(f"{path.name} is empty.", TABLE, "check how the file was made; export it again")
    return lines


def below_titles(lines: list[str], path: Path, messages: list[str]) -> list[str]:
    """Return a table from its header on: tables of papers have lines of one cell above it; the header is of words."""
    cut = separator(lines[-20:])
    titles = list(itertools.takewhile(lambda line: _size(line, cut)[1] == 1, lines[:TITLES]))
    body = lines[len(titles) :]
    if not titles or len(body) < 2 or _size(body[-1], cut)[1] < 3:
        return lines
    words = [cell.strip() for cell in next(csv.reader(body[:1], delimiter=cut))[1:]]
    if any(map(_NUMBER.fullmatch, words)):  # a row: the header is damaged
        return lines
    messages.append(f"{path.name}: lines above the table were left out: {titles[0].strip()[:60]!r}.")
    return body


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
        if separator == " " and most:  # blanks in names are more common than tables cut by blanks
            break
        counts = [_width(line, separator) for line in head]
        # a header may lack the name of the first column (as R writes it)
        body = counts[1:] or counts
        steady = sum(count == body[-1] for count in body) / len(body)
        score = (body[-1] - 1) * steady**4
        filled = max(_size(line, separator)[1] for line in head[1:] or head)
        if score > most and min(abs(counts[0] - width) for width in (body[-1], filled)) <= 1:
            best, most = separator, score
            if separator == "\t":
                break
    return best


def header(lines: list[str], separator: str, path: Path) -> tuple[list[str], list[str]]:
    """Return the column names and the lines below them, all of one width.

    Empty cells at the ends of lines are cut before anything is counted, because programs write a separator too many
    in the header, in the body or in some lines. Names shift by one where that is taken for R's missing first name.
    """
    names = [cell.strip() for cell in next(csv.reader(lines[:1], delimiter=separator))]
    lines = lines[1:]
    if not lines:
        raise DataError(f"{path.name} has a header but no rows.", TABLE, "export the table again")
    for number, line in enumerate(lines, start=2):
        if line.count('"') % 2 and _open_quote(line, separator):
            raise DataError(
                f"{path.name}: row {number} ({line[:20]!r}) has a quotation mark that is not closed.",
                TABLE,
                "remove it, or close it in the same line; a name may hold no line break",
            )
    sizes = [_size(line, separator) for line in lines]
    written, named = len(names), len(_without_end(names))
    widest = max(filled for _, filled in sizes)
    narrowest = min(width for width, _ in sizes)
    unnamed_first = False  # R's write.table names no column above the row names
    if widest > named:
        unnamed_first = widest == named + 1
        if unnamed_first and written > named:
            raise _shifted(path, f"the last cell of its header is empty, but column {written} holds values")
    elif narrowest == named + 1 and not _CORNER.search(names[0]):  # the last sample is empty, or a separator too many
        raise _shifted(path, f"its rows end in an empty cell and its header does not; {names[0]!r} may be a sample")
    header = ["", *names[:named]] if unnamed_first else names[: max(named, min(written, widest))]
    for number, (line, (width, filled)) in enumerate(zip(lines, sizes, strict=True), start=2):
        if width < len(header) or filled > len(header):
            raise DataError(
                f"{path.name}: row {number} ({line[:20]!r}) has {width} cells, the header has {len(header)}.",
                TABLE,
                "look at that line: the file is cut off there, or a name holds an unquoted separator",
            )
    if len(header) < 2:
        raise DataError(
            f"{path.name} has one column only ({header[0]!r}).", TABLE, "check the separator: tab, comma or ;"
        )
    if blank := [number for number, name in enumerate(header) if number and not name]:
        raise _shifted(path, f"column {blank[0] + 1} has no name")
    over = [width - len(header) for width, _ in sizes]
    return header, [_cut(line, n, separator) if n else line for line, n in zip(lines, over, strict=True)]


def _open_quote(line: str, separator: str) -> bool:
    """Say whether a cell of a line begins with a quotation mark that is not closed."""
    try:
        next(csv.reader([line], delimiter=separator, strict=True))
    except csv.Error as error:
        return "unexpected end" in str(error)
    return False


def _shifted(path: Path, why: str) -> DataError:
    return DataError(
        f"{path.name}: names and columns do not match ({why}).",
        TABLE,
        "name every column in the first line, the first one 'gene', and end no line with a separator",
    )


def _without_end(cells: list[str]) -> list[str]:
    """Return cells without the empty ones at the end; the first one stays."""
    while len(cells) > 1 and not cells[-1].strip():
        cells = cells[:-1]
    return cells


def _size(line: str, separator: str) -> tuple[int, int]:
    """Return how many cells a line has, and how many up to the last one that is not empty."""
    if '"' in line:
        cells = next(csv.reader([line], delimiter=separator))
        return len(cells), len(_without_end(cells))
    width = line.count(separator) + 1
    if line[-1] != separator and line[-1] != " ":
        return width, width
    return width, max(1, width - line[len(line.rstrip(separator + " ")) :].count(separator))


def _cut(line: str, cells: int, separator: str) -> str:
    """Return a line without its last cells, which are empty."""
    for _ in range(cells):
        line = line[: line.rindex(separator)]
    return line


def _width(line: str, separator: str) -> int:
    if '"' in line:
        return len(next(csv.reader([line], delimiter=separator)))
    return line.count(separator) + 1


def show(names: Collection[str], most: int = 5) -> str:
    """Return the first few names as text."""
    names = [str(name) for name in names]
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def split_names(given: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return the names of a repeatable option; one that is not known is a list of names between commas."""
    known = set(known)
    split = (name.strip() for text in given for name in ([text] if text in known else text.split(",")))
    return [name for name in split if name]
