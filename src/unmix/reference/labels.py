"""Labels of the cells of a reference: cell type, donor and batch, and which cells are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from unmix.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from unmix.reference.single_cells import SingleCells

#: Parts of the names of columns that may hold cell types and donors, the likeliest first.
TYPE_HINTS = ("type", "label", "annot", "cluster", "louvain", "leiden", "ident", "population", "celltype", "class")
DONOR_HINTS = ("donor", "patient", "individual", "subject", "sample", "orig.ident", "person", "batch", "lane")


def annotate(
    files: Sequence[SingleCells],
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
        near = hinted(files[0].keys, DONOR_HINTS)
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


def _column(found: SingleCells, key: str, option: str, hints: Sequence[str]) -> pd.Series:
    if key in found.keys:
        return found.column(key)
    near, there = hinted(found.keys, hints), ", ".join(found.keys) or "no annotation at all"
    if not near and option == "--cell-type-key":
        raise DataError(
            f"{found.name} seems to be unlabelled: no column {key!r} for --cell-type-key (found: {there}).",
            "single cells with their cell types in a column of obs",
            "annotate the cells, or give a table of their types with --cells",
        )
    raise DataError(
        f"{found.name} has no column {key!r} for {option} (found: {there}).",
        "a column of obs",
        f"{option} {near[0]}" if near else "omit it, or name one of the columns",
    )


def hinted(keys: Iterable[str], hints: Sequence[str]) -> list[str]:
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
        messages.append(f"Labels that the map does not name are kept unchanged: {', '.join(unmapped)}.")
    if dropped:
        lost = obs["cell_type"].isin(dropped).sum()
        messages.append(f"{lost:,} cells dropped by the label map: {', '.join(dropped)}.")
    obs["cell_type"] = obs["cell_type"].map(lambda label: label_map.get(label, label))


def choose(obs: pd.DataFrame, most: int | None, seed: int, messages: list[str]) -> np.ndarray:
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


def trimmed(labels: pd.Series, messages: list[str]) -> pd.Series:
    """Return labels without blanks around them, and say so; warn of labels that differ in nothing but writing."""
    clean = labels.str.replace(r"\s+", " ", regex=True).str.strip()
    if changed := sorted(set(labels[clean != labels])):
        messages.append(f"Blanks in labels were removed: {', '.join(map(repr, changed[:5]))}.")
    alike: dict[str, set[str]] = {}
    for label in set(clean) - {""}:
        bare = "".join(character for character in label.lower() if character.isalnum() or character == "+")
        alike.setdefault(bare, set()).add(label)
    for group in sorted(sorted(labels) for labels in alike.values() if len(labels) > 1):
        messages.append(
            f"Warning: {', '.join(map(repr, group))} differ only in how they are written; if they are one cell type, "
            "join them with a label map."
        )
    return clean
