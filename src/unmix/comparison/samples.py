"""The table of samples, as users write it."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from unmix.errors import DataError, UsageError
from unmix.io import tables
from unmix.io.text import show, split_names

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

#: What stands for a missing value; ``none`` is a treatment.
MISSING = frozenset({"", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "."})
#: Column of the samples.
SAMPLE = "sample"


def read_samples(samples: Path | str | pd.DataFrame) -> pd.DataFrame:
    """Read a table of samples: text, missing values empty, with the samples as index.

    Parameters
    ----------
    samples
        TSV or CSV, or a table in memory, with a column ``sample`` (else the first column, or the index in memory).

    Raises
    ------
    DataError
        Not a table, or a sample without a name or twice.
    """
    if isinstance(samples, pd.DataFrame):
        name, table = "the table of samples", samples if SAMPLE in samples else samples.reset_index()
        table = table.astype(object).where(table.notna(), "").astype(str)
    else:
        name, table = Path(samples).name, tables.read_text(samples)
    table = table.set_index(SAMPLE if SAMPLE in table else table.columns[0]).rename_axis(None)
    table.columns = [str(column) for column in table]
    for names, what in ((table.index[table.index.isin(MISSING)], "without a name"), (repeated(table.index), "twice")):
        if len(names):
            found = f"{name}: a sample {what}" + (f" ({names[0]!r})" if names[0] else "")
            raise DataError(found, "every sample once, in the column 'sample' or the first one", "correct the table")
    return table.mask(table.isin(MISSING), "")


def repeated(names: pd.Index) -> pd.Index:
    """Return the names that occur a second time."""
    return names[names.duplicated()]


def match(fractions: Sequence[str], samples: Sequence[str], say: Callable[[str], None]) -> list[str]:
    """Return the samples that have fractions and a row in the sample table.

    Samples of one side alone are left out, with a message. Where both sides have such samples, names may be misspelt.

    Raises
    ------
    DataError
        If no sample is shared, or each side has samples that the other lacks; with proposals.
    """
    lost = [name for name in fractions if name not in set(samples)]
    unused = [name for name in samples if name not in set(fractions)]
    shared = [name for name in fractions if name in set(samples)]
    if lost and unused:
        pairs = _alike(lost, unused)
        named = "; ".join(f"{other!r} for {one!r}" for one, other in pairs[:5])
        raise DataError(
            f"names of samples do not match: {show(lost)} of the fractions are not in the sample table, which has "
            f"{show(unused)}",
            "the sample names of the bulk" + (f" (perhaps {named})" if named else ""),
            "correct the names in the sample table, and remove samples that were not measured",
        )
    for names, what in ((lost, "have no row in the sample table"), (unused, "have no fractions")):
        if names:
            say(f"Left out, because they {what}: {show(names)} ({len(names):,}).")
    return shared


def _alike(some: list[str], others: list[str]) -> list[tuple[str, str]]:
    """Return pairs of names that differ in case, marks, an X of R, or a few letters."""

    def plain(name: str) -> str:
        return re.sub(r"^x(?=\d)", "", re.sub(r"[\W_]+", "", name.casefold()))

    spelt = {plain(name): name for name in others}
    found = []
    for name in some:
        if near := difflib.get_close_matches(plain(name), spelt, n=1, cutoff=0.75):
            found.append((name, spelt[near[0]]))
    return found


def named(given: Sequence[str], known: Collection[str]) -> tuple[str, ...]:
    """Return names that users give one by one, or several between commas; one that is known is taken whole."""
    return tuple(dict.fromkeys(split_names(given, known)))


def column(table: pd.DataFrame, name: str, what: str) -> pd.Series:
    """Return a column of the sample table.

    Raises
    ------
    UsageError
        If there is none of this name.
    """
    if name in table:
        return table[name]
    near = difflib.get_close_matches(name.casefold(), {str(one).casefold(): one for one in table}, n=1, cutoff=0.6)
    meant = [one for one in table if near and one.casefold() == near[0]]
    raise UsageError(
        f"the sample table has no column {name!r} ({what}); it has {', '.join(table) or 'no further columns'}",
        "a column of the sample table",
        f"perhaps {meant[0]!r}" if meant else "correct the name, or add the column",
    )
