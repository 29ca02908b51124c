"""Prepare a single-cell reference: labels, donors, counts, quality control, a cap of cells."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from scipy import sparse

from unmix.errors import DataError, UsageError
from unmix.io import gene_ids, tables
from unmix.reference import count_recovery, qc
from unmix.reference.single_cells import Cells, Matrix, read_cells, trimmed
from unmix.reference.tissues import read_tissues

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from anndata import AnnData


FEW_CELLS = 10
#: Seconds between lines of progress.
PROGRESS = 10.0
SYMBOL_COLUMNS = ("feature_name", "gene_symbols", "gene_symbol", "gene_name", "gene_short_name", "symbol", "Symbol")
ID_COLUMNS = ("gene_ids", "gene_id", "ensembl_id", "ensembl", "ensembl_gene_id", "feature_id", "ENSEMBL")
TYPE_HINTS = ("type", "label", "annot", "cluster", "louvain", "leiden", "ident", "population", "celltype", "class")
DONOR_HINTS = ("donor", "patient", "individual", "subject", "sample", "orig.ident", "person", "batch", "lane")


def read_reference(path: Path | str) -> AnnData:
    """Read a prepared reference.

    Raises
    ------
    DataError
        The file was not made by ``unmix_reference.py``; the message shows the command that makes it.
    """
    path = Path(path)
    data = tables.read_h5ad(path) if tables.is_h5ad(path) else None
    if data is None or data.uns.get("unmix", {}).get("kind") not in ("reference", "tissue"):
        key = "KEY" if data is None else next(iter(_hinted(map(str, data.obs), TYPE_HINTS)), "KEY")
        raise DataError(
            f"{path.name} is not a prepared reference.",
            "reference.h5ad made by unmix_reference.py",
            f"unmix_reference.py {path} --cell-type-key {key} --donor-key none --out reference.h5ad",
        )
    facts = dict(data.uns["unmix"])
    facts["messages"] = [str(sentence) for sentence in facts["messages"]]
    data.uns["unmix"] = facts
    return data


def prepare_reference(
    paths: Sequence[Path | str],
    cell_type_key: str,
    donor_key: str | None = None,
    batch_key: str | None = None,
    label_map: Mapping[str, str] | None = None,
    preset: str = "standard",
    max_cells_per_type: int | None = None,
    seed: int = 0,
    cells: Path | str | None = None,
    kind: Literal["cells", "tissue"] = "cells",
    unit: str = "auto",
    progress: Callable[[str], None] = lambda line: None,
) -> AnnData:
    """Prepare a reference from one or more single-cell data sets.

    The cells to keep are chosen from their annotation alone; then each file is read once, a few
    thousand rows at a time, so that memory follows what is kept, not what the files hold.

    Parameters
    ----------
    paths
        h5ad, 10x folders or .h5, or tables of counts; joined on their common genes.
    cell_type_key, donor_key, batch_key
        Annotations of the cells; ``donor_key="none"`` declares that there are no donors.
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
    kind, unit
        ``tissue``: the files hold bulk samples of pure tissues in that unit, one or more of each, and their tissues
        are the cell types; no quality control of cells.
    progress
        Called with a line every 10 s.

    Returns
    -------
    AnnData
        cells x genes, see docs/data_contracts.md; ``uns["unmix"]["messages"]`` says what was done.

    Raises
    ------
    DataError
        No labels, no counts, no common genes, or no cells left.
    UsageError
        Unknown preset.
    """
    import anndata

    if preset not in qc.PRESETS:
        raise UsageError(f"Unknown preset {preset!r}.", ", ".join(qc.PRESETS), "choose one of these")
    messages: list[str] = []
    if kind == "tissue":
        preset, files = "none", [read_tissues(path, cell_type_key, cells, unit, messages) for path in paths]
    else:
        files = [read_cells(path, cells) for path in paths]
    obs = _annotate(files, cell_type_key, donor_key, batch_key, label_map or {}, messages)
    chosen = _choose(obs, max_cells_per_type, seed, messages)
    linear = count_recovery.Scale("normalised", "none")  # what is read as bulk
    picked = [(found.matrices[0], linear) if kind == "tissue" else _pick(found, messages) for found in files]
    var, projections = _join([matrix for matrix, _ in picked], [found.name for found in files])
    blocks, done, told = [], 0, time.monotonic()
    offsets = np.cumsum([0, *(len(found.obs_names) for found in files)])
    for (matrix, scale), projection, start, end in zip(picked, projections, offsets[:-1], offsets[1:], strict=True):
        wanted = chosen[(chosen >= start) & (chosen < end)] - start
        for block in matrix.rows(wanted):
            blocks.append((count_recovery.recover(block, scale) @ projection).astype(np.float32))
            done += block.shape[0]
            if time.monotonic() - told > PROGRESS:
                told = time.monotonic()
                progress(f"read {done:,} of {chosen.size:,} cells")
    X = sparse.vstack(blocks, format="csr") if blocks else sparse.csr_matrix((0, len(var)), dtype=np.float32)
    blocks.clear()
    X.sort_indices()
    obs = obs.iloc[chosen]
    X, obs, var = qc.control(X, obs, var, preset, messages)
    if obs.empty:
        raise DataError("No cell passes the quality control.", "cells with counts", "--preset none keeps all cells")
    _summary(obs, messages, kind)
    obs = obs.apply(lambda column: pd.Categorical(column, categories=sorted(column.unique())))
    reference = anndata.AnnData(X, obs=obs, var=var)
    worst = max((scale for _, scale in picked), key=lambda scale: scale.rank)
    found = {"kind": "tissue" if kind == "tissue" else "reference", "counts": worst.kind}
    reference.uns["unmix"] = {**found, "messages": messages}
    return reference


def _annotate(
    files: Sequence[Cells],
    cell_type_key: str,
    donor_key: str | None,
    batch_key: str | None,
    label_map: Mapping[str, str],
    messages: list[str],
) -> pd.DataFrame:
    """Return cell type, donor and batch of every cell of every file; ``""`` where cells are dropped."""
    parts = []
    for found in files:
        part = {"cell_type": _column(found, cell_type_key, "--cell-type-key", TYPE_HINTS)}
        if donor_key and donor_key != "none":
            part["donor"] = _column(found, donor_key, "--donor-key", DONOR_HINTS)
        if batch_key:
            part["batch"] = _column(found, batch_key, "--batch-key", DONOR_HINTS)
        parts.append(pd.DataFrame(part))
    obs = pd.concat(parts)
    if obs.index.has_duplicates:
        obs.index = [f"{i}:{name}" for i, part in enumerate(parts) for name in part.index]
    obs["cell_type"] = trimmed(obs["cell_type"], messages)
    if donor_key == "none":
        obs.insert(1, "donor", "all")
        messages.append("No donors, as declared: intervals will be optimistic.")
    elif donor_key is None:
        obs.insert(1, "donor", "all")
        near = _hinted(files[0].keys, DONOR_HINTS)
        hint = f" Columns that may hold donors: {', '.join(near)} (--donor-key)." if near else ""
        messages.append(f"No donors given: all cells count as one donor, and intervals will be optimistic.{hint}")
    elif (obs["donor"] == "").any():
        messages.append(f"{(obs['donor'] == '').sum():,} cells without a donor were given the donor 'unknown'.")
        obs.loc[obs["donor"] == "", "donor"] = "unknown"
    unlabelled = (obs["cell_type"] == "").sum()
    if unlabelled == len(obs):
        raise DataError(f"The column {cell_type_key!r} is empty.", "a label for every cell", "take another column")
    if unlabelled:
        messages.append(f"{unlabelled:,} cells without a label were dropped.")
    _map_labels(obs, label_map, messages)
    return obs


def _column(found: Cells, key: str, option: str, hints: Sequence[str]) -> pd.Series:
    if key in found.keys:
        return found.column(key)
    near, there = _hinted(found.keys, hints), ", ".join(found.keys) or "no annotation at all"
    if not near and option == "--cell-type-key":
        raise DataError(
            f"{found.name} seems to be unlabelled: no column {key!r} for --cell-type-key (found: {there}).",
            "single cells with their cell types in a column of obs",
            "annotate the cells, or give a table of their types with --cells",
        )
    raise DataError(
        f"{found.name} has no column {key!r} for {option} (found: {there}).",
        "a column of obs",
        f"{option} {near[0]}" if near else "leave it out, or name one of the columns",
    )


def _hinted(keys: Iterable[str], hints: Sequence[str]) -> list[str]:
    """Return the keys that hold a hint, in the order of the hints."""
    keys = list(keys)
    return list(dict.fromkeys(key for hint in hints for key in keys if hint in key.lower()))


def _map_labels(obs: pd.DataFrame, label_map: Mapping[str, str], messages: list[str]) -> None:
    if not label_map:
        return
    present = sorted(set(obs["cell_type"]) - {""})
    unknown = [label for label in label_map if label not in present]
    unmapped = [label for label in present if label not in label_map]
    dropped = [label for label in present if label_map.get(label) == ""]
    if unknown:
        messages.append(f"The label map names labels that no cell has: {', '.join(unknown)}.")
    if unmapped:
        messages.append(f"Labels that the map does not name stay as they are: {', '.join(unmapped)}.")
    if dropped:
        lost = obs["cell_type"].isin(dropped).sum()
        messages.append(f"{lost:,} cells dropped by the label map: {', '.join(dropped)}.")
    obs["cell_type"] = obs["cell_type"].map(lambda label: label_map.get(label, label))


def _choose(obs: pd.DataFrame, most: int | None, seed: int, messages: list[str]) -> np.ndarray:
    """Return the sorted rows to keep: labelled, and at most `most` of each donor and cell type."""
    labelled = np.flatnonzero((obs["cell_type"] != "").to_numpy())
    if not labelled.size:
        raise DataError("No labelled cells are left.", "cells with a label", "look at the label map")
    if most is None:
        return labelled
    rng = np.random.default_rng(seed)
    groups = obs.iloc[labelled].groupby(["donor", "cell_type"], sort=True, observed=True).indices
    kept = [labelled[rng.permutation(groups[key])[:most]] for key in sorted(groups)]
    chosen = np.sort(np.concatenate(kept))
    if chosen.size < labelled.size:
        messages.append(
            f"{chosen.size:,} of {labelled.size:,} cells kept: at most {most:,} of each donor and cell type."
        )
    return chosen


def _pick(found: Cells, messages: list[str]) -> tuple[Matrix, count_recovery.Scale]:
    """Choose the matrix nearest to counts."""
    rows = len(found.obs_names)
    looked = [(matrix, count_recovery.recognise(matrix.look(rows), found.logged)) for matrix in found.matrices]
    matrix, scale = min(looked, key=lambda pair: (pair[1].rank, -pair[1].total))
    if why := count_recovery.UNUSABLE.get(scale.kind):
        raise DataError(
            f"{found.name} holds {why} (in {', '.join(m.name for m, _ in looked)}).",
            "counts (or log-normalised values) in X, .raw or a layer",
            count_recovery.REMEDY.get(scale.kind, "take the file as it was before scaling"),
        )
    messages.append(count_recovery.say(scale, f"{found.name}: {matrix.name}"))
    return matrix, scale


def _join(matrices: Sequence[Matrix], files: Sequence[str]) -> tuple[pd.DataFrame, list[sparse.csr_matrix]]:
    """Return the common genes (sorted) and, per file, the matrix that sums its genes into them."""
    tables = [_gene_table(matrix.var) for matrix in matrices]
    common = sorted(set.intersection(*(set(table.index) for table in tables)))
    if not common:
        examples = "; ".join(f"{name}: {', '.join(t.index[:3])}" for name, t in zip(files, tables, strict=True))
        raise DataError(f"The inputs have no gene in common ({examples}).", "the same identifiers", "map them first")
    var = pd.DataFrame(index=pd.Index(common, dtype=object))
    for table in tables:
        if "gene_id" in table and "gene_id" not in var:
            var["gene_id"] = table.loc[~table.index.duplicated(), "gene_id"].reindex(common).to_numpy()
    projections = []
    for table in tables:
        to = var.index.get_indexer(table.index)
        kept = np.flatnonzero(to >= 0)
        shape = (len(table), len(common))
        projections.append(sparse.csr_matrix((np.ones(kept.size), (kept, to[kept])), shape=shape))
    return var, projections


def _gene_table(var: pd.DataFrame) -> pd.DataFrame:
    """Return names (symbols where the file has them) as index, and gene_id where known."""
    names = pd.Index(gene_ids.strip_version(var.index.astype(str)), dtype=object)
    table = pd.DataFrame(index=names)
    if gene_ids.identifier(names) == "Ensembl":
        symbol = next((column for column in SYMBOL_COLUMNS if column in var), None)
        if symbol is not None:
            texts = var[symbol].astype(str).to_numpy(dtype=object)
            table.index = pd.Index(np.where(np.isin(texts, ("", "nan", "None")), names, texts), dtype=object)
            table["gene_id"] = names.to_numpy()
        return table
    for column in ID_COLUMNS:
        if column in var and gene_ids.identifier(var[column].astype(str)) == "Ensembl":
            table["gene_id"] = gene_ids.strip_version(var[column].astype(str))
            break
    return table


def _summary(obs: pd.DataFrame, messages: list[str], kind: str) -> None:
    sizes = obs["cell_type"].value_counts()
    donors = obs["donor"].nunique()
    listed = ", ".join(f"{label} {size:,}" for label, size in sizes.items())
    what = "samples" if kind == "tissue" else "cells"
    messages.append(f"{len(obs):,} {what} of {len(sizes)} types from {donors} donor{'s' * (donors != 1)}: {listed}.")
    if kind == "tissue":
        if single := [str(label) for label, size in sizes.items() if size == 1]:
            messages.append(
                f"Warning: one sample only of {', '.join(single)}: how much such samples differ cannot be learned, and "
                "intervals will be optimistic."
            )
    elif few := [str(label) for label, size in sizes.items() if size < FEW_CELLS]:
        messages.append(
            f"Warning: fewer than {FEW_CELLS} cells of {', '.join(few)}: their fractions will be unsure; "
            "merge or drop them with a label map."
        )
    if len(sizes) < 2:
        messages.append("Warning: one cell type only; there is nothing to tell apart.")
