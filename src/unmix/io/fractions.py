"""Estimated fractions with intervals and flags, and the two tables that contain them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from unmix.errors import DataError
from unmix.io import levels as coarser
from unmix.io import tables
from unmix.io.levels import Levels

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

#: What a table holds, and how its first column says so.
QUANTITIES = {"cell": "cell fraction", "mrna": "mRNA fraction", "purity": "purity", "score": "score"}

#: Columns of ``levels.tsv`` after the sample, and that of several references.
LEVEL_COLUMNS = [
    *("level", "cell_type", "members", "fraction", "lower", "upper", "flag"),
    *("lower_relative", "upper_relative"),
]
BETWEEN = ["between_references"]


@dataclass(frozen=True)
class Fractions:
    """Estimates of one method for one bulk.

    Attributes
    ----------
    values, lower, upper
        Samples x cell types; the estimate and the ends of its interval.
    lower_relative, upper_relative
        Ends of the interval without what is uncertain for all samples alike (the mRNA per cell), for differences
        between samples; None where it is the same interval.
    mrna
        The same estimate as fractions of mRNA; None where it is not known.
    flags
        One string per sample: ``ok`` or reasons joined by ``;``.
    quantity
        A key of :data:`QUANTITIES`.
    level
        Nominal coverage of the intervals.
    mrna_per_cell
        What the fractions were converted with (:class:`unmix.engine.mrna_per_cell.MRNAPerCell`); empty where they
        were not.
    prior
        The declared prior (``source``, ``fractions``) and the means of the types ``before`` and ``after``
        (:mod:`unmix.engine.prior`); empty where none was declared.
    held_out
        Estimates on the held-out pseudobulk that all methods share, in the same quantity and by the same mRNA per
        cell: columns ``sample``, ``cell_type``, ``fraction`` and ``truth``; of several references also ``reference``
        and its ``weight``. None where there are none.
    between_references
        How far the estimates by several references differ (weighted standard deviation, samples x cell types), which
        is part of the intervals. None for one reference.
    samples
        What is known of each sample: ``distance`` from the reference (1: typical of its own pseudobulk), and the share
        of its highest genes that the reference does not express (``unexpressed``).
    unknown_content
        What is said of it: see :func:`unmix.uncertainty.unexpressed.record`.
    method
        Name of the method.
    tables
        Further tables of the method (see :meth:`unmix.contract.method.Method.tables`), by name.
    levels, sums
        Groups of the cell types, and the fractions of the groups of each level with intervals of their own
        (docs/resolution.md); empty where the reference names none.
    """

    values: pd.DataFrame
    lower: pd.DataFrame
    upper: pd.DataFrame
    flags: pd.Series
    quantity: str
    level: float
    lower_relative: pd.DataFrame | None = None
    upper_relative: pd.DataFrame | None = None
    mrna: pd.DataFrame | None = None
    mrna_per_cell: dict[str, Any] = field(default_factory=dict)
    prior: dict[str, Any] = field(default_factory=dict)
    held_out: pd.DataFrame | None = None
    between_references: pd.DataFrame | None = None
    samples: pd.DataFrame | None = None
    unknown_content: dict[str, Any] = field(default_factory=dict)
    method: str = ""
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    levels: Levels = field(default_factory=Levels)
    sums: tuple[Fractions, ...] = ()

    @property
    def leading(self) -> Fractions:
        """The fractions of the finest level that the reference can tell: these themselves, or those of a level."""
        return self.sums[self.levels.leads - 1] if self.levels.leads else self

    def by_groups(self) -> list[tuple[dict[str, str], Fractions]]:
        """Return the groups of every level (cell type to group) with their fractions."""
        return list(zip(self.levels.groups, self.sums, strict=True))

    def around(self, values: pd.DataFrame) -> Fractions:
        """Return other values of the same samples and groups, with these intervals, widened to hold them."""
        held = {"values": values[list(self.values)]}
        for name, end in (("lower", np.minimum), ("upper", np.maximum)):
            for key in (name, f"{name}_relative"):
                table = getattr(self, key)
                held[key] = None if table is None else end(table, held["values"])
        return replace(self, **held)

    def long(self) -> pd.DataFrame:
        """Return one row per sample and cell type, as in ``fractions_long.tsv``."""
        import pandas as pd

        samples, types = self.values.shape
        relative = (
            (self.lower, self.upper) if self.lower_relative is None else (self.lower_relative, self.upper_relative)
        )
        by_sample = {} if self.samples is None else self.samples.to_dict("series")
        between = self.between_references
        return pd.DataFrame(
            {
                "sample": self.values.index.repeat(types),
                "cell_type": list(self.values.columns) * samples,
                "fraction": self.values.to_numpy().ravel(),
                "lower": self.lower.to_numpy().ravel(),
                "upper": self.upper.to_numpy().ravel(),
                "flag": self.flags.to_numpy().repeat(types),
                "quantity": self.quantity,
                "lower_relative": relative[0].to_numpy().ravel(),
                "upper_relative": relative[1].to_numpy().ravel(),
                **{name: column.to_numpy().repeat(types) for name, column in by_sample.items()},
                **({} if between is None else {"between_references": between.to_numpy().ravel()}),
            }
        )


def levels_table(fractions: Fractions) -> pd.DataFrame:
    """Return one row per level, sample and group of cell types, as in ``levels.tsv``."""
    import pandas as pd

    parts = []
    for name, groups, own in zip(fractions.levels.names, fractions.levels.groups, fractions.sums, strict=True):
        part = own.long()
        held = part["cell_type"].map(coarser.listed(groups))
        parts.append(part.drop(columns=["quantity"]).assign(level=name, members=held))
    return pd.concat(parts).set_index("sample")[LEVEL_COLUMNS + BETWEEN * ("between_references" in parts[0])]


def write_fractions(fractions: Fractions, place: Callable[[str], Path]) -> None:
    """Write ``fractions.tsv``, ``fractions_long.tsv``, and where they are known ``fractions_mrna.tsv``, ``levels.tsv``.

    Parameters
    ----------
    fractions
        What to write, with its further tables.
    place
        Gives the path for the name of a file.
    """
    wide = {"fractions": (fractions.values, fractions.quantity)}
    wide |= {} if fractions.mrna is None else {"fractions_mrna": (fractions.mrna, "mrna")}
    for name, (values, quantity) in wide.items():
        tables.write_table(values, place(f"{name}.tsv"), index_label=f"sample ({QUANTITIES[quantity]})")
    tables.write_table(fractions.long().set_index("sample"), place("fractions_long.tsv"), index_label="sample")
    if fractions.held_out is not None:
        tables.write_table(fractions.held_out.set_index("sample"), place("held_out.tsv"), index_label="sample")
    if fractions.sums:
        tables.write_table(levels_table(fractions), place("levels.tsv"), index_label="sample")
    for name, table in fractions.tables.items():
        tables.write_table(table, place(f"{name}.tsv"), index_label="sample")


def read_fractions(path: Path) -> tuple[pd.DataFrame, str]:
    """Read ``fractions.tsv``; return samples x cell types and their quantity.

    A table of another tool, whose first column does not state a quantity, is taken as cell fractions.

    Raises
    ------
    DataError
        If the table holds values that are not numbers, or a sample or cell type twice or without a name.
    """
    table = tables.read_table(path)
    text = table.select_dtypes(exclude="number").columns
    if len(text):
        raise DataError(
            f"{path.name}: column {text[0]!r} holds text",
            "samples x cell types, numbers only (fractions.tsv, not fractions_long.tsv)",
            "give the wide table that unmix_predict.py writes",
        )
    for axis, names in (("sample", table.index), ("cell type", table.columns)):
        if names.has_duplicates or names.isin(["", None]).any() or names.isna().any():
            twice = repr(names[names.duplicated()][0]) if names.has_duplicates else "one without a name"
            raise DataError(
                f"{path.name}: the {axis} {twice} occurs {'twice' if names.has_duplicates else 'in it'}",
                f"every {axis} once, with a name",
                "give the table as unmix_predict.py wrote it",
            )
    label = str(table.index.name or "")
    quantity = next((quantity for quantity, words in QUANTITIES.items() if f"({words})" in label), "cell")
    return table.rename_axis("sample"), quantity


def normalised(estimate: np.ndarray) -> np.ndarray:
    """Return non-negative rows that sum to 1; a row of zeros becomes equal shares."""
    positive = np.clip(estimate, 0, None)
    sums = positive.sum(1, keepdims=True)
    return np.where(sums > 0, positive / np.where(sums > 0, sums, 1), 1 / estimate.shape[1])
