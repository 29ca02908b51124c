"""Gene sets in GMT: a set per line, its name, a description and its genes, between tabs.

Read by hand: a line that is no set is an error here, while gseapy's reader skips it and lets a name that stands twice
replace the first set. That reader also takes no compressed file, and its import costs seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from unmix.errors import DataError
from unmix.io import text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

#: How the name of a GMT file ends.
ENDS = (".gmt", ".gmt.gz")
#: What a message expects.
GMT = "gene sets in GMT: in every line the name of a set, a description and its genes, between tabs"


def read_gmt(path: Path) -> dict[str, list[str]]:
    """Return the genes of every set of a GMT file, plain or gzip.

    Raises
    ------
    DataError
        As for :func:`parse`, or if the file cannot be read.
    """
    return parse(text.lines(path, []), path)


def parse(lines: Iterable[str], path: Path) -> dict[str, list[str]]:
    """Return the genes of every set in the lines of a GMT file.

    Raises
    ------
    DataError
        If a line is no set: without name or genes, or with a name that stands twice.
    """
    sets: dict[str, list[str]] = {}
    for line in lines:
        name, *rest = (cell.strip(' "') for cell in line.split("\t"))
        genes = [gene for gene in rest[1:] if gene]
        if not name or not genes:
            what = "a set without a name" if not name else f"{name[:40]!r} has no genes"
            raise DataError(f"{path.name}: {what}", GMT, "correct that line")
        if name in sets:
            raise DataError(f"{path.name}: the set {name!r} stands twice", GMT, "rename or remove one of them")
        sets[name] = genes
    return sets
