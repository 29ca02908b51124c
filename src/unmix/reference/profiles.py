"""Profiles of cell types as a reference without single cells: sorted cells, pure tissues, published signatures."""

from __future__ import annotations

import contextlib
import csv
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from unmix.io import formats, gene_ids, numbers, tables, text
from unmix.io.check import read_bulk
from unmix.io.matrices import WHOLE
from unmix.io.units import per_million
from unmix.reference.label_tables import annotate
from unmix.reference.reference import MILLION
from unmix.reference.single_cells import Matrix, SingleCells, read_cells

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from anndata import AnnData

#: The annotation that every table of profiles has: the names of its columns, without what tells replicates apart.
PROFILE = "profile"
#: Names that may be replicates of one type: a separator and a number at the end.
_NUMBERED = re.compile(r"(.+?)([._ -])(?:rep(?:licate)?[._ -]?)?\d+", re.IGNORECASE)


def read_profiles(
    path: Path | str, key: str, labels: Path | str | None, unit: str, separator: str, messages: list[str]
) -> SingleCells:
    """Read profiles as bulk is read: orientation, names of genes, unit and logarithms are recognised.

    Parameters
    ----------
    path
        An h5ad, or a table of genes x profiles (or transposed). Its profiles are named by their types: names may
        repeat, and a second line of a table may hold the types of the columns that the first one names.
    key
        The annotation that holds the types.
    labels
        A table whose first column holds the names of the profiles and the others annotate them. Without it the
        annotation is that of the h5ad; in a table, a profile is of the type that it is named by.
    unit
        One of :data:`unmix.io.units.UNITS`.
    separator
        What separates the type from the replicate in a name (``_`` in ``NK_1``); empty: names are types.
    messages
        Takes what was found, as sentences.

    Returns
    -------
    SingleCells
        Profiles x genes, per million of the whole transcriptome.

    Raises
    ------
    DataError
        The file cannot be used as bulk, or `labels` names none of its profiles.
    """
    path = Path(path)
    with _named_once(path) as (file, types):
        bulk = read_bulk(file, unit)
    messages += [f"{path.name}: {sentence}" for sentence in bulk.uns["unmix"]["messages"]]
    matrices = [Matrix("X", sparse.csr_matrix(_per_million(bulk, path.name, messages)), bulk.var)]
    names = bulk.obs_names.to_series()
    own = names.map(types) if types else _without_replicate(names, separator, messages)
    profiles = SingleCells(path.name, bulk.obs_names, [key], lambda _: own, matrices)
    if labels is not None:
        profiles = annotate(profiles, tables.read_table(labels), Path(labels).name)
    elif tables.is_h5ad(path) and (found := read_cells(path)).keys:
        profiles = SingleCells(
            path.name, bulk.obs_names, found.keys, lambda k: found.column(k).reindex(bulk.obs_names), matrices
        )
    else:
        messages.append(f"{path.name}: the names of the profiles are their cell types.")
    if PROFILE in profiles.keys:
        return profiles
    annotation = profiles.annotation
    keys = [*profiles.keys, PROFILE]
    return SingleCells(path.name, bulk.obs_names, keys, lambda k: own if k == PROFILE else annotation(k), matrices)


def _per_million(bulk: AnnData, name: str, messages: list[str]) -> np.ndarray:
    """Return profiles x genes per million of the whole transcriptome.

    A table of fewer than `WHOLE` genes, as a published signature, is a part of it, so that its profiles keep their
    common scale. That of counts is not common: they are divided by their sums in any case.
    """
    values, unit = np.asarray(bulk.X, dtype=np.float64), bulk.uns["unmix"]["unit"]
    if values.shape[1] >= WHOLE:
        return per_million(values)
    few = f"{name} holds {values.shape[1]:,} genes, not a whole transcriptome"
    if unit == "counts":
        messages.append(
            f"Warning: {few}. Profiles of counts are divided by their sums over these genes; if the types differ in "
            "these sums, levels are biased. Profiles per million of all genes (TPM, CPM) have no such bias."
        )
        return per_million(values)
    messages.append(f"{few}: its profiles keep their scale, which must be the same for all types.")
    return values * (MILLION / max(values.sum(1).max(), MILLION if unit in ("tpm", "cpm") else 0.0))


def replicates(obs: pd.DataFrame, messages: list[str]) -> pd.Series:
    """Return the numbers of the replicates of every type (or state), which take the place of donors.

    The profiles of a type differ by donor and preparation, as donors do. ``all`` where no type has a replicate.

    Parameters
    ----------
    obs
        Profiles, with ``cell_type`` and, where states were asked for, ``cell_state``.
    messages
        Takes what follows for the intervals.
    """
    label = obs["cell_state" if "cell_state" in obs else "cell_type"]
    number, sizes = label.groupby(label).cumcount() + 1, label.value_counts()
    if (sizes == 1).all():
        messages.append(
            "Warning: there is one profile of each type, so how types vary is not known: there will be no intervals."
        )
        return number.map(lambda _: "all")
    messages.append("Replicates take the place of donors: each is held out once, to find the intervals.")
    if single := sorted(sizes.index[sizes == 1]):
        messages.append(
            f"Warning: there is one profile only of {text.show(single)}: how it varies is not known. Such types will "
            "have no intervals, and those of the others will be optimistic."
        )
    return number.map(lambda n: f"replicate {n}")


def _without_replicate(names: pd.Series, separator: str, messages: list[str]) -> pd.Series:
    """Return names without the part after the last separator; without one, say which may be replicates."""
    if separator:
        return names.map(lambda name: name.rpartition(separator)[0] or name)
    found = [match for name in names if (match := _NUMBERED.fullmatch(name))]
    stems = [(match[1], match[2]) for match in found]
    if several := [match for match, stem in zip(found, stems, strict=True) if stems.count(stem) > 1]:
        first = several[0]
        alike = [match[0] for match in several if match[1] == first[1]][:2]
        messages.append(
            f"{' and '.join(map(repr, alike))} are types of their own. If they are replicates of {first[1]!r}, say so: "
            f"unmix_reference.py --replicate-separator '{first[2]}'."
        )
    return names


@contextlib.contextmanager
def _named_once(path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """Yield a table whose profiles have a name each, and their types by these names (empty if nothing was changed).

    Names that repeat, and a second line of types, are what tables of replicates have and bulk has not.
    """
    formats.refuse_foreign(path)
    if tables.is_h5ad(path):
        yield path, {}
        return
    lines = text.lines(path, [])
    separator = text.separator(lines)
    header, *rows = ([cell.strip() for cell in next(csv.reader([line], delimiter=separator))] for line in lines[:2])
    if header[0].startswith("!") or not rows:  # a series matrix has words in every line
        yield path, {}
        return
    width = len(rows[0]) - 1
    columns, second = header[-width:], rows[0][1:]
    heads = [line.split(separator, 1) for line in lines[1:]]
    first = [head[0].strip().strip('"') for head in heads]
    if width > 1 and len(set(second)) > 1 and all(map(_is_word, second)):
        types, lines = second, [lines[0], *lines[2:]]
    elif len(set(columns)) < width:
        types = columns
    elif len(set(first)) < len(first) and gene_ids.likeness(columns) > gene_ids.likeness(first):
        types = first
        lines = [lines[0], *(f"profile {i}{separator}{head[-1]}" for i, head in enumerate(heads, start=1))]
    else:
        yield path, {}
        return
    names = [f"profile {i}" for i in range(1, len(types) + 1)]
    if types is not first:
        lines[0] = separator.join(["gene", *names])
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / path.name.removesuffix(".gz")
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        yield file, dict(zip(names, types, strict=True))


def _is_word(cell: str) -> bool:
    """Say whether a cell is neither a number nor missing."""
    return cell not in numbers.MISSING and not re.fullmatch(r"[-+\d.,' ]*(e[-+]?\d+)?|[-+]?inf", cell, re.IGNORECASE)
