"""Compare the composition of groups of samples, from fractions with intervals and a table of samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from unmix.comparison import composition as compositions
from unmix.comparison import contrasts as questions_of
from unmix.comparison import samples as sample_tables
from unmix.comparison import survival
from unmix.comparison.covariates import covariates as as_covariates
from unmix.comparison.design import Kinds, design
from unmix.comparison.effects import COLUMNS, effects
from unmix.comparison.result import Comparison
from unmix.contract.method import silent
from unmix.errors import DataError, UsageError
from unmix.io.text import show

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from unmix.comparison.composition import Composition
    from unmix.comparison.contrasts import Contrast
    from unmix.io.fractions import Fractions

#: What the reader of every comparison should know.
RELATIVE = (
    "Fractions of a sample sum to 1: where one cell type rises, others fall, and fractions alone do not tell which of "
    "them changed in number. The log2 ratios are relative to {}."
)
#: What its reader should know of the intervals and of the q values.
CONSERVATIVE = (
    "The intervals of the effects hold the scatter of the samples, and the intervals of the fractions as an error that "
    "all samples of a cell type share. The table does not tell which part is shared, so all of it counts, which makes "
    "these intervals rather too wide. An error beyond the intervals of the fractions is not covered. p and q values "
    "come from the scatter: an error that all samples share makes no difference where there is none."
)
#: q value below which a sentence names a cell type.
SHOWN = 0.05
#: Flag of samples whose estimates carry no information.
EMPTY = "no_expression"
#: Columns of the sample table that name blocks unless another is given.
BLOCKS = ("block", "donor")


def compare(
    fractions: Path | str | pd.DataFrame | Fractions,
    samples: Path | str | pd.DataFrame,
    contrasts: Path | str | pd.DataFrame | None = None,
    *,
    condition: str | None = None,
    reference: str | None = None,
    block: str | None = None,
    covariates: Sequence[str] = (),
    continuous: Sequence[str] = (),
    categorical: Sequence[str] = (),
    reference_types: Sequence[str] = (),
    resolution: str | None = None,
    time: str | None = None,
    event: str | None = None,
    draws: int = 100,
    level: float = 0.9,
    seed: int = 0,
    say: Callable[[str], None] = silent,
) -> Comparison:
    """Compare the composition of samples between groups, along a number, and with survival.

    Parameters
    ----------
    fractions
        ``fractions_long.tsv``, a table of the same columns, or what :func:`unmix.predict` returns.
    samples
        Table of samples: ``sample``, ``condition``, and columns of the user's own; a file or in memory.
    contrasts
        Questions as nf-core/differentialabundance takes them (``id``, ``variable``, ``reference``, ``target``,
        ``blocking``, ``exclude_samples_col``, ``exclude_samples_values``). Without them every value of `condition` is
        compared with `reference`.
    condition, reference
        Column and value, where no contrasts are given; by default ``condition``, and the value named like a control or
        else the first.
    block
        Column of the persons or other units that gave several samples; by default ``block`` or ``donor`` if there is
        such a column.
    covariates
        Columns whose effect is taken out of every contrast.
    continuous, categorical
        Columns of numbers that are amounts, or names of groups.
    reference_types
        Cell types that the log-ratios are relative to; by default all.
    resolution
        Value of the column ``level`` of `fractions`.
    time, event
        Columns of the survival; by default ``time`` and ``event`` where the table has both.
    draws
        Number of draws from the intervals.
    level
        Nominal coverage of the intervals of the effects.
    seed
        Of the draws.
    say
        Takes sentences.

    Raises
    ------
    DataError
        The tables cannot be used; the message says why and what to do.
    UsageError
        A column or cell type that does not exist.
    NotApplicable
        The table holds scores.

    Examples
    --------
    >>> import pandas as pd, unmix
    >>> reference, bulk = unmix.toy()
    >>> fractions = unmix.predict(unmix.train("nnls", reference), bulk)
    >>> samples = pd.DataFrame({"sample": bulk.obs_names, "condition": ["healthy", "ill"] * 12})
    >>> unmix.compare(fractions, samples)
    Comparison of 1 contrasts, 6 cell types
    """
    notes: list[str] = []

    def note(sentence: str) -> None:
        notes.append(sentence)
        say(sentence)

    found = compositions.read(fractions, resolution, note)
    table = sample_tables.read_samples(samples)
    shared = sample_tables.match(list(found.values.index), list(table.index), note)
    shared = _informative(found, shared, note)
    found, table = found.of(shared), table.loc[shared]
    reference_types = sample_tables.named(reference_types, found.cell_types)
    relative = _reference(found, reference_types)
    covariates, *numbers = (sample_tables.named(names, table) for names in (covariates, continuous, categorical))
    kinds = Kinds(*numbers)
    blocks = block or next((name for name in BLOCKS if name in table), None)
    if blocks:
        sample_tables.column(table, blocks, "the block")
    times = survival.columns(table, time, event)
    questions = _questions(table, contrasts, condition, reference, covariates, kinds, bool(times), note)
    options = {"drawn": draws, "reference": relative, "level": level, "seed": seed}
    designs = [design(table, one, kinds, blocks) for one in questions]
    for one in designs:
        for sentence in one.notes:
            note(sentence)
    rows = [_effects(found, one, **options) for one in designs]
    for one in rows:
        note(_in_words(one))
    hazards, curves = (
        survival.survival(found, table, times, covariates, kinds, options, note) if times else (None, None)
    )
    note(RELATIVE.format(f"the geometric mean of {'all cell types' if relative.all() else show(reference_types)}"))
    if found.level and (designs or times):
        note(CONSERVATIVE)
    groups = [
        pd.DataFrame({"contrast": one.contrast.id, "sample": one.group.index, "value": one.group.to_numpy()})
        for one in designs
    ]
    facts = {
        "quantity": found.quantity,
        "samples": len(shared),
        "draws": draws if found.level else 0,
        "level": level,
        "level_of_fractions": found.level,
        "reference_types": list(reference_types),
        "block": blocks,
        "covariates": list(covariates),
        "notes": notes,
    }
    return Comparison(
        pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=list(COLUMNS)),
        pd.concat(groups, ignore_index=True) if groups else pd.DataFrame(columns=["contrast", "sample", "value"]),
        hazards,
        curves,
        *as_covariates(found, relative),
        notes,
        facts,
    )


def _informative(found: Composition, shared: list[str], say: Callable[[str], None]) -> list[str]:
    """Return the samples whose estimates carry information; name those that are flagged otherwise."""
    reasons = {name: found.flags[name].split(";") for name in shared}
    empty = [name for name in shared if EMPTY in reasons[name]]
    if empty:
        say(f"Left out, because they are flagged {EMPTY}: {show(empty)}.")
    flagged = [name for name in shared if name not in empty and reasons[name] != ["ok"]]
    if flagged:
        do = "Remove them from the sample table to leave them out."
        say(f"Compared although flagged ({len(flagged)}): {show(flagged)}. {do}")
    kept = [name for name in shared if name not in empty]
    if len(kept) < 3:
        raise DataError(
            f"{len(kept)} samples have fractions and a row in the sample table", "three or more", "check both tables"
        )
    return kept


def _reference(found: Composition, names: Sequence[str]) -> np.ndarray:
    """Return the mask of the types that the ratios are relative to."""
    if unknown := [name for name in names if name not in found.cell_types]:
        raise UsageError(
            f"--reference-type {unknown[0]}: no such cell type", f"one of {', '.join(found.cell_types)}", "correct it"
        )
    return np.isin(found.cell_types, list(names)) if names else np.ones(len(found.cell_types), bool)


def _questions(
    table: pd.DataFrame,
    contrasts: Path | str | pd.DataFrame | None,
    condition: str | None,
    reference: str | None,
    covariates: tuple[str, ...],
    kinds: Kinds,
    has_survival: bool,
    say: Callable[[str], None],
) -> list[Contrast]:
    """Return the contrasts that are asked for; none where only survival is."""
    for name in covariates:
        sample_tables.column(table, name, "a covariate")
    for name in (*kinds.continuous, *kinds.categorical):
        sample_tables.column(table, name, "continuous or categorical")
    if contrasts is not None:
        if condition or reference:
            raise UsageError("--condition and --reference stand beside --contrasts", "one of both", "leave them out")
        return [one.with_blocking(covariates) for one in questions_of.read_contrasts(contrasts, table)]
    if condition is None and "condition" not in table and has_survival:
        return []
    name = condition or "condition"
    numbers = kinds.is_number(sample_tables.column(table, name, "the condition"))
    return questions_of.contrasts_of(table, name, reference, covariates, numbers, say)


def _effects(
    found: Composition, one: Any, *, drawn: int, reference: np.ndarray, level: float, seed: int
) -> pd.DataFrame:
    """Return the effects of one design, with the same draws whatever other contrasts there are."""
    chosen = found.of(list(one.group.index))
    return effects(chosen, one, chosen.draws(drawn, np.random.default_rng(seed)), reference, level)


def _in_words(table: pd.DataFrame) -> str:
    """Say which cell types differ in a contrast."""
    clear = table[table["q_value"] < SHOWN].sort_values("p_value")
    said = [f"{row.cell_type} ({row.log2_ratio:+.2g})" for row in clear.itertuples()]
    name = table["contrast"].iloc[0]
    if not said:
        return f"{name}: no cell type has q < {SHOWN:g}."
    return f"{name}: q < {SHOWN:g} for {len(said)} of {len(table)} cell types (log2 ratio): {', '.join(said)}."
