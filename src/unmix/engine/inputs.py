"""Inputs of training and prediction: checked against the needs of the method, and aligned to genes and cell types."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unmix import methods
from unmix.contract.alignment import aligned
from unmix.contract.method import Calibration
from unmix.errors import DataError, NotApplicable, UsageError
from unmix.io import percent, signatures

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    import anndata as ad
    import pandas as pd

    from unmix.contract.method import Method
    from unmix.reference import Reference


def check_needs(
    method: Method,
    cells: Reference,
    *,
    bulk: ad.AnnData | None,
    calibration: tuple[ad.AnnData, pd.DataFrame] | None,
    malignant: tuple[str, ...],
    prior: bool,
    files: Mapping[str, tuple[Path, ...]],
) -> None:
    """Check that a method has all it needs.

    Parameters
    ----------
    method
        Of the registry.
    cells
        The reference, of single cells or of profiles.
    bulk, calibration, malignant
        As for :func:`unmix.engine.train`.
    prior
        Whether a prior was declared.
    files
        Published files by their sort: ``signature``, ``gene_sets``, ``pretrained``.

    Raises
    ------
    NotApplicable
        If something is missing, or a file is given that the method does not take; the message shows the option.
    UsageError
        If a malignant type is not one of the reference, or a file was given under the wrong option.
    """
    _check_files(method, files)
    needs, types = method.needs, cells.cell_types
    command = f"unmix_train.py REFERENCE --method {method.name}"
    named = cells.kind == "profiles" and (needs.cells or needs.donors > len(cells.donors))
    others = methods.all_methods() if named else {}  # imports them all
    of_profiles = [name for name, other in others.items() if _of_profiles(other)]
    without_replicates = [name for name in of_profiles if not others[name].needs.donors]
    missing = [
        (
            len(types) < 2,
            f"the reference has one cell type ({types[0]})",
            "two or more",
            "give a reference with all cell types that the bulk may hold",
        ),
        (
            needs.cells and cells.kind == "profiles",
            f"{method.name} learns from single cells; this reference holds profiles of cell types",
            "a reference of single cells",
            f"give single cells, or use a method that needs profiles only: {', '.join(of_profiles)}",
        ),
        (
            needs.profiles and cells.kind != "profiles",
            f"{method.name} learns from bulk samples of pure tissues; this reference holds single cells",
            "a reference of profiles",
            f"prepare one: unmix_reference.py SAMPLES --kind profiles --out reference.h5ad{_columns('reference_kind')}",
        ),
        (
            needs.donors > len(cells.donors) and cells.kind == "cells",
            f"{method.name} needs {needs.donors} donors; the reference names {len(cells.donors)}",
            "cells of several donors",
            f"name the column of donors: unmix_reference.py ... --donor-key KEY{_columns('donor_key')}",
        ),
        (
            needs.donors > len(cells.donors) and cells.kind == "profiles",
            f"{method.name} needs {needs.donors} profiles of each type; the reference has one of each",
            "several profiles of each type",
            f"give replicates, or use a method that needs none: {', '.join(without_replicates)}",
        ),
        (
            needs.bulk and bulk is None,
            f"{method.name} learns from the bulk as well, and none was given",
            "the bulk to be estimated",
            f"give it: {command} --bulk BULK",
        ),
        (
            needs.calibration and calibration is None,
            f"{method.name} learns from samples with known fractions, and none were given",
            "some bulk samples of the same platform whose fractions were measured",
            f"give such samples: {command} --calibration-bulk BULK --calibration-fractions FRACTIONS"
            f"{_columns('calibration_bulk', 'calibration_fractions')}",
        ),
        (
            needs.gene_sets and not files["gene_sets"],
            f"{method.name} scores published gene sets, and none was given",
            "their file (unmix_download.py signatures; docs/signatures.md names the source of each)",
            f"give the file: {command} --gene-sets FILE{_columns('gene_sets')}",
        ),
        (
            needs.prior and not prior,
            f"{method.name} is the composition of a declared prior, and none was declared",
            "pbmc, or a table of cell types and fractions",
            f"declare one: {command} --prior pbmc{_columns('prior')}",
        ),
        (
            needs.malignant and not malignant,
            f"{method.name} estimates malignant cells, and no cell type was named as malignant",
            f"one or more of {', '.join(types)}",
            f"name them: {command} --malignant '{types[0]}'{_columns('malignant')}",
        ),
        (
            needs.malignant and not set(types) - set(malignant),
            "every cell type of the reference is malignant",
            "normal cells too",
            "give a reference with both",
        ),
    ]
    for lacks, *words in missing:
        if lacks:
            raise NotApplicable(*words)
    if unknown := sorted(set(malignant) - set(types)):
        raise UsageError(f"--malignant names {unknown[0]!r}", f"one or more of {', '.join(types)}")


def _of_profiles(method: type[Method]) -> bool:
    """Return whether a method that is no control needs only the profiles of the cell types."""
    needs = method.needs
    further = needs.cells or needs.bulk or needs.calibration or needs.malignant or needs.gene_sets
    return method.info.family != "control" and not further


def _check_files(method: Method, files: Mapping[str, tuple[Path, ...]]) -> None:
    """Check that the published files given are of a sort that the method takes, and under the right option."""
    for sort, given in files.items():
        option = _option(sort)
        for path in given:
            signatures.check_name(Path(path), sort)
        if given and sort != method.takes:
            takers = [name for name, other in methods.all_methods().items() if other.takes == sort]
            own = _option(method.takes) if method.takes else "no published files"
            raise NotApplicable(
                f"{method.name} takes no {option} (it takes {own})",
                f"a method that takes them: {', '.join(takers)}",
                f"remove {option}, or use one of these methods",
            )


def _columns(*names: str) -> str:
    """Say where a samplesheet holds what an option gives."""
    return f" (in a samplesheet: column{'s' * (len(names) > 1)} {' and '.join(names)})"


def calibration_samples(
    bulk: ad.AnnData, fractions: pd.DataFrame, cells: Reference, say: Callable[[str], None]
) -> Calibration:
    """Align calibration samples to the genes and types of the reference.

    Raises
    ------
    DataError
        If fewer than two samples or types have the same names, or the fractions are neither fractions nor percent.
    """
    fractions, said = percent.as_fractions(fractions, "the table of calibration fractions")
    for sentence in said:
        say(sentence)
    if unknown := list(fractions.columns[fractions.isna().mean() > 0.5]):
        say(f"Most calibration samples have no fraction of {', '.join(map(str, unknown))}: the column is not used.")
        fractions = fractions.drop(columns=unknown)
    if (gaps := fractions.isna().any(axis=1)).any():
        say(f"Calibration samples not used, because fractions are missing: {', '.join(fractions.index[gaps])}.")
        fractions = fractions[~gaps]
    samples = [name for name in bulk.obs_names.astype(str) if name in fractions.index]
    types = [name for name in cells.cell_types if name in fractions.columns]
    if len(samples) < 2 or len(types) < 2:
        raise DataError(
            f"the calibration bulk shares {len(samples)} samples with the calibration fractions, and these share "
            f"{len(types)} cell types with the reference",
            "two samples and two cell types or more, by the same names "
            f"(samples: {', '.join(bulk.obs_names[:3])} ...; types: {', '.join(cells.cell_types)})",
            "use the same names of samples and cell types in all three files",
        )
    for name in fractions.columns.difference(types):
        say(f"The reference has no {name}: its calibration fractions are not used.")
    for name in [name for name in cells.cell_types if name not in types]:
        say(f"The calibration fractions have no {name}: it counts as absent in the calibration samples.")
    known = fractions.reindex(index=samples, columns=cells.cell_types).fillna(0.0).to_numpy(np.float64)
    return Calibration(aligned(bulk[samples], cells.genes), known)


def only(cells: Reference, genes: Collection[str], say: Callable[[str], None]) -> Reference:
    """Return a reference with some genes only; its profiles stay shares of the whole transcriptome.

    Raises
    ------
    DataError
        If the reference has none of them.
    """
    shared = np.flatnonzero(np.isin(cells.genes, list(genes)))
    if not len(shared):
        raise DataError(
            f"the reference has none of the {len(genes):,} genes of --genes",
            "names of genes of the reference, one per line",
            "give shared_genes.txt of unmix_check.py BULK --reference REFERENCE",
        )
    say(f"Learned from {len(shared):,} of the {len(cells.genes):,} genes of the reference, as --genes asks.")
    return cells.select(genes=shared)


def _option(sort: str) -> str:
    return f"--{sort.replace('_', '-')}"
