"""A run of the pipeline once more: its inputs by the records of its steps, its samplesheet and its parameters."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unmix.errors import DataError, UsageError
from unmix.io import records
from unmix.io.outputs import standing
from unmix.io.registry import sha256
from unmix.pipeline.repeat import Input, absolute, differences, find, link
from unmix.pipeline.start import REQUEST
from unmix.reference import single_cells

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Parameters that name a table, and those that say where results go.
TABLES = ("samples", "contrasts")
PLACES = ("input", "outdir", "tracedir", "help")
#: Facts of a row that are no column of the samplesheet.
NO_COLUMNS = ("reference_name",)
#: Between the parts of a cell that may name files: METHOD=FILE;FILE
_BETWEEN = re.compile("([=;])")


def inputs(
    folder: Path, request: Mapping[str, Any], given: Path | None, place: Path
) -> tuple[list[str], dict[Path, Path]]:
    """Link the inputs of a run of the pipeline below `place`; return what is to be said, and where they are now.

    A step knows the name and the contents of its inputs, and the samplesheet where they stood.

    Raises
    ------
    UsageError
        If the run was started by another pipeline.
    DataError
        If an input is missing, or has other contents.
    """
    if "input" not in request["parameters"]:
        raise UsageError(
            f"{folder} is of another pipeline, which calls unmix", "a run of unmix itself", "repeat that pipeline"
        )
    steps = {path: records.read(path) for path in _records(folder)}
    made = {one["sha256"] for step in steps.values() for one in step.get("outputs", {}).values()}
    said = list(dict.fromkeys(sentence for step in steps.values() for sentence in differences(step)))
    wanted: list[Input] = []
    for row, path in _paths(folder, request):
        if "://" in str(path):
            said.append(f"{path} is no local file: its contents are compared by the outputs only.")
            continue
        for file in single_cells.files(path) if path.is_dir() else [path]:
            own = {where: step for where, step in steps.items() if where.is_relative_to(folder / row)} if row else steps
            read = _read(own, file.name, made) or _read(steps, file.name, made)
            if read:
                wanted.append(_expected(file, read))
            elif file.exists():
                said.append(f"{file} was read by no step, and is not verified.")
            else:
                raise DataError(f"there is no file {file}", "the inputs of the run", "bring it back")
    return said, link(find(wanted, given), place)


def command(folder: Path, request: Mapping[str, Any], linked: Mapping[Path, Path], out: Path) -> list[str]:
    """Write samplesheet and parameters into `out`; return the options of ``nextflow run``."""

    def moved(text: str) -> str:
        return "".join(_moved(part, linked) for part in _BETWEEN.split(text))

    rows = [
        {name: moved(value) for name, value in row.items() if name not in NO_COLUMNS} for row in _rows(folder).values()
    ]
    out.mkdir(parents=True, exist_ok=True)
    with (out / "samplesheet.csv").open("w", encoding="utf-8", newline="") as file:
        sheet = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        sheet.writeheader()
        sheet.writerows(rows)
    parameters = {name: value for name, value in request["parameters"].items() if value and name not in PLACES}
    for name in TABLES:
        if name in parameters:
            parameters[name] = moved(str(absolute(request["folder"], parameters[name])))
    parameters |= {"input": str(out / "samplesheet.csv"), "outdir": str(out / "results")}
    (out / "parameters.json").write_text(json.dumps(parameters, indent=2) + "\n", encoding="utf-8")
    profile = ["-profile", request["profile"]] if request.get("profile", "standard") != "standard" else []
    configs = [word for path in request.get("configs", []) for word in ("-c", path)]
    return [*profile, *configs, "-params-file", str(out / "parameters.json"), "-work-dir", str(out / "work")]


def _records(folder: Path) -> list[Path]:
    return [*standing(folder, "**/*run.json"), *standing(folder, "**/*skipped.json")]


def _rows(folder: Path) -> dict[str, dict[str, str]]:
    """Return the rows of the samplesheet by id, with all defaults."""
    found = {path.parent.name: records.read(path)["row"] for path in standing(folder, f"*/{REQUEST}")}
    return {name: row for name, row in found.items() if row}


def _paths(folder: Path, request: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    """Yield every path that a row or a parameter gives, with the id of the row."""
    for name, row in _rows(folder).items():
        for value in row.values():
            for part in _BETWEEN.split(value):
                if part.startswith("/") or "://" in part:
                    yield name, Path(part) if "://" in part else absolute("/", part)
    for name in TABLES:
        if value := request["parameters"].get(name):
            yield "", absolute(request["folder"], value)


def _read(steps: Mapping[Path, Mapping[str, Any]], name: str, made: set[str]) -> dict[str, int]:
    """Return the contents (SHA-256 to size) that steps have read from files of a name, but for outputs of steps."""
    return {
        one["sha256"]: one.get("bytes", -1)
        for step in steps.values()
        for one in step.get("inputs", {}).values()
        if one.get("path") == name and one["sha256"] not in made
    }


def _expected(path: Path, read: Mapping[str, int]) -> Input:
    """Return what a file must contain; of several files of one name, the one that is there."""
    if len(read) > 1 and path.is_file() and (found := sha256(path)) in read:
        return Input(path, found, read[found])
    if len(read) > 1:
        raise DataError(
            f"{path} is not there, or has other contents, and the run has read {len(read)} files of its name",
            "the inputs where they stood",
            "bring it back",
        )
    return Input(path, *next(iter(read.items())))


def _moved(part: str, linked: Mapping[Path, Path]) -> str:
    """Return where an input, or a folder of inputs, is now; another text as it is."""
    if not part.startswith("/"):
        return part
    path = absolute("/", part)
    if path in linked:
        return str(linked[path])
    inside = next((old for old in linked if path in old.parents), None)
    return part if inside is None else str(linked[inside].parents[len(inside.relative_to(path).parts) - 1])
