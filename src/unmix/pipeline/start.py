"""What a run verifies before it starts: its files, its options for the reference, and the folder of the results."""

from __future__ import annotations

import contextlib
import filecmp
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unmix.errors import DataError, UnmixError, UsageError
from unmix.io import outputs, records
from unmix.reference import prepare, single_cells
from unmix.report.beside import FILES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from unmix.pipeline.row import Options, Row


#: What was asked for, in the folder of the results.
REQUEST = "request.json"


def write_request(path: Path, row: Row, options: Options, origin: dict[str, Any]) -> None:
    """Write what was asked for as JSON: the inputs (as a row of a samplesheet), the parameters, and `origin`.

    `origin` is that of :meth:`unmix.pipeline.record.Run.origin`: the command, checksums of the inputs, versions.
    """

    def told(given: Row | Options) -> dict[str, str]:
        values = {
            name: ", ".join(value) if isinstance(value, tuple) else value for name, value in asdict(given).items()
        }
        return {name: "" if value is None else str(value) for name, value in values.items()}

    asked = {**origin, "row": told(row), "parameters": told(options)}
    path.write_text(json.dumps(asked, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def unchanged(row: Row) -> bool:
    """Return whether the reference was prepared by unmix, and is used unchanged.

    Raises
    ------
    UsageError
        It was, and an option asks for other labels.
    """
    if row.cell_type_key is not None or not prepare.is_prepared(row.reference):
        return False
    others = {
        "--cells": row.cells,
        "--label-map": row.label_map,
        "--cell-state-key": row.cell_state_key,
        "--cell-type-tree": row.cell_type_tree != "auto",
        "--donor-key": row.donor_key != "none",
        "--reference-kind": row.reference_kind != "cells",
    }
    if asked := [name for name, given in others.items() if given]:
        raise UsageError(
            f"{row.reference.name} is a prepared reference, which has its labels, and {asked[0]} is given",
            "a prepared reference without options for its labels",
            f"remove {asked[0]}, or prepare it anew: --cell-type-key cell_type --donor-key donor",
        )
    return True


def files(row: Row, options: Options) -> dict[str, Path]:
    """Return the files that are given, by the name of their column or option."""
    given = {**asdict(row), **asdict(options)}
    return {name: value for name, value in given.items() if isinstance(value, Path)}


def read(row: Row, options: Options, jobs: list[dict[str, Any]]) -> Iterator[tuple[str, Path]]:
    """Yield name and path of every file that a run reads; a reference that cannot be used is refused later."""
    given = files(row, options)
    with contextlib.suppress(UnmixError):
        given |= {f"reference {path.name}": path for path in single_cells.files(row.reference)[1:]}
        given["reference"] = single_cells.files(row.reference)[0]
    yield from given.items()
    for name in ("cell_type_tree", "mrna_per_cell", "prior"):  # the name of a source, or a table
        yield name, Path(getattr(row, name))
    for number, path in enumerate(dict.fromkeys(path for job in jobs for path in job["published"]), start=1):
        yield f"published {number}", Path(path)


def check_files(row: Row, options: Options, published: list[str]) -> None:
    """Refuse a file that does not exist before anything is computed."""
    for name, path in [*files(row, options).items(), *(("published file", Path(path)) for path in published)]:
        if not path.exists():
            raise DataError(f"there is no file {path} ({name.replace('_', ' ')})", "a file", "correct the path")
    if (row.calibration_bulk is None) != (row.calibration_fractions is None):
        raise UsageError(
            "one of --calibration-bulk and --calibration-fractions",
            "both: the samples and their known fractions",
            "add the other, or remove this one",
        )
    if options.contrasts and not options.samples:
        raise UsageError("--contrasts without --samples", "contrasts of a table of samples", "add --samples")


def make_room(out: Path, methods: Sequence[str], inputs: Collection[Path] = ()) -> None:
    """Remove what an earlier run by the same methods has left, so that no old table stands beside new ones.

    Raises
    ------
    UsageError
        If the folder holds results of other methods, or one of the `inputs` is a result that would be removed.
    """
    own = {*methods, "consensus", "check", "reference"}
    places = {path.parent.name for name in ("run.json", "*skipped.json") for path in outputs.standing(out, f"*/{name}")}
    if others := sorted(places - own):
        raise UsageError(
            f"{out} holds results of {others[0]}, which this run does not give",
            "a new folder, or one of an earlier run by the same methods",
            f"give another folder, or remove {out / others[0]}",
        )
    for path in inputs:
        if path.resolve().parent in {(out / place).resolve() for place in own}:
            raise UsageError(
                f"{path} is an input, and stands among the results that this run replaces",
                "inputs outside the folders of the methods",
                "give another folder for the results, or move the input",
            )
    for name in (REQUEST, *FILES):
        (out / name).unlink(missing_ok=True)
    for place in sorted(places):
        for path in [*(out / place).glob("*run.json"), *(out / place).glob("*skipped.json")]:
            for name in [*records.read(path).get("outputs", {}), path.name]:
                made, copy = path.with_name(name), out / name
                if made.is_dir():
                    continue
                if made.exists() and copy.is_file() and filecmp.cmp(made, copy, shallow=False):
                    copy.unlink()
                made.unlink(missing_ok=True)
