"""Every row of the samplesheet by every method: what the pipeline runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from unmix.errors import UsageError
from unmix.methods import unknown
from unmix.pipeline.words import listed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from unmix.contract.method import Method

#: Columns of published files: PATH or METHOD=PATH, several between semicolons.
SORTS = ("signature", "gene_sets", "pretrained")
#: The control that runs on every row with a declared prior.
CONTROL_OF_PRIOR = "prior"


def jobs(
    rows: Iterable[Mapping[str, Any]],
    methods: Collection[str],
    known: Mapping[str, type[Method]],
    panel: Collection[str] = (),
) -> list[dict[str, Any]]:
    """Return every row by every method: what the pipeline must know of the method, and what files the row gives it.

    Parameters
    ----------
    rows
        As :func:`unmix.pipeline.samplesheet.resolve` returns them; a row without id is that of a command line.
    methods
        Names of the methods of the run.
    known
        Every method by name.
    panel
        Methods whose consensus is asked for.

    Raises
    ------
    UsageError
        If a column of published files names a method that does not exist or takes none of the sort.
    """
    table = []
    for row in rows:
        for sort in SORTS:
            where = f"samplesheet row {row['id']}, column {sort}" if row["id"] else f"--{sort.replace('_', '-')}"
            _check_takers(where, sort, row[sort], known)
        # what a declared prior knows without the bulk stands beside the estimates
        declared = [CONTROL_OF_PRIOR] if row["prior"] != "none" and CONTROL_OF_PRIOR not in methods else []
        for name in [*methods, *declared]:
            method = known[name]
            offered = row[method.takes] if method.takes in SORTS else ()
            own, shared = ([path for whose, path in offered if whose == wanted] for wanted in (name, ""))
            files = own or (shared if method.takes != "pretrained" else [])
            table.append(
                {
                    "id": row["id"],
                    "method": name,
                    "deep": method.info.family == "deep",
                    "control": method.info.family == "control",
                    "panel": name in panel,
                    "expresses": method.expresses,
                    "needs_bulk": method.needs.bulk,
                    "needs_calibration": method.needs.calibration,
                    "needs_malignant": method.needs.malignant,
                    "needs_prior": method.needs.prior,
                    "published": files,
                    "takes": method.takes,
                }
            )
    return table


def _check_takers(where: str, sort: str, given: Iterable[tuple[str, str]], known: Mapping[str, type[Method]]) -> None:
    """Check that the published files of a column are for methods that take them."""
    takers = [name for name, method in known.items() if method.takes == sort]
    for name, path in given:
        if name and name not in known:
            error = unknown(name)
            raise UsageError(f"{where}: {error.found}", error.expected, error.do)
        if name and name not in takers:
            raise UsageError(f"{where}: {name} takes no {sort}.", f"one of {listed(takers)}", f"remove {path}")
        if not name and sort == "pretrained":
            raise UsageError(
                f"{where}: {path} has no method.",
                f"method=path, the method one of {listed(takers)}",
                f"write {takers[0]}={path}",
            )


def entries(cell: str) -> list[tuple[str, str]]:
    """Return the entries of a cell of published files: the method that each is for ("" for all), and its path."""
    entries = [entry.strip() for entry in cell.split(";") if entry.strip()]
    return [re.fullmatch(r"(?:([\w-]+)\s*=\s*)?(.+)", entry).groups("") for entry in entries]
