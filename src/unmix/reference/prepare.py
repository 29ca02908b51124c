"""Prepare a reference of single cells or of profiles: labels, donors, counts, quality control, a cap of cells."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from scipy import sparse

from unmix.errors import DataError, UsageError
from unmix.io import gene_groups, gene_tables, matrices, tables
from unmix.io.matrices import WHOLE
from unmix.io.units import LARGEST
from unmix.reference import count_recovery, qc, technical, tree, tree_tables
from unmix.reference.columns import TYPE_HINTS, hinted
from unmix.reference.genes import join
from unmix.reference.label_tables import refuse_shared_names
from unmix.reference.labels import FILE, annotate, check_types, no_donors
from unmix.reference.profiles import read_profiles, replicates
from unmix.reference.reference import MILLION
from unmix.reference.selection import choose
from unmix.reference.single_cells import Matrix, SingleCells, read_cells
from unmix.reference.states import FEW_CELLS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from anndata import AnnData

#: Cells of a donor, in the median, below which donors are cells or wells.
CELLS_OF_DONOR = 5


def read_reference(path: Path | str) -> AnnData:
    """Read a prepared reference.

    Raises
    ------
    DataError
        The file was not made by ``unmix_reference.py``; the message shows the command that makes it.
    """
    path = Path(path)
    data = tables.read_h5ad(path) if tables.is_h5ad(path) else None
    if data is None or data.uns.get("unmix", {}).get("kind") not in ("reference", "profiles"):
        key = "KEY" if data is None else next(iter(hinted(map(str, data.obs), TYPE_HINTS)), "KEY")
        raise DataError(
            f"{path.name} is not a prepared reference.",
            "reference.h5ad made by unmix_reference.py",
            f"unmix_reference.py {shlex.quote(str(path))} --cell-type-key {shlex.quote(key)} --donor-key none "
            "--out reference.h5ad",
        )
    _verify(data, path)
    facts = dict(data.uns["unmix"])
    facts["messages"] = [str(sentence) for sentence in np.ravel(facts.get("messages", []))]
    data.uns["unmix"] = facts
    return data


def is_prepared(path: Path | str) -> bool:
    """Say whether a file states that it is a prepared reference; :func:`read_reference` verifies that."""
    import h5py

    if not h5py.is_hdf5(path):
        return False
    tables.check_hdf5(Path(path))
    with h5py.File(path) as file:
        kind = file.get("uns/unmix/kind")
        return isinstance(kind, h5py.Dataset) and kind[()] in (b"reference", b"profiles")


def _verify(data: AnnData, path: Path) -> None:
    """Refuse a reference that unmix_reference.py cannot have written, as one that was edited afterwards."""
    values = getattr(data.X, "data", data.X) if sparse.issparse(data.X) else data.X
    columns = [name for name in ("cell_type", "donor") if name not in data.obs]
    unnamed = [name for name in ("cell_type", "donor") if name in data.obs and data.obs[name].isna().any()]
    faults = {
        "it has no cells or no genes": data.X is None or 0 in data.shape,
        f"it has no obs[{columns[0] if columns else ''!r}]": bool(columns),
        f"some cells have no {unnamed[0] if unnamed else ''}": bool(unnamed),
        "a gene occurs twice": not data.var_names.is_unique,
        "it holds missing or infinite values": values is not None and not np.isfinite(values).all(),
        "it holds negative values": values is not None and values.size and values.min() < 0,
        f"it holds values beyond {LARGEST:g}": values is not None and values.size and values.max() > LARGEST,
        "its profiles are more than a whole": data.uns["unmix"]["kind"] == "profiles"
        and data.X is not None
        and data.X.sum(1).max() > 1.001 * MILLION,
    }
    if why := next((why for why, found in faults.items() if found), None):
        raise DataError(
            f"{path.name} says that it is a prepared reference, but {why}.",
            "reference.h5ad as unmix_reference.py wrote it",
            "prepare the original cells again",
        )


def prepare_reference(
    paths: Sequence[Path | str],
    cell_type_key: str = "cell_type",
    donor_key: str | None = None,
    batch_key: str | None = None,
    cell_state_key: str | None = None,
    cell_type_tree: Path | str = "auto",
    label_map: Mapping[str, str] | None = None,
    preset: str = "standard",
    max_cells_per_type: int | None = None,
    seed: int = 0,
    cells: Path | str | None = None,
    kind: Literal["cells", "profiles"] = "cells",
    unit: str = "auto",
    replicate_separator: str = "",
    use_genes: Collection[str] = (),
    orthologs: bool = False,
    gene_map: Mapping[str, str] | Path | str | None = None,
    keep: Mapping[str, Collection[str]] | None = None,
    progress: Callable[[int, int, str], None] = lambda done, total, note: None,
) -> AnnData:
    """Prepare a reference from one or more single-cell data sets, or from profiles of cell types.

    The cells to keep are chosen from their annotation alone; then each file is read once, a few
    thousand rows at a time, so that memory follows what is kept, not what the files hold.

    Parameters
    ----------
    paths
        h5ad, 10x folders or .h5, or tables of counts; joined on their common genes, with the cell types of all.
    cell_type_key, donor_key, batch_key
        Annotations of the cells; ``donor_key="none"`` declares that there are no donors, ``"file"`` that every file is
        one donor.
    cell_state_key
        Annotation of finer labels within the cell types, which methods estimate and sum (docs/cell_states.md);
        ``profile``: the names of the profiles.
    cell_type_tree
        Where groups of the cell types come from (docs/resolution.md): ``ontology``, ``inferred``, ``none``, a table of
        cell types and their groups, pairs of child and parent, or ``obs:COLUMN,...``, from fine to coarse; ``auto`` is
        the ontology where it knows all types, else inferred.
    label_map
        Old label -> new label; ``""`` drops the cells.
    preset
        One of :data:`unmix.reference.qc.PRESETS`.
    max_cells_per_type
        At most so many cells of each donor and cell type, chosen with `seed`.
    seed
        Seed of that choice.
    cells
        A table that annotates the cells, where the files do not.
    kind, unit, replicate_separator
        ``profiles``: the files hold one or more profiles of each cell type (or tissue) in that unit, as sorted cells,
        pure tissues and published signatures do (see :func:`unmix.reference.profiles.read_profiles`); no quality
        control of cells.
    use_genes
        Groups of technical genes (:data:`unmix.io.gene_groups.GROUPS`), or ``all``, that methods may use. Those
        of a published signature, which is no whole transcriptome, are all used.
    orthologs, gene_map
        As for :func:`unmix.io.check.read_bulk`; genes of other species become those of the first file.
    keep
        Column of the annotation -> values of the cells that are used, as ``{"disease": ["normal"]}``.
    progress
        Called with the cells read, the cells to read, and the word for them.

    Returns
    -------
    AnnData
        cells x genes, see docs/data_contracts.md; ``uns["unmix"]["messages"]`` says what was done.

    Raises
    ------
    DataError
        No labels, no counts, few common genes, or no cells left.
    UsageError
        Unknown preset.
    """
    import anndata

    if preset not in qc.PRESETS:
        raise UsageError(f"Unknown preset {preset!r}.", ", ".join(qc.PRESETS), "choose one of these")
    if unknown := sorted(set(use_genes) - {*gene_groups.GROUPS, "all"}):
        raise UsageError(f"Unknown group of genes {unknown[0]!r}.", ", ".join([*gene_groups.GROUPS, "all"]))
    if donor_key == FILE and len(paths) < 2:
        raise UsageError(
            "Every file is to be a donor, but there is one file.", "a file of each donor", "--donor-key none"
        )
    messages: list[str] = []
    if kind == "profiles":
        preset = "none"
        files = [read_profiles(path, cell_type_key, cells, unit, replicate_separator, messages) for path in paths]
    else:
        files = [read_cells(path, cells) for path in paths]
    if cells is not None:
        refuse_shared_names(files, Path(cells).name)
    if kind == "cells":
        check_types(files, cell_type_key, messages)
    rows = "profiles" if kind == "profiles" else "cells"
    groups = tree_tables.columns(cell_type_tree)
    keys = (cell_type_key, donor_key, batch_key)
    obs = annotate(files, *keys, label_map or {}, messages, cell_state_key, rows, groups, keep)
    if kind == "cells" and donor_key in (None, "none"):
        messages.append(no_donors(files[0], declared=donor_key == "none"))
    chosen = choose(obs, max_cells_per_type, seed, messages)
    read = count_recovery.Scale("normalised", "none")  # what is read as bulk
    picked = [(found.matrices[0], read) if kind == "profiles" else _pick(found, messages) for found in files]
    held, names = [matrix for matrix, _ in picked], [found.name for found in files]
    var, projections = join(held, names, messages, orthologs, gene_tables.read_map(gene_map))
    blocks, kinds, done = [], [], 0
    offsets = np.cumsum([0, *(len(found.obs_names) for found in files)])
    for (matrix, scale), projection, start, end in zip(picked, projections, offsets[:-1], offsets[1:], strict=True):
        wanted, sums = chosen[(chosen >= start) & (chosen < end)] - start, [np.empty(0)]
        for block in matrix.rows(wanted):
            linear = count_recovery.recover(block, scale)
            sums.append(np.asarray(linear.sum(1), dtype=np.float64).ravel())
            blocks.append((linear @ projection).astype(np.float32))
            done += block.shape[0]
            progress(done, chosen.size, rows)
        kinds.append(count_recovery.kind_of(scale, np.concatenate(sums)))
    X = sparse.vstack(blocks, format="csr") if blocks else sparse.csr_matrix((0, len(var)), dtype=np.float32)
    blocks.clear()
    X.sort_indices()
    obs = obs.iloc[chosen]
    X, obs, var = qc.control(X, obs, var, preset, messages)
    if obs.empty:
        raise DataError(
            "No cell passes the quality control.",
            "cells with counts",
            "unmix_reference.py --preset none keeps all cells",
        )
    if kind == "profiles" and donor_key in (None, "none"):
        obs = obs.assign(donor=replicates(obs, messages))
    _summary(obs, messages, rows)
    obs = obs.apply(lambda column: pd.Categorical(column, categories=sorted(column.unique())))
    reference = anndata.AnnData(X, obs=obs, var=var)
    if kind == "cells" or len(var) >= WHOLE:
        technical.mark(reference, gene_groups.GROUPS if "all" in use_genes else set(use_genes), messages)
    worst = "normalised" if kind == "profiles" else max(kinds, key=count_recovery.KINDS.index)
    found = {"kind": "profiles" if kind == "profiles" else "reference", "counts": worst}
    if kind == "cells" and worst == "normalised":
        scaled = [name for name, own in zip(names, kinds, strict=True) if own == worst]
        messages.append(
            f"Warning: the cells of {', '.join(scaled)} were scaled or thinned to one sum, or their counts are not "
            "known: how much mRNA a cell has cannot be told. All cells get one sum, and methods estimate fractions "
            "of mRNA. For fractions of cells, give the measured counts, or a table of mRNA per cell."
        )
    reference.uns["unmix"] = {**found, "messages": messages}
    tree.mark(reference, cell_type_tree, messages)
    reference.obs = reference.obs.drop(columns=[tree_tables.PREFIX + name for name in groups])
    return reference


def _pick(found: SingleCells, messages: list[str]) -> tuple[Matrix, count_recovery.Scale]:
    """Choose the matrix nearest to counts."""
    rows = len(found.obs_names)
    messages += [f"{found.name}: {sentence}" for sentence in found.messages]
    some = {matrix.name: matrix.look(rows) for matrix in found.matrices}
    looked = [(matrix, count_recovery.recognise(some[matrix.name], found.logged)) for matrix in found.matrices]
    counted = {matrix.name: len(matrix.var) for matrix, scale in looked if scale.kind in count_recovery.KINDS[:2]}
    whole = matrices.transcriptomes(counted)
    matrix, scale = min(looked, key=lambda pair: (pair[0].name not in whole, pair[1].rank, -pair[1].total))
    if why := count_recovery.UNUSABLE.get(scale.kind):
        raise DataError(
            f"{found.name} holds {why} (in {', '.join(m.name for m, _ in looked)}).",
            "counts (or log-normalised values) in X, .raw or a layer",
            count_recovery.REMEDY.get(scale.kind, "take the file as it was before scaling"),
        )
    messages.append(count_recovery.say(scale, f"{found.name}: {matrix.name}"))
    if count_recovery.smoothed(some[matrix.name], scale):
        messages.append(
            f"Warning: {found.name}: hardly any value of the cells is 0 in {matrix.name}, as after smoothing or "
            "imputation (MAGIC, SAVER, scVI). Cell types differ less there than in their counts, and fractions are "
            "biased. Give the counts as they were measured."
        )
    messages += [
        f"{found.name}: {name} holds a selection of {genes:,} genes, and was not used."
        for name, genes in counted.items()
        if name not in whole
    ]
    return matrix, scale


def _summary(obs: pd.DataFrame, messages: list[str], rows: str) -> None:
    sizes = obs["cell_type"].value_counts()
    donors = obs["donor"].nunique()
    listed = ", ".join(f"{label} {size:,}" for label, size in sizes.items())
    of = f" from {donors} donor{'s' * (donors != 1)}" if rows == "cells" else ""
    messages.append(f"{len(obs):,} {rows} of {len(sizes)} types{of}: {listed}.")
    of_donor = int(obs["donor"].value_counts().median())
    if donors > 1 and of_donor < CELLS_OF_DONOR and rows == "cells":
        messages.append(
            f"Warning: {donors:,} donors of {of_donor} cell{'s' * (of_donor != 1)} in the median. Donors are people or "
            "animals, not cells or wells: methods compare donors, and intervals hold some of them out. Give the "
            "column of the people (--donor-key), or none."
        )
    few = [str(label) for label, size in sizes.items() if size < FEW_CELLS]
    if few and rows == "cells":
        messages.append(
            f"Warning: fewer than {FEW_CELLS} cells of {', '.join(few)}: their fractions will be uncertain; "
            "merge or drop them with a label map."
        )
    if len(sizes) < 2:
        messages.append("Warning: there is only one cell type, so fractions cannot be estimated.")
