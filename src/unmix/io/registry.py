"""Models and references by name: what the registry file lists, and the folder in which `registry:NAME` finds them.

The registry (``data/registry.toml``) comes with the program. An entry is *published* if it has an address and a sha256;
otherwise ``unmix_download.py ... --build`` makes it on this machine from public data. What the first building found is
recorded (``data/registry_recorded.json``); an entry without such a record is *unverified*. A file is used only if it
has the sha256 of the registry, or the one that its building recorded beside it. Using a name downloads nothing.
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import json
import os
import tomllib
from pathlib import Path
from typing import Literal

from unmix.errors import DataError, UsageError
from unmix.io import records
from unmix.io.entries import Model, Recorded, Reference, Registry

PREFIX = "registry:"
#: Environment variable that names the folder.
VARIABLE = "UNMIX_REGISTRY"
FORMAT = 1
#: What the accuracy of the models was measured on.
MEASURED_ON = "20 blood samples of the demo, counted by flow cytometry"
DATA = Path(__file__).parents[1] / "data"
Kind = Literal["models", "references"]
ENDINGS: dict[Kind, str] = {"models": ".safetensors", "references": ".h5ad"}


@functools.cache
def registry() -> Registry:
    """Return the registry that comes with this version of unmix."""
    found = tomllib.loads((DATA / "registry.toml").read_text(encoding="utf-8"))
    return Registry.model_validate({"format": FORMAT, **found})


@functools.cache
def measured() -> dict[str, dict[str, float]]:
    """Return the accuracy of the models by name, as ``make zoo`` measured it (scripts/zoo.py)."""
    return json.loads((DATA / "registry_measured.json").read_text(encoding="utf-8"))


@functools.cache
def recorded() -> dict[str, Recorded]:
    """Return what the first building of each reference found, by name (scripts/zoo.py --record).

    `cells` are profiles where a reference is one of profiles, and `donors` 0 where they are not known.
    """
    found = json.loads((DATA / "registry_recorded.json").read_text(encoding="utf-8"))
    return {name: Recorded.model_validate(one) for name, one in found.items()}


def get(kind: Kind, name: str) -> Reference | Model:
    """Return an entry.

    Raises
    ------
    UsageError
        There is none of this name; the message proposes one.
    """
    entries = getattr(registry(), kind)
    if name in entries:
        return entries[name]
    (other,) = ENDINGS.keys() - {kind}
    if name in getattr(registry(), other):
        raise UsageError(f"{name} is one of the {other} of the registry", f"one of the {kind}", "unmix_models.py")
    raise _unknown(kind.removesuffix("s"), name, list(entries))


def _unknown(kind: str, name: str, names: list[str]) -> UsageError:
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
    do = f"did you mean {near[0]}?" if near else "unmix_models.py lists all"
    return UsageError(f"the registry has no {kind} {name!r}", f"one of {', '.join(names)}", do)


def published(kind: Kind, name: str) -> Reference | Model:
    """Return an entry that can be downloaded.

    Raises
    ------
    UsageError
        There is none of this name, or it is not published.
    """
    entry = get(kind, name)
    if not entry.url:
        raise UsageError(f"{name} is not published yet", "a published entry, or one built here", command(kind, name))
    return entry


def folder() -> Path:
    """Return the folder of downloaded and built entries: $UNMIX_REGISTRY, or one in the user's cache."""
    import pooch

    return Path(os.environ.get(VARIABLE) or pooch.os_cache("unmix") / "registry")


def place(kind: Kind, name: str) -> Path:
    """Return where the file of an entry lies, if it is on this machine."""
    return folder() / kind / f"{name}{ENDINGS[kind]}"


def record_of(path: Path) -> Path:
    """Return the record that stands beside a downloaded or built entry."""
    return path.with_name(f"{path.name}.run.json")


def local(given: Path | str, kind: Kind) -> Path:
    """Return the path of what a user gives: a path, or ``registry:NAME``.

    Raises
    ------
    UsageError
        The registry has no such entry.
    DataError
        It is not on this machine, was changed, or is of an earlier version of the entry. The message says what to type.
    """
    if not str(given).startswith(PREFIX):
        return Path(given)
    name = str(given).removeprefix(PREFIX)
    entry, path = get(kind, name), place(kind, name)
    do = command(kind, name)
    if not path.is_file():
        raise DataError(f"{PREFIX}{name} is not on this machine (no {path})", "a downloaded or built entry", do)
    note = records.read(record_of(path))
    if entry.sha256 and sha256(path) == entry.sha256:
        return path
    made, recorded = note.get("registry") or {}, note.get("outputs", {}).get(path.name)
    if not isinstance(recorded, dict) or recorded.get("sha256") != sha256(path):
        raise DataError(f"{path} was changed: its sha256 is not the recorded one", f"{name} as it was made", do)
    if (made.get("kind"), made.get("name"), made.get("version")) != (kind, name, entry.version):
        found = f"{made.get('name', 'another entry')}, version {made.get('version', 'unknown')}"
        raise DataError(f"{path} is {found}", f"{name}, version {entry.version}", do)
    return path


def command(kind: Kind, name: str) -> str:
    """Return the command that brings an entry to this machine: a download if it is published, else building."""
    return f"unmix_download.py {kind} {name}" + ("" if get(kind, name).url else " --build")


def verified(kind: Kind, name: str) -> bool:
    """Say whether an entry was built and its facts recorded; of others, files, cells and donors are not known."""
    entry = get(kind, name)
    return (entry.reference if isinstance(entry, Model) else name) in recorded()


def state(kind: Kind, name: str) -> str:
    """Return where an entry is to be had, and whether its recipe was ever carried out."""
    here = place(kind, name).is_file()
    if verified(kind, name):
        return "on this machine" if here else "published" if get(kind, name).url else "to be built"
    return "on this machine, unverified" if here else "not built, unverified"


def sha256(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def card(kind: Kind, name: str) -> dict[str, object]:
    """Return all that the registry knows of an entry, a model with what it has of its reference."""
    entry = get(kind, name)
    if isinstance(entry, Reference):
        facts = entry.model_dump(exclude={"options", "label_map"}) | _counted(name)
        return {"name": name, "kind": "reference", **facts, "state": state(kind, name)}
    reference = get("references", entry.reference)
    facts = reference.model_dump(include={"tissue", "species", "licence", "types"}) | _counted(entry.reference)
    return {
        "name": name,
        "kind": "model",
        **entry.model_dump(),
        "title": f"{entry.method}, {reference.title}",
        **facts,
        "measured": {"on": MEASURED_ON, **measured()[name]} if name in measured() else {},
        "state": state(kind, name),
    }


def _counted(name: str) -> dict[str, int | None]:
    """Return the numbers of cells and donors of a reference, None before it was built."""
    found = recorded().get(name)
    return {"cells": found and found.cells, "donors": found and found.donors}


def cards(name: str | None = None) -> list[dict[str, object]]:
    """Return the cards of all entries, or of one.

    Raises
    ------
    UsageError
        There is none of this name; the message proposes one.
    """
    names = {key: kind for kind in ENDINGS for key in getattr(registry(), kind)}
    if name not in (None, *names):
        raise _unknown("entry", name, list(names))
    return [card(kind, key) for key, kind in names.items() if name in (None, key)]
