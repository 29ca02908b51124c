"""One answer from several methods: their median, with intervals of its own.

No method is the most accurate on every data set, and held-out error on the user's own reference does not tell which is;
a consensus of unlike methods is among the best on all. How far the members disagree does not predict the error, so that
the intervals are conformal for the consensus itself: all methods of one reference and seed estimate the same held-out
pseudobulk, and the errors of the consensus there give its intervals. With several references, each has pseudobulk of
its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from unmix.contract.method import silent
from unmix.engine.cell_fractions import moved, widened
from unmix.engine.mrna_per_cell import MRNAPerCell, tell
from unmix.errors import DataError, NotApplicable
from unmix.uncertainty import conformal, domain_shift

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from unmix.io.fractions import Fractions

#: How the members are combined, in words. A geometric mean would lose a type that one member of four loses
#: (docs/default_answer.md).
RULE = "median"
#: Difference of the known fractions of two members from which on their held-out pseudobulk is not the same.
SAME = 1e-3


def consensus(
    members: Sequence[Fractions], *, level: float | None = None, say: Callable[[str], None] = silent
) -> Fractions:
    """Return the consensus of the fractions that several methods estimated for the same samples.

    Parameters
    ----------
    members
        Of :func:`unmix.predict`: unlike methods, trained on one reference with one seed, by the same mRNA per cell.
    level
        Nominal coverage of the intervals; by default that of the members.
    say
        Takes sentences: which members were left out, and why there are no intervals.

    Returns
    -------
    Fractions
        With intervals of the consensus (missing where the members share no held-out pseudobulk); a flag is that of
        half of the members or more; the table ``members`` holds the estimates of every member, the least and the
        greatest, which are no interval.

    Raises
    ------
    NotApplicable
        If fewer than two members estimate fractions.
    DataError
        If the members differ in samples, cell types, quantity or mRNA per cell, or two are of one method.
    """
    import pandas as pd

    left_out = [one for one in members if one.quantity not in ("cell", "mrna")]
    members = [one for one in members if one.quantity in ("cell", "mrna")]
    for one in left_out:
        say(f"{one.method} is left out of the consensus, because it gives a {one.quantity} and no fractions.")
    if len(members) < 2:
        raise NotApplicable(
            f"a consensus of {len(members)} method{'s' * (len(members) != 1)}",
            "fractions of two methods or more",
            "add methods to --methods",
        )
    names = [one.method for one in members]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"several results of {twice[0]}", "one result of each method", "leave all but one of them out")
    first = members[0]
    samples, types = first.values.index, first.values.columns
    for other in members[1:]:
        _refuse_unlike(first, other)
    values = _table(combined([one.values.loc[samples, types].to_numpy() for one in members]), first.values)
    level = level or first.level
    between = [one.between_references.loc[samples, types] for one in members if one.between_references is not None]
    spread = _median(between) if between else None
    lower, upper = _intervals(members, values, spread, level, say)
    used = first.mrna_per_cell
    by_type = bool(used) and set(types) <= set(used["values"])  # counts of the reference may be those of cell states
    if used:
        tell(MRNAPerCell.of(used), say)
    found = replace(
        first,
        values=values,
        lower=lower,
        upper=upper,
        lower_relative=lower,
        upper_relative=upper,
        flags=_flags([one.flags.loc[samples] for one in members]),
        level=level,
        samples=_median([one.samples for one in members if one.samples is not None]),
        mrna=moved(values, values, pd.Series(used["values"])) if by_type else None,
        held_out=None,
        between_references=spread,
        method="consensus",
        tables={"members": _members(members)},
    )
    others = [pd.Series(used["values"]) / pd.Series(sizes) for sizes in used["candidates"].values()] if by_type else []
    return widened(
        found, [moved(values, values, factors) for factors in others if factors.reindex(types).notna().all()]
    )


def record(members: Sequence[Fractions], runs: Sequence[dict[str, Any]], panel: Sequence[str]) -> dict[str, Any]:
    """Return what run.json and the report say of a consensus.

    Parameters
    ----------
    members
        That are combined.
    runs
        Their run records.
    panel
        Names of the methods of the default consensus; those that are missing are named if the members are of it.
    """
    names = [one.method for one in members]
    titles = [run["method"].get("title") or name for name, run in zip(names, runs, strict=True)]
    missing = [name for name in panel if name not in names] if set(names) <= set(panel) else []
    learned = {name: runs[0]["model"].get(name) for name in ("seed", "reference", "intervals", "mrna_per_cell")}
    shared = 0 if members[0].held_out is None else members[0].held_out["sample"].nunique()
    learned["intervals"] = {**(learned["intervals"] or {}), "pseudobulk": shared}
    quick = any(run["model"].get("quick") for run in runs)
    method = {"name": "consensus", "title": "Consensus", "family": "consensus"}
    return {
        "method": method,
        "members": dict(zip(names, titles, strict=True)),
        "rule": RULE,
        "missing": missing,
        "unexpressed": runs[0].get("unexpressed", {}),
        "model": {**learned, "quick": quick},
    }


def combined(estimates: Sequence[np.ndarray]) -> np.ndarray:
    """Return the median of estimates (each samples x types), divided by its sum in every sample."""
    found = np.clip(np.median(np.stack(estimates), axis=0), 0, None)
    return found / np.maximum(found.sum(1, keepdims=True), 1e-12)


def _refuse_unlike(first: Fractions, other: Fractions) -> None:
    expected = "fractions of the same samples and cell types, by the same mRNA per cell"
    for what, one, two, do in (
        ("cell types", set(first.values.columns), set(other.values.columns), "train the methods on one reference"),
        ("samples", set(first.values.index), set(other.values.index), "estimate the same bulk with every method"),
        ("quantities", first.quantity, other.quantity, "give all the same --mrna-per-cell"),
        (
            "mRNA per cell",
            first.mrna_per_cell.get("values"),
            other.mrna_per_cell.get("values"),
            "give all the same --mrna-per-cell",
        ),
    ):
        if one != two:
            raise DataError(f"{first.method} and {other.method} have different {what}", expected, do)


def _intervals(
    members: Sequence[Fractions],
    values: pd.DataFrame,
    spread: pd.DataFrame | None,
    level: float,
    say: Callable[[str], None],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the ends of the conformal intervals of the consensus; missing where they cannot be known.

    Of several references: the mean of the ends by the consensus' errors with each, by weight, wider by how far the
    references disagree (`spread`, the median over the members), as those of one method.
    """
    missing = values * np.nan
    without = [one.method for one in members if one.held_out is None]
    if without:
        say(f"The consensus has no intervals, because {', '.join(without)} has no estimates of held-out pseudobulk.")
        return missing, missing
    calibrations = _calibrations([one.held_out for one in members], list(values))
    if calibrations is None:
        say(
            "The consensus has no intervals, because the members do not share their held-out pseudobulk: train them on "
            "the same references with the same seed."
        )
        return missing, missing
    distance = _median([one.samples for one in members])["distance"].to_numpy()[:, None]
    shift = domain_shift.ratio(distance), domain_shift.between_laboratory(distance)
    middle = values.to_numpy()
    ends = np.stack([conformal.interval(middle, middle, scores, level, *shift) for scores, _ in calibrations])
    share = np.array([np.where(np.isnan(scores).all(0), 0, weight) for scores, weight in calibrations])
    share = (share / share.sum(0))[:, None, None]
    lower, upper = np.where(share > 0, share * ends, 0).sum(0)
    more = 0 if spread is None else spread.to_numpy()
    return _table((lower - more).clip(0, 1), values), _table((upper + more).clip(0, 1), values)


def _calibrations(held_out: Sequence[pd.DataFrame], types: list[str]) -> list[tuple[np.ndarray, float]] | None:
    """Return the scores of the consensus (missing for types that the reference lacks) and the weight of each reference.

    None if the members do not share their pseudobulk.
    """
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
        scores = np.full((len(middle), len(types)), np.nan, np.float32)
        scores[:, [kind in known for kind in types]] = conformal.scores(middle, middle, first[known].to_numpy())
        found.append((scores, float(np.mean([part["weight"].iloc[0] for part in own]))))
    return found


def _flags(flags: Sequence[pd.Series]) -> pd.Series:
    """Return the reasons that half of the members or more raise, by sample."""
    import pandas as pd

    reasons = sorted({reason for column in flags for flag in column for reason in flag.split(";")} - {"ok"})
    raised = {
        reason: sum(column.str.split(";").map(lambda given, r=reason: r in given) for column in flags)
        for reason in reasons
    }
    often = {reason: 2 * number >= len(flags) for reason, number in raised.items()}
    samples = flags[0].index
    found = [";".join(reason for reason, hit in often.items() if hit[sample]) or "ok" for sample in samples]
    return pd.Series(found, samples)


def _members(members: Sequence[Fractions]) -> pd.DataFrame:
    """Return every member's estimate of each sample and cell type, with the least and the greatest of them."""
    import pandas as pd

    first = members[0].values
    columns = {one.method: one.values.loc[first.index, first.columns].to_numpy().ravel() for one in members}
    stacked = np.stack(list(columns.values()))
    ends = {"least": stacked.min(0), "greatest": stacked.max(0)}
    cells = {"cell_type": list(first.columns) * len(first)}
    return pd.DataFrame({**cells, **ends, **columns}, index=first.index.repeat(first.shape[1]))


def _median(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the median of tables of the same samples."""
    first = tables[0]
    stacked = np.stack([table.loc[first.index, first.columns].to_numpy(float) for table in tables])
    return _table(np.median(stacked, axis=0), first)


def _table(values: np.ndarray, like: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(values, like.index, like.columns)
