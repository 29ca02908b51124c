"""Intervals of a consensus: from its own errors on the held-out pseudobulk that its members share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.io import levels as coarser
from unmix.uncertainty import conformal, domain_shift

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from unmix.io.fractions import Fractions

#: Difference of the known fractions of two members from which on their held-out pseudobulk is not the same.
SAME = 1e-3


def intervals(
    members: Sequence[Fractions],
    values: pd.DataFrame,
    spread: pd.DataFrame | None,
    level: float,
    say: Callable[[str], None],
    groups: dict[str, str] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the ends of the conformal intervals of the consensus; missing where they cannot be known.

    Of several references: the mean of the ends by the consensus' errors with each, by weight, wider by how far the
    references disagree (`spread`, the mean over the members), as those of one method. With `groups` (cell type to
    group), `values` are of groups.
    """
    missing = values * np.nan
    without = [one.method for one in members if one.held_out is None]
    if without:
        have = "has" if len(without) == 1 else "have"
        say(f"The consensus has no intervals, because {', '.join(without)} {have} no estimates of held-out pseudobulk.")
        return missing, missing
    calibrations = _calibrations([one.held_out for one in members], list(members[0].values), groups)
    if calibrations is None:
        say(
            "The consensus has no intervals, because the members do not share their held-out pseudobulk: train them on "
            "the same references with the same seed."
        )
        return missing, missing
    distance = mean([one.samples for one in members])["distance"].to_numpy()[:, None]
    shift = domain_shift.ratio(distance), domain_shift.between_laboratory(distance)
    middle = values.to_numpy()
    ends = np.stack([conformal.interval(middle, middle, scores, level, *shift) for scores, _ in calibrations])
    share = np.array([np.where(np.isnan(scores).all(0), 0, weight) for scores, weight in calibrations])
    share = (share / share.sum(0))[:, None, None]
    lower, upper = np.where(share > 0, share * ends, 0).sum(0)
    more = 0 if spread is None else spread.to_numpy()
    return table((lower - more).clip(0, 1), values), table((upper + more).clip(0, 1), values)


def _calibrations(
    held_out: Sequence[pd.DataFrame], types: list[str], groups: dict[str, str] | None
) -> list[tuple[np.ndarray, float]] | None:
    """Return the scores of the consensus (missing for types that the reference lacks) and the weight of each reference.

    Of the sums over the groups, where these are given. None if the members do not share their pseudobulk.
    """
    groups = groups or {name: name for name in types}
    columns = coarser.names_of(groups, types)
    tables = [part if "reference" in part else part.assign(reference=1, weight=1.0) for part in held_out]
    references = [sorted(part["reference"].unique()) for part in tables]
    if any(names != references[0] for names in references):
        return None
    found = []
    for name in references[0]:
        own = [part[part["reference"] == name] for part in tables]
        estimates, truths = (
            [part.pivot(index="sample", columns="cell_type", values=column) for part in own]
            for column in ("fraction", "truth")
        )
        known, first = [kind for kind in types if kind in truths[0]], truths[0]
        alike = [truth.index.equals(first.index) and truth.columns.equals(first.columns) for truth in truths]
        if not all(alike) or any(np.abs(truth - first).max(axis=None) > SAME for truth in truths):
            return None
        middle = combined([estimate[known].to_numpy() for estimate in estimates])
        there = [columns.index(name) for name in coarser.names_of(groups, known)]
        middle, truth = (coarser.added(part, groups, known) for part in (middle, first[known].to_numpy()))
        scores = np.full((len(middle), len(columns)), np.nan, np.float32)
        scores[:, there] = conformal.scores(middle, middle, truth)
        found.append((scores, float(np.mean([part["weight"].iloc[0] for part in own]))))
    return found


def combined(estimates: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean of estimates (each samples x types), divided by its sum in every sample."""
    found = np.clip(np.mean(np.stack(estimates), axis=0), 0, None)
    return found / np.maximum(found.sum(1, keepdims=True), 1e-12)


def mean(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the mean of tables of the same samples."""
    first = tables[0]
    stacked = np.stack([table.loc[first.index, first.columns].to_numpy(float) for table in tables])
    return table(np.mean(stacked, axis=0), first)


def table(values: np.ndarray, like: pd.DataFrame) -> pd.DataFrame:
    """Return values as a table with the rows and columns of another."""
    import pandas as pd

    return pd.DataFrame(values, like.index, like.columns)
