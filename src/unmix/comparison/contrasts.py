"""The questions of a comparison: a contrasts file, or the contrasts of one column."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from unmix.comparison.samples import column, repeated
from unmix.errors import DataError
from unmix.io import tables
from unmix.io.text import show

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: Columns of a contrasts file, as nf-core/differentialabundance names them.
NEEDED = ("id", "variable", "reference", "target")
OPTIONAL = ("blocking", "exclude_samples_col", "exclude_samples_values")
#: Names of a group that others are compared with.
CONTROLS = frozenset(
    {
        "control",
        "ctrl",
        "controls",
        "healthy",
        "normal",
        "untreated",
        "vehicle",
        "placebo",
        "wt",
        "wildtype",
        "baseline",
    }
)
CONTRASTS = f"a table with the columns {', '.join(NEEDED)}, and optionally {', '.join(OPTIONAL)}"


@dataclass(frozen=True)
class Contrast:
    """One question: target against reference, or the slope along a continuous variable.

    Attributes
    ----------
    id
        Name of the contrast.
    variable
        Column of the sample table.
    reference, target
        Its values that are compared; both empty for a continuous variable.
    blocking
        Columns whose effect is taken out: blocks and covariates.
    excluded_column, excluded
        Samples with one of these values in this column are left out.
    """

    id: str
    variable: str
    reference: str = ""
    target: str = ""
    blocking: tuple[str, ...] = ()
    excluded_column: str = ""
    excluded: tuple[str, ...] = ()

    @property
    def continuous(self) -> bool:
        """Whether the variable is a number."""
        return not self.target

    def with_blocking(self, names: Sequence[str]) -> Contrast:
        """Return the contrast with further columns whose effect is taken out."""
        return replace(self, blocking=tuple(dict.fromkeys((*self.blocking, *names))))


def read_contrasts(contrasts: Path | str | pd.DataFrame, table: pd.DataFrame) -> list[Contrast]:
    """Read a contrasts file as nf-core/differentialabundance takes it (TSV or CSV).

    A row whose reference and target are empty asks for the slope along a continuous variable.

    Parameters
    ----------
    contrasts
        A file, or a table in memory.
    table
        Of :func:`read_samples`.

    Raises
    ------
    DataError
        Not such a table, an identifier twice, or a value that no sample has.
    UsageError
        A column that the sample table lacks.
    """
    if isinstance(contrasts, pd.DataFrame):
        name, rows = "the table of contrasts", contrasts.astype(object).where(contrasts.notna(), "").astype(str)
    else:
        name = Path(contrasts).name
        if name.endswith((".yml", ".yaml")):
            raise DataError(f"{name} is YAML", CONTRASTS, "write the contrasts as a table (CSV or TSV)")
        rows = tables.read_text(contrasts)
    if missing := [one for one in NEEDED if one not in rows]:
        raise DataError(f"{name} has no column {missing[0]!r}; it has {', '.join(rows)}", CONTRASTS, "add the column")
    if unknown := [one for one in rows if one not in (*NEEDED, *OPTIONAL)]:
        raise DataError(f"{name}: unknown column {unknown[0]!r}", CONTRASTS, "remove the column")
    found = [_contrast(row, table, name) for row in rows.mask(rows.isin({"NA", "nan"}), "").to_dict("records")]
    if len(twice := repeated(pd.Index([one.id for one in found]))):
        raise DataError(f"{name}: the contrast {twice[0]!r} occurs twice", "a name of its own for each", "rename one")
    return found


def _contrast(row: dict[str, str], table: pd.DataFrame, name: str) -> Contrast:
    def parts(key: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in re.split("[;,]", row.get(key, "")) if part.strip())

    what = f"{name}, contrast {row['id']!r}"
    contrast = Contrast(
        *(row[key] for key in NEEDED),
        parts("blocking"),
        row.get("exclude_samples_col", ""),
        parts("exclude_samples_values"),
    )
    if not contrast.id or bool(contrast.reference) != bool(contrast.target):
        raise DataError(
            f"{what}: id, reference or target is empty",
            "an id; reference and target both, or neither for a continuous variable",
            "fill the cell",
        )
    if contrast.target and contrast.reference == contrast.target:
        raise DataError(
            f"{what}: reference and target are both {contrast.target!r}", "two values", "correct one of them"
        )
    if bool(contrast.excluded_column) != bool(contrast.excluded):
        both = "exclude_samples_col and exclude_samples_values"
        raise DataError(f"{what}: one of {both} is empty", "both or neither", "fill the cell")
    values = {contrast.variable: (contrast.reference, contrast.target), contrast.excluded_column: contrast.excluded}
    for variable, wanted in values.items():
        if variable:
            _check_values(column(table, variable, what), [one for one in wanted if one], what)
    for variable in contrast.blocking:
        column(table, variable, what)
    return contrast


def _check_values(given: pd.Series, wanted: Sequence[str], what: str) -> None:
    known = [value for value in given.unique() if value]
    for value in wanted:
        if value not in known:
            near = difflib.get_close_matches(value, known, n=1, cutoff=0.6)
            raise DataError(
                f"{what}: no sample has the value {value!r} in the column {given.name!r}",
                f"one of {show(known, 9)}",
                f"perhaps {near[0]!r}" if near else "correct the value",
            )


def contrasts_of(
    table: pd.DataFrame,
    variable: str,
    reference: str | None,
    blocking: tuple[str, ...],
    continuous: bool,
    say: Callable[[str], None],
) -> list[Contrast]:
    """Return the contrasts of one variable: its slope, or every value against the reference.

    Parameters
    ----------
    table
        Of :func:`read_samples`, the samples that are compared.
    variable
        A column.
    reference
        Value that the others are compared with. By default the one that is named like a control, if one is, else the
        first of the table.
    blocking
        As in :class:`Contrast`.
    continuous
        Whether the variable is a number.
    say
        Takes a sentence on a reference that was not named.

    Raises
    ------
    DataError
        If the variable has one value only, or does not have the reference.
    """
    given = column(table, variable, "the condition")
    if continuous:
        return [Contrast(variable, variable, blocking=blocking)]
    values = [value for value in given.unique() if value]
    if len(values) < 2:
        raise DataError(
            f"the column {variable!r} has {'the value ' + repr(values[0]) if values else 'no value'} in all samples",
            "two groups or more",
            "compare other samples, or another column (--condition)",
        )
    if reference is not None:
        _check_values(given, [reference], "--reference")
    else:
        controls = [value for value in values if re.sub(r"[\W_]+", "", value.casefold()) in CONTROLS]
        reference = controls[0] if len(controls) == 1 else values[0]
        say(f"{variable}: the others are compared with {reference!r}; --reference takes another.")
    return [
        Contrast(f"{value} vs {reference}", variable, reference, value, blocking)
        for value in values
        if value != reference
    ]
