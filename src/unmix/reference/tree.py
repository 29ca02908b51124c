"""The levels of a reference's cell types: from a table, from the Cell Ontology, or from its own profiles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unmix.errors import DataError
from unmix.io import cell_names
from unmix.io.levels import Levels
from unmix.io.text import show
from unmix.reference import resolution, tree_tables
from unmix.reference.states import FEW_CELLS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import anndata as ad

#: Types that the name of a group without a term lists.
LISTED = 5


def levels_of(reference: ad.AnnData) -> Levels:
    """Return the levels of a prepared reference; none where it names none.

    Raises
    ------
    DataError
        If what it names are no levels of cell types.
    """
    told = reference.uns.get("unmix", {}).get("levels")
    if not told:
        return Levels()
    try:
        found = Levels.model_validate(json.loads(str(told)))
    except ValueError as error:
        raise DataError(
            "the levels of cell types of the reference are damaged", "a reference of unmix", "prepare it again"
        ) from error
    return found.of(sorted(reference.obs["cell_type"].astype(str).unique()))


def mark(reference: ad.AnnData, source: str | Path, messages: list[str]) -> None:
    """Find the levels of the cell types of a reference, and keep them in ``uns["unmix"]["levels"]``.

    Parameters
    ----------
    reference
        Cells x genes, as docs/data_contracts.md describes.
    source
        One of :data:`unmix.reference.tree_tables.SOURCES`, ``obs:`` and columns of obs, or a table
        (:func:`unmix.reference.tree_tables.read`).
    messages
        Takes what was found.

    Raises
    ------
    UsageError
        If there is no such source and no such file.
    DataError
        As :mod:`unmix.reference.tree_tables` and :func:`given`.
    """
    sizes = reference.obs["cell_type"].astype(str).value_counts()
    types = sorted(sizes.index)
    if source == "none" or len(types) < 2:
        return
    told = tree_tables.told(source, reference.obs)
    table = None if told is None else given(told, types, Path(source).name, messages)
    counts = resolution.markers(reference, types)
    fewest = np.minimum(counts, counts.T).astype(float)
    few = [k for k, name in enumerate(types) if sizes[name] < FEW_CELLS and sizes.max() >= FEW_CELLS]
    fewest[few] = fewest[:, few] = np.inf  # nothing is known of so few cells
    limit = resolution.needed(reference.n_vars)
    if table is not None:
        found = _of_table(types, fewest, limit, *table)
    else:
        terms = {} if source == "inferred" else cell_names.lineages(types)
        if source == "auto" and len(terms) < len(types):
            terms = {}
        found = _inferred(types, fewest, limit, terms)
    if not found.groups:
        if found.alike:
            messages.append(found.sentence())
        return
    reference.uns["unmix"]["levels"] = json.dumps(found.model_dump(), ensure_ascii=False, sort_keys=True)
    messages += _told(found)


def given(
    table: tuple[list[str], Mapping[str, Sequence[str]]], types: Sequence[str], name: str, messages: list[str]
) -> tuple[list[str], list[dict[str, str]]]:
    """Return the levels of a table for the cell types of a reference: their names, and the group of every type.

    Raises
    ------
    DataError
        If a type is missing, a group is not within one group of the next level, or has the name of another type.
    """
    names, rows = table
    if missing := [kind for kind in types if kind not in rows]:
        raise DataError(
            f"{name} does not name the cell type {show(missing)} (it names {show(list(rows))})",
            "a line for every cell type of the reference",
            "add the line; after --label-map, the new names count",
        )
    if further := [kind for kind in rows if kind not in types]:
        messages.append(f"{name} names cell types that the reference lacks: {show(further)}.")
    levels = [{kind: rows[kind][number] for kind in types} for number in range(len(names))]
    for level, groups in zip(names, levels, strict=True):
        if wrong := sorted(kind for kind in types if kind in groups.values() and _held(groups, kind) != [kind]):
            raise DataError(
                f"{name}: the group {wrong[0]!r} of level {level!r} has the name of a cell type, and holds "
                f"{show(_held(groups, wrong[0]))}",
                "groups with names of their own",
                "rename the group",
            )
    for (level, fine), (above, coarse) in zip(
        zip(names, levels, strict=True), list(zip(names, levels, strict=True))[1:], strict=False
    ):
        for group in sorted(set(fine.values())):
            if len(parents := sorted({coarse[kind] for kind in _held(fine, group)})) > 1:
                raise DataError(
                    f"{name}: the group {group!r} of level {level!r} is in {show(parents)} of level {above!r}",
                    "a tree: every group within one group of the next, coarser level",
                    "correct the table, or put the columns in order from fine to coarse",
                )
    kept = [number for number, groups in enumerate(levels) if 1 < len(set(groups.values())) < len(types)]
    if dropped := [level for number, level in enumerate(names) if number not in kept]:
        messages.append(f"Levels that put every cell type alone, or all into one group, are left out: {show(dropped)}.")
    return [names[number] for number in kept], [levels[number] for number in kept]


def _of_table(
    types: list[str], fewest: np.ndarray, limit: int, names: list[str], levels: list[dict[str, str]]
) -> Levels:
    """Return given levels; the finest leads in which types that are not told apart are in one group."""
    held = [_held(groups, group) for groups in levels for group in sorted(set(groups.values()))]
    within = [[types.index(kind) for kind in own] for own in held]
    alike = _named(types, resolution.clusters(fewest, limit, [*within, range(len(types))]))
    steps = [dict(zip(types, types, strict=True)), *levels]
    joined = [all(len({groups[kind] for kind in own}) == 1 for own in alike) for groups in steps]
    leads = joined.index(True) if True in joined else len(levels)
    return Levels(names=names, groups=levels, leads=leads, source="given", alike=alike)


def _inferred(types: list[str], fewest: np.ndarray, limit: int, terms: Mapping[str, list[str]]) -> Levels:
    """Return the level of what is told apart, with the names of terms, and the coarser levels of the terms above."""
    held: dict[tuple[int, ...], str] = {}
    for term in (term for kind in types for term in terms.get(kind, ())):
        own = tuple(k for k, kind in enumerate(types) if term in terms.get(kind, ()))
        if 1 < len(own) < len(types):
            held.setdefault(own, term)  # of terms with the same types, the narrowest
    order = sorted(held, key=lambda own: (len(own), own))
    alike = resolution.clusters(fewest, limit, [*order, range(len(types))])
    finest = {kind: kind for kind in types}
    for own in alike:
        names = [types[k] for k in own]
        finest |= dict.fromkeys(names, _label(held.get(tuple(own), ""), names, types))
    steps = [finest]
    while True:
        broader = _broader(types, steps[-1], held, order)
        if broader is None:
            break
        steps.append(broader)
    whole = bool(alike) and len(set(finest.values())) > 1
    steps = steps if whole else steps[1:]
    names = [f"level_{number}" for number in range(1, len(steps) + 1)]
    source = "ontology" if terms else "inferred"
    return Levels(names=names, groups=steps, leads=int(whole), source=source, alike=_named(types, alike))


def _broader(
    types: list[str], groups: dict[str, str], held: Mapping[tuple[int, ...], str], order: list[tuple[int, ...]]
) -> dict[str, str] | None:
    """Return the next coarser level: groups joined by the smallest terms that hold two or more of them whole."""
    joined: dict[str, str] = {}
    for own in order:
        kinds = [types[k] for k in own]
        inside = {groups[kind] for kind in kinds}
        outside = {groups[kind] for kind in types if kind not in kinds}
        if len(inside) > 1 and not inside & outside and not any(kind in joined for kind in kinds):
            joined |= dict.fromkeys(kinds, _label(held[own], kinds, types))
    return groups | joined if joined else None


def _label(term: str, kinds: Sequence[str], types: Sequence[str]) -> str:
    """Return the name of a group: that of its term, or its types where there is none or a type has that name."""
    if term and term not in types:
        return term
    return " + ".join(kinds) if len(kinds) <= LISTED else f"{' + '.join(kinds[:LISTED])} + {len(kinds) - LISTED} more"


def _told(levels: Levels) -> list[str]:
    """Return what the messages of a preparation say of its levels."""
    said = [levels.sentence()] if levels.alike else []
    for name, groups in zip(levels.names, levels.groups, strict=True):
        several = [group for group in dict.fromkeys(groups.values()) if len(_held(groups, group)) > 1]
        listed = "; ".join(f"{group} ({', '.join(_held(groups, group))})" for group in several)
        leads = ", which leads the report" if levels.leads and name == levels.names[levels.leads - 1] else ""
        said.append(f"Level {name!r} of the cell types ({levels.source}{leads}): {listed}.")
    return said


def _held(groups: Mapping[str, str], group: str) -> list[str]:
    return [kind for kind, own in groups.items() if own == group]


def _named(types: Sequence[str], clusters: Sequence[Sequence[int]]) -> list[list[str]]:
    return [[types[k] for k in own] for own in clusters]
