"""One answer from several methods: their mean, with intervals of its own.

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
from unmix.engine.consensus_intervals import combined, intervals, mean, table
from unmix.engine.ensemble import common
from unmix.engine.mrna_per_cell import MRNAPerCell, tell
from unmix.engine.prior import sentence
from unmix.errors import DataError, NotApplicable
from unmix.io import levels as coarser

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from unmix.io.fractions import Fractions

#: How the members are combined, in words (docs/default_answer.md). A geometric mean would lose a type that one member
#: of four loses.
RULE = "mean"


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

    members = _comparable(members, say)
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
    values = table(combined([one.values.loc[samples, types].to_numpy() for one in members]), first.values)
    level = level or first.level
    between = [one.between_references.loc[samples, types] for one in members if one.between_references is not None]
    spread = mean(between) if between else None
    lower, upper = intervals(members, values, spread, level, say)
    used = first.mrna_per_cell
    levels = common([one.levels for one in members], say)
    by_type = bool(used) and not used.get("states")
    if used:
        tell(MRNAPerCell.of(used), say)
    prior = _prior([one.prior for one in members])
    if prior:
        say(f"{sentence(prior)} These are means over the members.")
    found = replace(
        first,
        values=values,
        lower=lower,
        upper=upper,
        lower_relative=lower,
        upper_relative=upper,
        flags=_flags([one.flags.loc[samples] for one in members]),
        level=level,
        samples=mean([one.samples for one in members if one.samples is not None]),
        mrna=moved(values, values, pd.Series(used["values"])) if by_type else None,
        held_out=None,
        between_references=spread,
        prior=prior,
        method="consensus",
        tables={"members": _members(members)},
    )
    others = [pd.Series(used["values"]) / pd.Series(sizes) for sizes in used["candidates"].values()] if by_type else []
    others = [moved(values, values, factors) for factors in others if factors.reindex(types).notna().all()]
    sums = [
        _of_groups(members, number, groups, found, level, others, lower.isna().all(axis=None))
        for number, groups in enumerate(levels.groups)
    ]
    return replace(widened(found, others), levels=levels, sums=tuple(sums))


def _comparable(members: Sequence[Fractions], say: Callable[[str], None]) -> list[Fractions]:
    """Return the members that give fractions, by an amount of mRNA per cell where some are, and say which do not."""
    converted = any(one.mrna_per_cell for one in members)
    kept = []
    for one in members:
        if one.quantity not in ("cell", "mrna"):
            why = f"it gives a {one.quantity} and no fractions"
        elif converted and not one.mrna_per_cell:
            why = "its levels rest on published or measured samples, and not on the mRNA per cell of the others"
        else:
            kept.append(one)
            continue
        say(f"{one.method} is left out of the consensus, because {why}.")
    return kept


def _of_groups(
    members: Sequence[Fractions],
    number: int,
    groups: dict[str, str],
    found: Fractions,
    level: float,
    others: Sequence[pd.DataFrame],
    unknown: bool,
) -> Fractions:
    """Return the sums of the consensus over the groups of one level, with intervals from the errors of these sums.

    Parameters
    ----------
    members
        Of the consensus; their own `number`-th level says how far references differ.
    groups
        Cell type to group.
    found
        The consensus of the cell types.
    level
        Nominal coverage.
    others
        The consensus by other sources of the mRNA per cell.
    unknown
        Whether the consensus has no intervals.
    """
    values = coarser.summed(found.values, groups)
    spread = found.between_references
    if spread is not None:
        told = [one.sums[number].between_references for one in members if one.sums]
        # of members without tables of their levels, the most that it can be
        spread = mean(told)[list(values)] if told else coarser.summed(spread, groups)
    missing = values * np.nan
    lower, upper = (missing, missing) if unknown else intervals(members, values, spread, level, silent, groups)
    own = replace(
        found,
        values=values,
        lower=lower,
        upper=upper,
        lower_relative=lower,
        upper_relative=upper,
        mrna=None,
        between_references=spread,
        tables={},
    )
    return widened(own, [coarser.summed(other, groups) for other in others])


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


def _prior(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the record of a prior that all members share, with the mean of how far it moved them."""
    if not records[0]:
        return {}
    moved_by = {
        when: {name: float(np.mean([one[when][name] for one in records])) for name in records[0][when]}
        for when in ("before", "after")
    }
    return {**records[0], **moved_by}


def _refuse_unlike(first: Fractions, other: Fractions) -> None:
    expected = "fractions of the same samples and cell types, by the same mRNA per cell"
    for what, one, two, do in (
        ("cell types", set(first.values.columns), set(other.values.columns), "train the methods on one reference"),
        ("samples", set(first.values.index), set(other.values.index), "estimate the same bulk with every method"),
        ("quantities", first.quantity, other.quantity, "give all the same --mrna-per-cell"),
        (
            "priors",
            {name: first.prior.get(name) for name in ("source", "fractions")},
            {name: other.prior.get(name) for name in ("source", "fractions")},
            "give all the same --prior",
        ),
        (
            "mRNA per cell",
            first.mrna_per_cell.get("values"),
            other.mrna_per_cell.get("values"),
            "give all the same --mrna-per-cell",
        ),
    ):
        if one != two:
            raise DataError(f"{first.method} and {other.method} have different {what}", expected, do)


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
