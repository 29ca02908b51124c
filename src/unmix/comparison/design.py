"""The design matrix of a contrast, with every reason why it cannot answer the question."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from unmix.comparison.samples import column
from unmix.errors import DataError
from unmix.io.text import show

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from unmix.comparison.contrasts import Contrast

#: Different numbers from which on a column of numbers may be an amount, so that its kind must be said.
MANY = 3
#: Share of a sample's scatter that the fit leaves, below which none is seen.
ALONE = 1e-9


@dataclass(frozen=True)
class Kinds:
    """Which columns of numbers are amounts, and which are names of groups.

    Attributes
    ----------
    continuous, categorical
        Names of columns.
    """

    continuous: Collection[str] = ()
    categorical: Collection[str] = ()

    def is_number(self, values: pd.Series) -> bool:
        """Say whether a column is a number for the model.

        Raises
        ------
        DataError
            If it holds numbers and may be either; or text where it is said to be a number; or is said to be both.
        """
        name, known = str(values.name), values[values != ""]
        numbers = pd.to_numeric(known, errors="coerce")
        if name in self.continuous and name in self.categorical:
            raise DataError(f"{name!r} is said to be continuous and categorical", "one of them", "remove one option")
        if name in self.continuous:
            if (bad := numbers.isna() | np.isinf(numbers)).any():
                raise DataError(
                    f"the column {name!r} holds {known[bad].iloc[0]!r} (sample {known.index[bad][0]!r})",
                    "finite numbers, because it is said to be continuous",
                    "correct the cell, or leave it empty",
                )
            return True
        if name not in self.categorical and len(known) and numbers.notna().all() and known.nunique() >= MANY:
            raise DataError(
                f"the column {name!r} holds the numbers {show(known.unique())}",
                "to know whether they are amounts or names of groups",
                f"--continuous '{name}' for amounts, --categorical '{name}' for names",
            )
        return False


@dataclass(frozen=True)
class Design:
    """What is fitted for one contrast.

    Attributes
    ----------
    contrast
        The question.
    group
        Value of the variable by sample, of the samples that are compared.
    matrix
        Rows x columns; the second column is that of the question, the first the intercept.
    averaged
        Rows x samples: each row is the mean of these samples (one sample each, or those of one block).
    notes
        What was left out or averaged, in sentences.
    """

    contrast: Contrast
    group: pd.Series
    matrix: np.ndarray
    averaged: np.ndarray
    notes: list[str]

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the standard error (Bell & McCaffrey 2002); those of Welch for two groups."""
        return self._variance[1]

    @cached_property
    def _inverse(self) -> np.ndarray:
        return np.linalg.pinv(self.matrix)

    @cached_property
    def _variance(self) -> tuple[np.ndarray, float]:
        """Return the weights of the squared residuals in the variance of the effect, and its degrees of freedom.

        Groups may differ in scatter (HC2). Where one sample alone decides on a part of the effect, its scatter is
        not seen, and that of all is taken.
        """
        effect, left = self._inverse[1], np.eye(len(self.matrix)) - self.matrix @ self._inverse
        seen = left.diagonal()
        alone = seen < ALONE
        if (np.abs(effect[alone]) > ALONE).any():
            rest = len(self.matrix) - np.linalg.matrix_rank(self.matrix)
            return np.full(len(effect), (effect @ effect) / rest), float(rest)
        scaled = np.where(alone, 0.0, effect / np.sqrt(np.where(alone, 1.0, seen)))
        gram = scaled[:, None] * (left @ left.T) * scaled
        return scaled**2, float(np.trace(gram) ** 2 / (gram**2).sum())

    def fit(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the effect in every column of values (... x samples x types), and its standard error.

        Ordinary least squares, with an error that allows groups of unequal scatter; both are ... x types.
        """
        rows = self.averaged @ values
        coefficients = self._inverse @ rows
        residuals = rows - self.matrix @ coefficients
        return coefficients[..., 1, :], np.sqrt(np.einsum("n,...nk->...k", self._variance[0], residuals**2))


def design(table: pd.DataFrame, contrast: Contrast, kinds: Kinds, block: str | None = None) -> Design:
    """Return the design of a contrast.

    Parameters
    ----------
    table
        Of the samples that have fractions (:func:`unmix.comparison.samples.read_samples`).
    contrast
        The question; its `blocking` may contain `block`.
    kinds
        Of the columns of numbers.
    block
        Column of the persons or other units that gave several samples. Blocks that have samples of both groups are
        compared within themselves. Where every block has one value of the variable, its samples are averaged, since
        they are no repetitions of the comparison.

    Raises
    ------
    DataError
        If a group has one sample only, the variable or a covariate does not vary, a covariate cannot be told from the
        variable, or there are not enough samples for what is estimated.
    """
    notes: list[str] = []
    blocking = [name for name in contrast.blocking if name not in (block, contrast.variable)]
    table = _chosen(table, contrast, [*blocking, *([block] if block else [])], notes.append)
    given = table[contrast.variable]
    if contrast.continuous:
        kinds = Kinds({*kinds.continuous, contrast.variable}, set(kinds.categorical) - {contrast.variable})
    _check_groups(given, contrast, kinds)
    asked = given.astype(float) if contrast.continuous else (given == contrast.target).astype(float)
    averaged, paired = np.eye(len(table)), False
    columns = {name: columns_of(table[name], kinds, notes.append) for name in blocking}
    if block:
        averaged, paired = _by_block(table[block], asked, notes.append)
    if paired:
        columns[block] = columns_of(table[block], Kinds(categorical={block}), notes.append)
    columns = {name: averaged @ found for name, found in columns.items() if found.shape[1]}
    start = averaged @ np.column_stack([np.ones(len(table)), asked])
    if not contrast.continuous and min((start[:, 1] == 0).sum(), (start[:, 1] == 1).sum()) < 2 and not paired:
        raise DataError(
            f"{contrast.id}: a group of one {block!r} only",
            f"two {block!r} or more in each group",
            "add samples of others",
        )
    _check_separable(start, columns, contrast)
    found = Design(contrast, given, np.column_stack([start, *columns.values()]), averaged, notes)
    if len(found.matrix) <= np.linalg.matrix_rank(found.matrix):
        raise DataError(
            f"{contrast.id}: {len(found.matrix)} samples or blocks for {found.matrix.shape[1]} coefficients",
            "more samples than coefficients",
            "leave out covariates, or add samples",
        )
    return found


def _chosen(table: pd.DataFrame, contrast: Contrast, others: list[str], say: Callable[[str], None]) -> pd.DataFrame:
    """Return the samples of the contrast's values that have a value in all columns used."""
    if contrast.excluded_column:
        table = table[~table[contrast.excluded_column].isin(contrast.excluded)]
    if not contrast.continuous:
        table = table[table[contrast.variable].isin([contrast.reference, contrast.target, ""])]
    for name in (contrast.variable, *others):
        missing = column(table, name, "a column of the model") == ""
        if missing.any():
            say(
                f"{contrast.id}: left out, because {name!r} is missing: {show(table.index[missing])} ({missing.sum()})."
            )
            table = table[~missing]
    return table


def _check_groups(given: pd.Series, contrast: Contrast, kinds: Kinds) -> None:
    if contrast.continuous:
        if not kinds.is_number(given) or given.astype(float).nunique() < MANY:
            raise DataError(
                f"{contrast.id}: the column {contrast.variable!r} has {given.nunique()} different values",
                f"{MANY} or more numbers, for a slope",
                "compare groups instead (without --continuous)",
            )
        return
    for value in (contrast.reference, contrast.target):
        if (number := int((given == value).sum())) < 2:
            raise DataError(
                f"{contrast.id}: {number or 'no'} sample{'s' * (number != 1)} of {contrast.variable} {value!r}",
                "two samples or more in each group, because one has no scatter",
                "add samples, or leave this contrast out",
            )


def columns_of(values: pd.Series, kinds: Kinds, say: Callable[[str], None]) -> np.ndarray:
    """Return the columns of the design of a covariate (samples x columns), centred; none if it is constant."""
    if values.nunique() < 2:
        say(f"{values.name!r} is the same in all samples compared and is not used.")
        return np.zeros((len(values), 0))
    if kinds.is_number(values):
        numbers = values.astype(float).to_numpy()
        return ((numbers - numbers.mean()) / numbers.std())[:, None]
    return pd.get_dummies(values, dtype=float).to_numpy()[:, 1:]


def _by_block(block: pd.Series, asked: pd.Series, say: Callable[[str], None]) -> tuple[np.ndarray, bool]:
    """Return how samples are averaged (rows x samples), and whether they are compared within blocks."""
    if block.nunique() == len(block):
        say(f"Every {block.name!r} has one sample, so that there is nothing to pair.")
        return np.eye(len(block)), False
    if (asked.groupby(block).nunique() > 1).any():
        return np.eye(len(block)), True
    say(
        f"Every {block.name!r} has one value of {asked.name!r}, so the samples of each were averaged: "
        f"{block.nunique()} from {len(block)} samples."
    )
    member = pd.get_dummies(block, dtype=float).to_numpy().T
    return member / member.sum(1, keepdims=True), False


def _check_separable(start: np.ndarray, columns: dict[str, np.ndarray], contrast: Contrast) -> None:
    """Raise DataError where the variable is a combination of the other columns."""

    def determined(names: Collection[str]) -> bool:
        others = np.column_stack([start[:, :1], *(columns[name] for name in names)])
        return np.linalg.matrix_rank(np.column_stack([others, start[:, 1]])) == np.linalg.matrix_rank(others)

    if not determined(columns):
        return
    alone = [name for name in columns if determined([name])] or list(columns)
    raise DataError(
        f"{contrast.id}: {contrast.variable!r} cannot be told from {' and '.join(map(repr, alone))}: "
        + ("each of its values occurs in one group only" if len(alone) == 1 else "together they determine it"),
        "a covariate that varies within the groups",
        f"leave out {' or '.join(map(repr, alone))}",
    )
