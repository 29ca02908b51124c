"""The tables of a page as one workbook (xlsx), for readers who use a spreadsheet."""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING

from unmix.report.words import quantity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import pandas as pd

    from unmix.report.results import Results

#: Of a sheet's name: the longest, and characters that spreadsheets refuse.
LONGEST, REFUSED = 31, re.compile(r"[\[\]:*?/\\\x00-\x1f']")
#: Rows and columns of a sheet.
ROWS, COLUMNS = 1_048_576, 16_384


def write_workbook(results: Results, title: str, path: Path) -> None:
    """Write a sheet per method with its estimates, and sheets of flags, intervals, metrics and effects.

    Names are written as text, whatever they begin with, so that none is taken for a formula. The same results give the
    same bytes.

    Parameters
    ----------
    results
        As the page shows them.
    title
        Of the page.
    path
        Where to write.
    """
    import xlsxwriter

    options = {"constant_memory": True, "in_memory": False, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        book.set_properties({"title": title, "created": datetime.datetime(1980, 1, 1)})
        bold = book.add_format({"bold": True, "text_wrap": True})
        taken: set[str] = set()
        for name, table in [("about", _about(results, title)), *_sheets(results)]:
            sheet = book.add_worksheet(_sheet_name(name, taken))
            sheet.freeze_panes(1, 1)
            sheet.set_column(0, 0, 24)
            for at, row in enumerate(_cells(table)):
                for column, value in enumerate(row[:COLUMNS]):
                    if isinstance(value, str):
                        sheet.write_string(at, column, value[:32_767], bold if at == 0 else None)
                    elif value == value and abs(value) != float("inf"):
                        sheet.write_number(at, column, value)
                if at + 1 == ROWS:
                    break


def _about(results: Results, title: str) -> pd.DataFrame:
    import pandas as pd

    rows = [("title", title), ("headline", results.headline.title), ("files", "the tables (TSV) hold all digits")]
    rows += [
        (f"sheet {one.name}", f"{quantity(one)} by {one.title}{' (control)' if one.control else ''}")
        for one in results.methods
    ]
    return pd.DataFrame(rows, columns=["what", "contents"]).set_index("what")


def _sheets(results: Results) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield name and table of every sheet, those of the headline first."""
    import pandas as pd

    lead = results.headline
    if lead.leading is not lead:
        yield f"{lead.name} groups", lead.leading.values
    for result in results.methods:
        yield result.name, result.values.rename_axis("sample")
    for name, table in (("lower", lead.lower), ("upper", lead.upper)):
        if table is not None:
            yield f"{name} {lead.name}", table.rename_axis("sample")
    if lead.flags is not None:
        yield "flags", lead.flags.to_frame("flag").rename_axis("sample")
    for name in ("metrics", "effects", "survival"):
        parts = {one.name: getattr(one, name) for one in results.methods if getattr(one, name) is not None}
        if parts:
            yield name, pd.concat(parts, names=["method", None]).droplevel(1)


def _cells(table: pd.DataFrame) -> Iterable[list[str | float]]:
    """Yield header and rows with the index as first column; numbers as numbers, anything else as text."""
    import pandas as pd

    yield [str(table.index.name or ""), *map(str, table.columns)]
    numeric = [pd.api.types.is_numeric_dtype(kind) for kind in table.dtypes]
    columns = [
        table.iloc[:, at].astype(float).tolist() if number else table.iloc[:, at].fillna("").astype(str).tolist()
        for at, number in enumerate(numeric)
    ]
    yield from ([str(name), *row] for name, *row in zip(table.index, *columns, strict=True))


def _sheet_name(name: str, taken: set[str]) -> str:
    """Return a name that a spreadsheet allows and that no other sheet has; capitals do not count there."""
    plain = REFUSED.sub(" ", name).strip() or "sheet"
    short, number = plain[:LONGEST], 1
    while short.casefold() in taken:
        number += 1
        short = f"{plain[: LONGEST - len(str(number)) - 1]} {number}"
    taken.add(short.casefold())
    return short
