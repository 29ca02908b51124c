"""The numbers of a table: decimal marks, thousands separators, columns."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from unmix.errors import DataError
from unmix.io.text import show

if TYPE_CHECKING:
    from pathlib import Path

_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
#: Cells without a value.
MISSING = ["", "NA", "Na", "na", "N/A", "n/a", "#N/A", "NaN", "nan", "NAN", "NULL", "null", "None", "none", "."]
#: Lines of words below the header that may be further headers.
FURTHER_HEADERS = 3
#: From this many numbers on, thousands separators and three decimals can be distinguished: some decimals would end in
#: 0 and be written shorter.
MANY = 100
#: A chromosome among numbers of chromosomes.
_CHROMOSOME = re.compile(r"(chr)?(X|Y|XY|M|MT|Un|\w+_(random|alt|fix)|[GK][IL]\d+(\.\d)?)", re.IGNORECASE)


class Marks(NamedTuple):
    """The characters of numbers: ``decimal`` before decimals, ``thousands`` between groups of digits or None."""

    decimal: str = "."
    thousands: str | None = None


def marks(lines: list[str], separator: str, path: Path) -> Marks:
    """Distinguish decimal marks from thousands separators by all numbers of the file.

    Raises
    ------
    DataError
        Both readings fit, or some numbers need the one and some the other.
    """
    text = "".join(f"{separator}{line.partition(separator)[2]}\n" for line in lines)  # without the names of the rows
    comma, point = (_use(text, separator, mark, path) if mark in text else None for mark in ",.")
    if comma == point == "thousands":
        raise _two_ways(path, ", and .")
    if comma == "thousands":
        return Marks(".", ",")
    if point == "thousands":
        return Marks(",", ".")
    return Marks("," if comma and not point else ".")  # beside decimals with a point, commas belong to texts


def _use(text: str, separator: str, mark: str, path: Path) -> str | None:
    """Return what a mark is among numbers: ``decimal``, ``thousands``, or None where no number has it."""
    before, after = f'(?<=[{separator}]) ?"?', f'"? ?(?=[{separator}\\n])'
    alone = before, after
    if separator == mark:  # numbers that hold the separator stand in quotes
        before, after = '(?<=")', '(?=")'
    m = re.escape(mark)
    exponent = r"(?:[eE][+-]?\d+)?"
    grouped = rf"-?[1-9]\d{{0,2}}(?:{m}\d{{3}})+"
    other = "," if mark == "." else r"\."
    both = rf"{grouped}{other}\d+"  # 1,234.5
    plain = rf"-?\d+{m}\d+{exponent}"
    first = re.search(f"{before}(?!{grouped}{after}){plain}{after}", text)
    if first and mark == ".":
        return "decimal"
    certain = re.search(f"{before}(?:-?[1-9]\\d{{0,2}}(?:{m}\\d{{3}}){{2,}}|{both}){after}", text)
    if first and certain:
        raise DataError(
            f"{path.name}: {certain[0].strip(chr(34))} and {first[0].strip(chr(34))} use {mark!r} in two ways.",
            "one decimal mark, no thousands separators",
            "export the table again with plain numbers (1234.5)",
        )
    if certain:
        return "thousands"
    if first:
        return "decimal"
    groups = len(re.findall(f"{before}{grouped}{after}", text))
    if not groups:
        return None
    small = len(re.findall(rf"{alone[0]}[1-9]\d{{0,2}}{alone[1]}", text))
    large = re.search(rf"{alone[0]}[1-9]\d{{3,}}{alone[1]}", text)
    if not large and small >= groups / 100 and groups + small >= MANY:
        return "thousands"  # whole numbers up to 999 stand without the mark, and none above
    if large or mark == ".":
        return "decimal"
    raise _two_ways(path, mark)


def _two_ways(path: Path, mark: str) -> DataError:
    return DataError(
        f"{path.name}: the {mark!r} in its numbers may be a decimal mark or a thousands separator; both readings fit.",
        "plain numbers: 1234.5",
        "export the table again without thousands separators and with the decimal mark .",
    )


def below_headers(lines: list[str], separator: str, path: Path, messages: list[str]) -> list[str]:
    """Leave out a second header: lines of words alone above a line of numbers alone."""
    last = ""
    for number, line in enumerate(lines[: FURTHER_HEADERS + 1]):
        name, *cells = next(csv.reader([line], delimiter=separator))
        are_numbers = [is_number(cell) or cell.strip() in MISSING for cell in cells]
        if number and all(are_numbers):
            above = f"line{'s 2 to' if number > 1 else ''} {number + 1}"
            messages.append(
                f"{path.name}: {above} hold{'s' * (number == 1)} words alone ({last}); left out, as a header."
            )
            return lines[number:]
        if any(are_numbers):
            break
        last = show([name, *cells], 3)
    return lines


def is_number(cell: str) -> bool:
    """Say whether a cell of text is a number, with any decimal mark or thousands separator."""
    return bool(_NUMBER.fullmatch(re.sub("[,.]", "", cell.strip())))


def column(cells: pd.Series, name: str, rows: pd.Series, path: Path) -> np.ndarray:
    """Return one column as float64, or as str when most of it is text."""
    if cells.dtype == bool or cells.dtype == object:
        numbers = pd.to_numeric(cells, errors="coerce")
        bad = (numbers.isna() & cells.notna()).to_numpy()
        strange = set(cells[bad]) if 0 < bad.sum() <= cells.notna().sum() / 2 else set()
        chromosomes = strange and all(_CHROMOSOME.fullmatch(str(cell).strip()) for cell in strange)
        if cells.dtype == bool or chromosomes or bad.sum() > cells.notna().sum() / 2:
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
