"""What a comparison gives, and its tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from unmix.io import tables

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

#: Significant digits of the tables.
DIGITS = 6


@dataclass(frozen=True)
class Comparison:
    """What differs between groups.

    Attributes
    ----------
    effects
        A row per contrast and cell type (:data:`unmix.comparison.effects.COLUMNS`).
    groups
        Samples of each contrast: ``contrast``, ``sample``, ``value``.
    survival, curves
        Of :func:`unmix.comparison.survival.survival`; None without time and event, or with too few events.
    covariates, loadings
        Of :func:`unmix.comparison.covariates.covariates`.
    notes
        What was left out, assumed and found, in sentences.
    facts
        Options and numbers for a run record.
    """

    effects: pd.DataFrame
    groups: pd.DataFrame
    survival: pd.DataFrame | None
    curves: pd.DataFrame | None
    covariates: pd.DataFrame
    loadings: pd.DataFrame
    notes: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Say what was compared."""
        return f"Comparison of {self.groups['contrast'].nunique()} contrasts, {len(self.loadings) - 1} cell types"


def write(comparison: Comparison, place: Callable[[str], Path]) -> None:
    """Write the tables of a comparison; `place` gives the path for the name of a file."""
    first = {
        "effects": (comparison.effects, "contrast"),
        "groups": (comparison.groups, "contrast"),
        "survival": (comparison.survival, "cell_type"),
        "survival_curves": (comparison.curves, "cell_type"),
    }
    for name, (table, index) in first.items():
        if table is not None:
            tables.write_table(_rounded(table.set_index(index)), place(f"{name}.tsv"), index_label=index)
    tables.write_table(_rounded(comparison.covariates), place("covariates.tsv"), index_label="sample")
    tables.write_table(_rounded(comparison.loadings), place("loadings.tsv"), index_label="cell_type")


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose fractional numbers have so many digits that every machine gives the same."""
    numbers = table.select_dtypes("floating")
    return table.assign(**{str(name): numbers[name].map(lambda one: float(f"{one:.{DIGITS}g}")) for name in numbers})
