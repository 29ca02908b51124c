"""Which annotation of the cells holds cell types and which holds donors: by its name and by its values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from unmix.reference.single_cells import SingleCells

#: Parts of the names of columns that may hold cell types, the likeliest first.
TYPE_HINTS = ("type", "annot", "label", "cluster", "louvain", "leiden", "ident", "population", "class")
#: Parts of the names of columns of persons, and of columns that distinguish less than persons.
DONOR_HINTS = ("donor", "patient", "individual", "subject", "participant", "person")
SAMPLE_HINTS = ("sample", "orig.ident", "batch", "lane")
#: Names, without blanks and points, of columns that never hold cell types.
_NO_TYPES = re.compile(
    r"(.*(batch|donor|patient|individual|subject|sample|lane|library|plate|dataset|barcode).*)"
    r"|orig_?ident|run|study|chemistry|platform|sex|gender|age|condition|treatment|disease|stim|phase|tissuetype"
    r"|n_?(genes|counts|umi).*|(pct|percent)_?.*|total_?counts"
)
#: Labels of batches and persons.
_BATCH = re.compile(
    r"(batch|donor|patient|individual|subject|sample|lane|lib|library|plate|run|rep|replicate|pool|chip|gsm|srr|s|p|d)"
    r"[ _.:-]?\d+\w*",
    re.IGNORECASE,
)
#: Words of which names of cell types are made.
_CELLS = re.compile(
    r"cell|cyte|blast|phage|phil|lymph|mono|neuro|glia|endo|epith|plasma|stroma|fibro|platelet|progenitor|stem"
    r"|\b(alpha|beta|delta|gamma|ductal|acinar|nkt?|treg|[pm]?dc|ilc|[tb])\b|cd\d+",
    re.IGNORECASE,
)


def no_types(key: str, values: Iterable[str]) -> tuple[bool, bool]:
    """Say whether a column holds no cell types by its name, and by its values (batches, persons).

    Parameters
    ----------
    key
        Name of the column.
    values
        Its distinct values.
    """
    values = [value for value in values if value.upper() not in ("", "NA", "NAN", "NONE")]
    batches = sum(bool(_BATCH.fullmatch(value)) for value in values)
    return bool(_NO_TYPES.fullmatch(re.sub(r"[\s.]+", "", key.lower()))), bool(values) and 2 * batches > len(values)


def type_columns(found: SingleCells) -> list[str]:
    """Return the columns that may hold cell types, the likeliest first.

    Those whose values are words of cell types come first; then those that are named after cell types. Batches,
    persons and columns with one value, or with a value for nearly every cell, are left out.
    """
    likely, named = [], hinted(found.keys, TYPE_HINTS)
    for key in [*named, *(key for key in found.keys if key not in named)]:
        values = _values(found, key)
        if not 2 <= len(values) <= len(found.obs_names) / 2 or any(no_types(key, values)):
            continue
        cells = 3 * sum(bool(_CELLS.search(value)) for value in values) >= len(values)
        if cells or key in named:
            likely.append((not cells, key))
    return [key for _, key in sorted(likely, key=lambda pair: pair[0])]


def donor_columns(found: SingleCells, hints: Sequence[str] = DONOR_HINTS) -> dict[str, int]:
    """Return the columns that may hold donors, by their names, with the number of their values (two or more)."""
    numbers = {key: len(_values(found, key)) for key in hinted(found.keys, hints)}
    return {key: number for key, number in numbers.items() if 2 <= number <= len(found.obs_names) / 2}


def hinted(keys: Iterable[str], hints: Sequence[str]) -> list[str]:
    """Return the keys that hold a hint, in the order of the hints."""
    keys = list(keys)
    return list(dict.fromkeys(key for hint in hints for key in keys if hint in key.lower()))


def _values(found: SingleCells, key: str) -> list[str]:
    """Return the distinct values of a column, without the missing one."""
    values: pd.Series = found.column(key)
    return sorted(set(values) - {""})
