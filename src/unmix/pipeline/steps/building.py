"""The building of references and models of the registry from public files, with checks."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from unmix.errors import DataError
from unmix.io import entries, gene_tables, registry, sources
from unmix.pipeline.steps.training import train

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anndata import AnnData

    from unmix.pipeline.record import Run


def build(run: Run, kind: registry.Kind, name: str, out: Path, given: Sequence[Path] = ()) -> None:
    """Make an entry of the registry.

    Parameters
    ----------
    run, out
        The step, and where the entry goes.
    kind, name
        Of the entry. A model needs its reference on this machine.
    given
        The public files of a reference, or the wheel that holds them. None: the installed package, or the addresses.

    Raises
    ------
    UsageError
        A public file is not at hand; the message says how to get it.
    DataError
        A file is another one, or what was made from it is not what the registry says.
    """
    entry = registry.get(kind, name)
    run.facts["registry"] = {"kind": kind, "name": name, "version": entry.version}
    if isinstance(entry, entries.Model):
        path = registry.local(f"{registry.PREFIX}{entry.reference}", "references")
        genes = list(gene_tables.orthologs("human", "mouse")) if entry.genes == "orthologs" else None
        train(run, path, out, method=entry.method, genes=genes)
    else:
        _build_reference(run, name, entry, out, given)


def _build_reference(run: Run, name: str, entry: entries.Reference, out: Path, given: Sequence[Path]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = sources.gather(name, entry.source, Path(folder), given, run.progress)
        try:
            cells = _prepare(run, entry, found)
        except DataError:
            shutil.rmtree(sources.store(name), ignore_errors=True)  # a page of a login is no file to come back to
            raise
        made = entries.Recorded(
            files={file: registry.sha256(path) for file, path in found.items()},
            cells=cells.n_obs,
            donors=0 if cells.uns["unmix"]["kind"] == "profiles" else cells.obs["donor"].nunique(),
        )
    for sentence in cells.uns["unmix"]["messages"]:
        run.say(sentence)
    _expect(name, entry, cells, made)
    if not registry.verified("references", name):
        run.say(
            f"Warning: {name} is unverified: nobody has recorded its building yet, so that sha256 of its files and its "
            f"numbers of cells ({made.cells:,}) and donors ({made.donors}) are not compared with anything."
        )
    run.facts["source"] = entry.source.model_dump(exclude={"files", "annotation"})
    run.facts["made"] = made.model_dump()
    cells.write_h5ad(run.output(out))
    shutil.rmtree(sources.store(name), ignore_errors=True)


def _prepare(run: Run, entry: entries.Reference, found: dict[str, Path]) -> AnnData:
    from unmix.io import cellxgene
    from unmix.reference.prepare import prepare_reference

    source = entry.source
    if source.layout == "cellxgene":
        for file in source.files:
            cellxgene.check(found[file.name], file.url)
    return prepare_reference(
        [found[file.name] for file in source.files],
        cells=found[source.annotation.name] if source.annotation else None,
        **entry.options,
        label_map=entry.label_map,
        seed=run.seed,
        progress=run.progress,
    )


def _expect(name: str, entry: entries.Reference, cells: AnnData, made: entries.Recorded) -> None:
    """Refuse cell types that the registry does not name, and other numbers of cells or donors than were recorded."""
    types = tuple(sorted(cells.obs["cell_type"].unique()))
    pairs = {"types": (types, entry.types)}
    if registry.verified("references", name):
        recorded = registry.recorded()[name]
        pairs |= {"cells": (made.cells, recorded.cells), "donors": (made.donors, recorded.donors)}
    for fact, (value, expected) in pairs.items():
        if value != expected:
            raise DataError(
                f"{name} was made with {fact} {_listed(value)}",
                f"{fact} {_listed(expected)}, as the registry says",
                "report this with the version of unmix: the source or its preparation has changed",
            )


def _listed(value: int | tuple[str, ...]) -> str:
    return ", ".join(value) if isinstance(value, tuple) else f"{value:,}"
