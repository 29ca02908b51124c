"""Which cells of the files are used: those with given values in given columns, and at most so many of a kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.errors import DataError, UsageError
from unmix.io.text import show

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pandas as pd

    from unmix.reference.single_cells import SingleCells


def parse(texts: Sequence[str]) -> dict[str, list[str]]:
    """Return columns and their values from texts as ``disease=normal``; a column named again takes a further value.

    Raises
    ------
    UsageError
        A text without a column or without a value.
    """
    keep: dict[str, list[str]] = {}
    for text in texts:
        key, _, value = text.partition("=")
        if not key or not value:
            raise UsageError(f"--keep {text!r} does not name a column and a value.", "COLUMN=VALUE", "disease=normal")
        keep.setdefault(key, []).append(value)
    return keep


def kept(
    files: Sequence[SingleCells], keep: Mapping[str, Collection[str]], messages: list[str], rows: str = "cells"
) -> np.ndarray:
    """Say of every cell of the files whether each column of `keep` holds one of the values named for it.

    Raises
    ------
    DataError
        A file has no such column, a value is nowhere in it, or no cell is left.
    """
    chosen = [np.ones(len(found.obs_names), dtype=bool) for found in files]
    for key, values in keep.items():
        held = [_column(found, key) for found in files]
        present = sorted({value for column in held for value in column.unique()} - {""})
        if lost := sorted(set(values) - set(present)):
            raise DataError(
                f"No cell has {key} {lost[0]!r} (found: {show(present, 12)}).",
                f"values of the column {key!r}",
                "correct the value; upper and lower case count",
            )
        chosen = [mask & column.isin(values).to_numpy() for mask, column in zip(chosen, held, strict=True)]
        asked = " or ".join(map(repr, values))
        messages.append(
            f"{sum(mask.sum() for mask in chosen):,} of {sum(map(len, chosen)):,} {rows} kept: {key} {asked}."
        )
    together = np.concatenate(chosen)
    if not together.any():
        raise DataError(f"No cell has all that is asked of {show(list(keep))}.", "some cells to keep", "ask for less")
    return together


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


def _column(found: SingleCells, key: str) -> pd.Series:
    if key in found.keys:
        return found.column(key)
    raise DataError(
        f"{found.name} has no column {key!r} for --keep (found: {', '.join(found.keys) or 'no annotation at all'}).",
        "a column of obs",
        "name one of the columns",
    )
