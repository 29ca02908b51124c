#!/usr/bin/env python
"""Check the locks without a network: pins, hashes, what pyproject.toml and the installed packages ask for, conda.

scripts/lock --check runs it, and so does make lint. It tells every fault, and exits with 1 if there is one.
"""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import click
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
#: What every lock must hold of pyproject.toml (groups, extras; "" for the dependencies), and the locks beside it.
LOCKS = {
    "base": (("", "build", "test"), ("torch",)),
    "runtime": (("", "tune"), ("torch",)),
    "build": (("build",), ()),
    "docs": (("docs",), ("base", "torch")),
    "galaxy": (("galaxy",), ()),
}
#: Locks of single archives, which nothing resolves, and the one that only stands beside others.
ALONE = ("demo", "lint", "torch")
#: Names of conda-forge that are not those of PyPI.
CONDA = {"matplotlib": "matplotlib-base", "torch": "pytorch"}
#: What conda brings beside the dependencies: Nextflow asks ps, which procps-ng has.
BESIDE = {"python", "pip", "procps-ng"}
#: Files of containers/ that name conda's packages, and the part of each that lists what unmix needs.
LISTS = {
    "environment.yml": re.compile(r"dependencies:\n(.*?)\n  - pip:", re.DOTALL),
    "conda/meta.yaml": re.compile(r"  run:\n(.*?)\n\n", re.DOTALL),
}
_LISTED = re.compile(r"^ +- ([a-z][\w-]*) ?([=>]*)([\w.]*)$", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:(\S+)")


@dataclass(frozen=True)
class Pin:
    """A line of a lock: name, version, marker and hashes."""

    requirement: Requirement
    version: str
    hashes: frozenset[str]


def read(path: Path, faults: list[str]) -> dict[str, Pin]:
    """Return the pins of a lock by name; what is no pin with hashes is a fault."""
    text = re.sub(r"\\\n", " ", path.read_text(encoding="utf-8"))
    pins: dict[str, Pin] = {}
    for line in filter(None, (line.partition("#")[0].strip() for line in text.splitlines())):
        words = _HASH.sub("", line).strip()
        try:
            requirement = Requirement(words)
        except InvalidRequirement as error:
            faults.append(f"{path.name}: {words!r} is no requirement ({str(error).splitlines()[0]})")
            continue
        name, hashes = canonicalize_name(requirement.name), frozenset(_HASH.findall(line))
        exact = re.fullmatch(r"==([^*,]+)", str(requirement.specifier))
        if exact is None:
            faults.append(f"{path.name}: {name} is not pinned to one version ({requirement.specifier or 'any'})")
            continue
        if not hashes or not all(re.fullmatch("[0-9a-f]{64}", one) for one in hashes):
            faults.append(f"{path.name}: {name} has no hash, or one that is not SHA-256")
        if name in pins:
            faults.append(f"{path.name}: {name} stands there twice")
        pins[name] = Pin(requirement, exact[1], hashes)
    return pins


def asked(project: dict, group: str) -> list[Requirement]:
    """Return what pyproject.toml asks for: the dependencies, a group, or an extra."""
    known = {"": project["project"]["dependencies"], **project["dependency-groups"]}
    named = {**project["project"]["optional-dependencies"], **known}[group]
    return [Requirement(text) for text in named]


def satisfied(wanted: Requirement, pins: dict[str, Pin]) -> str:
    """Return why pins do not satisfy a requirement; "" if they do."""
    if wanted.marker and not wanted.marker.evaluate({"extra": ""}):
        return ""
    pin = pins.get(canonicalize_name(wanted.name))
    if pin is None:
        return f"{wanted.name} is missing"
    if not wanted.specifier.contains(pin.version, prereleases=True):
        return f"{wanted.name} is {pin.version}"
    return ""


def of_installed(pins: dict[str, Pin]) -> tuple[list[str], int]:
    """Return what installed packages ask for and pins do not give, and how many pins are installed in that version."""
    faults, checked = [], 0
    for name, pin in pins.items():
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        if found.version.partition("+")[0] != pin.version:
            continue
        checked += 1
        for text in found.requires or []:
            if why := satisfied(Requirement(text), pins):
                faults.append(f"{name} {pin.version} needs {text}, and {why}")
    return faults, checked


def of_conda(text: str, dependencies: list[Requirement], pins: dict[str, Pin], where: str) -> list[str]:
    """Return where a list of conda's names and versions differs from the dependencies and their pins."""
    given = {name: (sign, version) for name, sign, version in _LISTED.findall(text)}
    names = {CONDA.get(one.name, one.name): one for one in dependencies}
    faults = [f"{where}: {name} is missing" for name in sorted(names.keys() - given.keys())]
    faults += [f"{where}: {name} is no dependency" for name in sorted(given.keys() - names.keys() - BESIDE)]
    for name in sorted(names.keys() & given.keys()):
        sign, version = given[name]
        wanted = f"{name}=={version}.*" if sign == "=" else f"{name}{sign}{version}"
        pin = pins.get(canonicalize_name(names[name].name))
        if pin and not Requirement(wanted).specifier.contains(pin.version):
            faults.append(f"{where}: {name}{sign}{version}, and the lock has {pin.version}")
    return faults


def check(root: Path) -> tuple[list[str], str]:
    """Return the faults of the locks of a project, and a sentence that says what was checked."""
    faults: list[str] = []
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    locks = {path.stem: read(path, faults) for path in sorted((root / "requirements").glob("*.lock"))}
    for name in sorted((set(LOCKS) | set(ALONE)) ^ set(locks)):
        faults.append(f"{name}.lock: {'unknown to this check' if name in locks else 'there is no such file'}")
    locks = {name: locks.get(name, {}) for name in (*LOCKS, *ALONE)}
    for name, (groups, beside) in LOCKS.items():
        all_pins = {**locks[name], **{one: pin for other in beside for one, pin in locks[other].items()}}
        faults += [
            f"{name}.lock: pyproject.toml asks for {wanted}, and {why}"
            for group in groups
            for wanted in asked(project, group)
            if (why := satisfied(wanted, all_pins))
        ]
    for name in ("runtime", "build", "docs", "torch"):
        for one, pin in locks[name].items():
            base = locks["base"].get(one)
            if base and (base.version, base.hashes) != (pin.version, pin.hashes):
                faults.append(f"{name}.lock: {one} is another than in base.lock ({pin.version}, {base.version})")
    for one in sorted(locks["runtime"].keys() - locks["base"].keys()):
        faults.append(f"runtime.lock: {one} is not in base.lock")
    found, checked = of_installed(locks["base"] | locks["torch"])
    faults += found + of_installed(locks["docs"] | locks["base"] | locks["torch"])[0]
    dependencies = asked(project, "")
    pins = locks["runtime"] | locks["torch"]
    for path, section in LISTS.items():
        listed = section.search((root / "containers" / path).read_text(encoding="utf-8"))
        faults += of_conda(listed[1] if listed else "", dependencies, pins, f"containers/{path}")
    image = (root / "containers" / "Dockerfile").read_text(encoding="utf-8")
    for lock in re.findall(r"requirements/(\w+)\.lock", image):
        if not locks.get(lock):
            faults.append(f"containers/Dockerfile: it reads requirements/{lock}.lock, which is empty or missing")
    counts = Counter({name: len(pins) for name, pins in locks.items()})
    said = f"{counts.total()} pins in {len(locks)} locks; what {checked} installed packages ask for was looked up"
    return list(dict.fromkeys(faults)), said


@click.command(help=__doc__)
@click.option("--root", type=click.Path(path_type=Path), default=ROOT, help="Folder of the project.")
def main(root: Path) -> None:
    """Tell every fault."""
    faults, said = check(root)
    for fault in faults:
        click.echo(fault, err=True)
    if faults:
        raise click.ClickException(f"{len(faults)} faults ({said}); scripts/lock resolves the locks anew")
    click.echo(f"The locks are consistent: {said}.")


if __name__ == "__main__":
    main()
