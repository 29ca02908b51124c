"""Labels of the cells of a reference: cell type, donor and batch."""

from __future__ import annotations

import difflib
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from unmix.errors import DataError
from unmix.io import cell_names
from unmix.io.text import check_names, show
from unmix.reference import codes, selection
from unmix.reference.columns import DONOR_HINTS, SAMPLE_HINTS, donor_columns, no_types, type_columns
from unmix.reference.states import within_types
from unmix.reference.tree_tables import PREFIX

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from unmix.reference.single_cells import SingleCells

#: What names the files as donors.
FILE = "file"
#: The option that names columns of groups.
GROUPS = f"--cell-type-tree {PREFIX}"
#: Labels that name no cell type, without blanks, points and dashes.
NO_TYPE = re.compile(
    r"na|nan|none|null|n/a|unknown\w*|unassigned|unclassified|unidentified|undetermined|undefined|unlabell?ed|unclear"
    r"|ambiguous|.*doublets?|.*multiplets?|noise|lowq(uality)?(cells?)?|debris|dead(cells?)?|others?|mixed|contaminat\w+"
    r"|filtered|excluded|removed|-+|\?+|-1",  # -1 is the noise of HDBSCAN
    re.IGNORECASE,
)


def annotate(
    files: Sequence[SingleCells],
    cell_type_key: str,
    donor_key: str | None,
    batch_key: str | None,
    label_map: Mapping[str, str],
    messages: list[str],
    cell_state_key: str | None = None,
    rows: str = "cells",
    groups: Sequence[str] = (),
    keep: Mapping[str, Collection[str]] | None = None,
) -> pd.DataFrame:
    """Return cell type, donor, batch and state of every cell of every file; the type is ``""`` where cells are dropped.

    Donors and batches of several files are kept apart, even if they have the same name. `rows` is the word for the
    cells in the messages; `groups` are columns of groups of the cell types, kept with :data:`tree_tables.PREFIX`;
    `keep` are further columns, and the values of the cells that are used.
    """
    named = donor_key if donor_key not in ("none", FILE) else None
    names = _names(files)
    kept = selection.kept(files, keep or {}, messages, rows)
    parts = []
    for found, name in zip(files, names, strict=True):
        if donor_key == FILE and FILE in found.keys:
            raise DataError(
                f"--donor-key {FILE} says that every file is a donor, but {found.name} also has a column {FILE!r}.",
                "a name with one meaning",
                "give the column another name",
            )
        part = {"cell_type": _column(found, cell_type_key, "--cell-type-key", messages)}
        part["donor"] = _column(found, named, "--donor-key") if named else name if donor_key == FILE else "all"
        if batch_key:
            part["batch"] = _column(found, batch_key, "--batch-key")
        if cell_state_key:
            part["cell_state"] = _column(found, cell_state_key, "--cell-state-key", messages)
        part |= {PREFIX + name: _column(found, name, GROUPS, messages) for name in groups}
        parts.append(pd.DataFrame(part, index=found.obs_names))
    if len(files) > 1:
        if named:
            _keep_apart(parts, names, "donor", messages)
        if batch_key:
            _keep_apart(parts, names, "batch", messages)
        else:
            parts = [part.assign(batch=name) for part, name in zip(parts, names, strict=True)]
    obs = pd.concat(parts)
    if obs.index.has_duplicates:
        obs.index = [f"{i}:{name}" for i, part in enumerate(parts) for name in part.index]
    obs["cell_type"] = trimmed(obs["cell_type"].where(kept, ""), messages)
    if (obs["donor"] == "").any():
        messages.append(f"{(obs['donor'] == '').sum():,} {rows} without a donor were given the donor 'unknown'.")
        obs.loc[obs["donor"] == "", "donor"] = "unknown"
    unlabelled = (kept & (obs["cell_type"] == "").to_numpy()).sum()
    if unlabelled == kept.sum():
        raise DataError(f"The column {cell_type_key!r} is empty.", "a label for every cell", "take another column")
    if unlabelled:
        messages.append(f"{unlabelled:,} {rows} without a label were dropped.")
    _map_labels(obs, label_map, messages, rows)
    check_names(set(obs["cell_type"]) - {""}, "cell type", f"the column {cell_type_key!r}")
    _doubtful(obs["cell_type"], messages, rows)
    if cell_state_key:
        check_names(set(obs["cell_state"]) - {""}, "cell state", f"the column {cell_state_key!r}")
        obs["cell_state"] = within_types(obs.assign(cell_state=trimmed(obs["cell_state"], messages)), messages, rows)
    return obs


def _column(found: SingleCells, key: str, option: str, messages: list[str] | None = None) -> pd.Series:
    """Return a column of the cells; with `messages`, codes become the names that the file holds for them."""
    if key in found.keys:
        return found.column(key) if messages is None else codes.named(found, key, messages)
    of_types = option not in ("--donor-key", "--batch-key", GROUPS)
    if of_types:
        near = type_columns(found)
    elif option == GROUPS:
        near = difflib.get_close_matches(key, found.keys, n=1)
    else:
        near = list(donor_columns(found, DONOR_HINTS + SAMPLE_HINTS))
    there = ", ".join(found.keys) or "no annotation at all"
    if not near and of_types:
        raise DataError(
            f"{found.name} seems to be unlabelled: no column {key!r} for --cell-type-key (found: {there}).",
            "single cells with their cell types in a column of obs",
            "annotate the cells, or give a table of their types with --cells",
        )
    raise DataError(
        f"{found.name} has no column {key!r} for {option} (found: {there}).",
        "a column of obs",
        f"{option}{' ' * (option[-1] != ':')}{shlex.quote(near[0])}" if near else "omit it, or name one of the columns",
    )


def check_types(files: Sequence[SingleCells], key: str, messages: list[str]) -> None:
    """Refuse a column of batches in place of cell types, and warn where it looks like one.

    Raises
    ------
    DataError
        There is no such column; name and values are those of batches or persons; or nearly every cell has a label of
        its own.
    """
    for found in files:
        _check_types(found, key, _column(found, key, "--cell-type-key"), messages)


def _check_types(found: SingleCells, key: str, labels: pd.Series, messages: list[str]) -> None:
    messages += codes.doubt(found, key)
    values = sorted(set(labels) - {""})
    by_name, by_values = no_types(key, values)
    own = len(values) > max(20, len(labels) / 2)
    if not (by_name or by_values or own):
        return
    near = [column for column in type_columns(found) if column != key]
    what = f"{len(values):,} labels for {len(labels):,} cells" if own else f"labels {show(values, 4)}"
    do = (
        f"--cell-type-key {shlex.quote(near[0])}"
        if near
        else "name the column of cell types, or give a table with --cells"
    )
    if own or (by_name and by_values):
        raise DataError(
            f"The column {key!r} of {found.name} does not hold cell types ({what}).", "a column of cell types", do
        )
    messages.append(
        f"Warning: the column {key!r} of {found.name} may not hold cell types ({what})"
        + (f"; columns that may: {', '.join(near)} (--cell-type-key)." if near else ".")
    )


def no_donors(found: SingleCells, *, declared: bool) -> str:
    """Say what follows where no donors are known, and which column may hold them."""
    near = donor_columns(found, DONOR_HINTS if declared else DONOR_HINTS + SAMPLE_HINTS)
    listed = ", ".join(f"{key} ({number} values)" for key, number in near.items())
    if declared:
        hint = f" But {found.name} has columns that may hold donors: {listed} (--donor-key)." if near else ""
        return f"No donors, as declared: intervals will be optimistic.{hint}"
    hint = f" Columns that may hold donors: {listed} (--donor-key)." if near else ""
    return f"No donors given: all cells count as one donor, and intervals will be optimistic.{hint}"


def _names(files: Sequence[SingleCells]) -> list[str]:
    """Return a name of its own for each file."""
    names = [Path(found.name.removesuffix(".gz")).stem for found in files]
    return [name if names.count(name) == 1 else f"{name}-{i + 1}" for i, name in enumerate(names)]


def _keep_apart(parts: Sequence[pd.DataFrame], names: Sequence[str], column: str, messages: list[str]) -> None:
    """Put the name of the file before donors or batches that occur in several files."""
    values = [set(part[column]) - {""} for part in parts]
    shared = {value for i, own in enumerate(values) for other in values[:i] for value in own & other}
    if not shared:
        return
    for part, name in zip(parts, names, strict=True):
        part[column] = part[column].map(lambda value, name=name: f"{name}:{value}" if value in shared else value)
    first = sorted(shared)[0]
    same = next(f"{name}:{first}" for name, own in zip(names, values, strict=True) if first in own)
    messages.append(
        f"Files have a {column} of the same name ({show(sorted(shared))}); they are kept apart ({same!r}). If they are "
        f"one {column}, join these files before."
    )


def _map_labels(obs: pd.DataFrame, label_map: Mapping[str, str], messages: list[str], rows: str) -> None:
    """Rename and drop labels.

    Raises
    ------
    DataError
        The map names no label of the cells.
    """
    if not label_map:
        return
    label_map = {_spelt(old): new for old, new in label_map.items()}
    present = sorted(set(obs["cell_type"]) - {""})
    unknown = [label for label in label_map if label not in present]
    unmapped = [label for label in present if label not in label_map]
    dropped = [label for label in present if label_map.get(label) == ""]
    if len(unknown) == len(label_map):
        raise DataError(
            f"The label map names none of the cell types (it maps {show(unknown)}; found: {show(present, 12)}).",
            "the cell types of the reference in the column from",
            "correct the column from; upper and lower case count",
        )
    if unknown:
        messages.append(f"The label map names labels that are not there: {', '.join(unknown)}.")
    if unmapped:
        messages.append(f"Labels that the map does not name are kept unchanged: {', '.join(unmapped)}.")
    if dropped:
        lost = obs["cell_type"].isin(dropped).sum()
        messages.append(f"{lost:,} {rows} dropped by the label map: {', '.join(dropped)}.")
    obs["cell_type"] = obs["cell_type"].map(lambda label: label_map.get(label, label))


def trimmed(labels: pd.Series, messages: list[str]) -> pd.Series:
    """Return labels without blanks around them and with single plain blanks inside, and say so."""
    clean = labels.map({label: _spelt(label) for label in labels.unique()})
    if changed := sorted(set(labels[clean != labels])):
        messages.append(f"Blanks in labels were removed: {', '.join(map(repr, changed[:5]))}.")
    return clean


def _spelt(label: str) -> str:
    """Return a label with plain single blanks: no-break and zero-width spaces are blanks too."""
    return re.sub(r"[\s\u200b\ufeff]+", " ", label).strip()


def _doubtful(labels: pd.Series, messages: list[str], rows: str) -> None:
    """Warn of labels that name no cell type, and of those that differ in nothing but writing, with a proposal."""
    sizes = labels[labels != ""].value_counts()
    none = [
        label
        for label in sorted(sizes.index)
        if NO_TYPE.fullmatch(re.sub(r"(?<=\w)[\s._-]+|^[\s._]+(?=\w)", "", label))
    ]
    if none:
        listed = ", ".join(f"{label!r} ({sizes[label]:,} {rows})" for label in none)
        messages.append(
            f"Warning: {listed} may be no cell type, but will be estimated as one. To drop them, give a label "
            "map whose lines name them under from and nothing under to."
        )
    alike: dict[str, list[str]] = {}
    for label in sorted(sizes.index):
        first = re.sub(r"\.\d{1,2}$", "", label)  # B.1 beside B, as R and pandas write a name twice
        name = first if first in sizes else label
        bare = "".join(character for character in name.lower() if character.isalnum() or character == "+")
        alike.setdefault(re.sub(r"(cell|cyte)s$", r"\1", bare), []).append(label)
    for group in (labels for labels in alike.values() if len(labels) > 1):
        most = max(group, key=lambda label: sizes[label])
        messages.append(
            f"Warning: {', '.join(map(repr, group))} differ only in how they are written; if they are one cell type, "
            f"join them with a label map (from {', '.join(repr(label) for label in group if label != most)} "
            f"to {most!r})."
        )
    for group, members in cell_names.parts(sorted(sizes.index)).items():
        messages.append(
            f"Warning: {group!r} ({sizes[group]:,} {rows}) names a group that holds {', '.join(map(repr, members))}. "
            f"If its {rows} are of these types, its fraction takes from theirs: label them one by one, drop them, or "
            "join the types with a label map."
        )
