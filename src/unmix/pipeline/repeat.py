"""A recorded run once more: its inputs found and verified, and what it gives compared with what was recorded."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unmix.errors import DataError
from unmix.io import records
from unmix.io.outputs import standing
from unmix.io.registry import sha256
from unmix.pipeline.record import machine, versions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

#: Ends of names of results that hold times, paths, or the command: their bytes are not compared. Of skipped.json the
#: reason is.
VOLATILE = ("run.json", "skipped.json", "request.json", "report.html", "report.pdf", "index.html")
VOLATILE += ("ro-crate-metadata.json",)
#: Folder of Nextflow's own records, which hold times.
OF_NEXTFLOW = "pipeline_info"
COLUMNS = ("output", "recorded", "found", "same")


@dataclass(frozen=True)
class Input:
    """A file that a run has read: where it stood (absolute), its SHA-256 and its size in bytes."""

    path: Path
    sha256: str
    size: int


@dataclass(frozen=True)
class Line:
    """An output: the SHA-256 that was recorded and the one found now; "" for a file that is not there.

    `changed` is the SHA-256 of the file beside the record if it is no longer the recorded one.
    """

    output: str
    recorded: str
    found: str
    changed: str = ""

    @property
    def same(self) -> str:
        """``yes``, or in words how the two differ."""
        if not self.found:
            return "no: not made again"
        if not self.recorded:
            return "no: not recorded"
        if self.recorded != self.found:
            return "no"
        return "no: the file was changed after the run" if self.changed else "yes"


def recorded_inputs(record: Mapping[str, Any]) -> list[Input]:
    """Return the inputs of a run record.

    Raises
    ------
    DataError
        If it does not say where they stood, as records of earlier versions do not.
    """
    told = record.get("inputs", {}).values()
    if not record.get("folder") or not all(one.get("given") and one.get("sha256") for one in told):
        raise DataError(
            "the record does not say where its inputs stood",
            "a record with the folder of the command and the paths of the inputs",
            f"it was made by unmix {record.get('unmix', '')}: repeat the command by hand: "
            f"{' '.join(record.get('command', []))}",
        )
    return [Input(absolute(record["folder"], one["given"]), one["sha256"], one.get("bytes", -1)) for one in told]


def absolute(folder: str, given: str) -> Path:
    """Return the path of what was given in a folder, which need not exist here."""
    return Path(os.path.normpath(Path(folder) / given))


def find(inputs: Iterable[Input], folder: Path | None) -> dict[Path, Path]:
    """Return where each input is now, by where it stood: there, or in `folder` under any name.

    Raises
    ------
    DataError
        If one is missing, or only a file with other contents is there. The message names all of them.
    """
    at_hand: dict[int, list[Path]] = {}
    for path in sorted(folder.rglob("*")) if folder else ():
        if path.is_file():
            at_hand.setdefault(path.stat().st_size, []).append(path)
    found: dict[Path, Path] = {}
    wrong: list[str] = []
    for one in dict.fromkeys(inputs):
        there = one.path.is_file()
        alike = [path for path in at_hand.get(one.size, []) if sha256(path) == one.sha256]
        if there and sha256(one.path) == one.sha256:
            found[one.path] = one.path
        elif alike:
            found[one.path] = alike[0]
        else:
            wrong.append(
                f"{one.path} {'has other contents' if there else 'is not there'} (sha256 {one.sha256[:12]}...)"
            )
    if wrong:
        raise DataError(
            f"{'an input is' if len(wrong) == 1 else f'{len(wrong)} inputs are'} not what the run has read: "
            + "; ".join(wrong),
            "the files of the first run, by their SHA-256",
            "give a folder that holds them under any name: --inputs FOLDER",
        )
    return found


def link(found: Mapping[Path, Path], place: Path) -> dict[Path, Path]:
    """Link every input below a new folder, under its old path; return where, by where it stood.

    What the record does not name is not there, so that nothing else can be read.
    """
    linked = {path: place.joinpath(*path.parts[1:]) for path in found}
    for path, target in linked.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(found[path].resolve())
    return linked


def differences(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield what differs between a record and here, in sentences: versions and machine."""
    from unmix import __version__

    here = {"unmix": __version__, **versions()}
    then = {"unmix": record.get("unmix", ""), **record.get("versions", {})}
    for name, version in then.items():
        if here.get(name) != version:
            yield f"{name} was {version or 'not recorded'}, and is {here.get(name, 'absent')} here."
    for name, value in machine().items():
        if (before := record.get("machine", {}).get(name)) not in (None, value):
            yield f"The {name} of the machine was {before}, and is {value} here; last digits may differ."


def of_a_step(record: Mapping[str, Any], again: Mapping[str, Any], folder: Path) -> list[Line]:
    """Compare the outputs in two records of a step; `folder` holds the outputs of the first, where they stand yet."""
    then, now = ({name: one["sha256"] for name, one in run.get("outputs", {}).items()} for run in (record, again))
    return [
        Line(name, then.get(name, ""), now.get(name, ""), _changed(folder / name, then.get(name, "")))
        for name in sorted(then.keys() | now.keys())
    ]


def of_folders(first: Path, again: Path) -> list[Line]:
    """Compare two folders of results, file by file. What a run record names has the hash that stands there."""
    then, now, noted = fingerprints(first), fingerprints(again), _noted(first)
    return [
        Line(
            name,
            noted.get(name, then.get(name, "")),
            now.get(name, ""),
            then[name] if name in noted and then.get(name, noted[name]) != noted[name] else "",
        )
        for name in sorted(then.keys() | now.keys() | noted.keys())
    ]


def fingerprints(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every result in a folder by its relative path; of skipped.json that of the reason."""
    found = {}
    for path in standing(folder, "**/*"):
        name = path.relative_to(folder)
        if name.parts[0] == OF_NEXTFLOW or any(part.startswith(".") for part in name.parts):
            continue
        if path.name.endswith("skipped.json"):
            found[str(name)] = _digest(records.read(path).get("error", {}))
        elif not path.name.endswith(VOLATILE):
            found[str(name)] = sha256(path)
    return found


def write(lines: Iterable[Line], path: Path) -> None:
    """Write the comparison as TSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows([line.output, line.recorded, line.found, line.same] for line in lines)


def _noted(folder: Path) -> dict[str, str]:
    """Return the hashes in the run records of a folder by relative path; the copy of a record in the top has none."""
    return {
        str(path.with_name(name).relative_to(folder)): one["sha256"]
        for path in standing(folder, "**/*run.json")
        for name, one in records.read(path).get("outputs", {}).items()
        if not name.endswith(VOLATILE) and path.with_name(name).is_file()
    }


def _changed(path: Path, recorded: str) -> str:
    """Return the SHA-256 of a file that is no longer the recorded one, else ""."""
    found = sha256(path) if path.is_file() else recorded
    return "" if found == recorded else found


def _digest(value: object) -> str:
    import hashlib

    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
