"""A declared prior on the mean composition of a cohort.

Levels are known less well than differences between samples: all samples share the errors of a reference, of the markers
and of the mRNA per cell. Who knows what a cohort contains in the mean, as PBMC of healthy adults, may declare it. Every
type is then multiplied by one factor in all samples. With x, the centred logarithms of the estimated means, p those of
the prior and sd their standard deviations between cohorts, the levels become

    y = x + w (p - x),    w = s^2 / (s^2 + t^2),    t^2 = sd^2 (3 + (y - p)^2 / sd^2) / 4

with s = 0.2, the error of an estimated level: a normal error, and Student's t with 3 degrees of freedom for the prior,
so that a cohort which is far from the prior is moved little.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unmix.engine.cell_fractions import moved, pooled, states_as
from unmix.errors import DataError, UsageError
from unmix.io import blood, tables
from unmix.io import levels as coarser

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from unmix.io.fractions import Fractions

#: Priors that come with the program: a table in the package's data, by terms of the Cell Ontology.
PUBLISHED = ("pbmc",)
#: What ``--prior`` may be beside a file.
WORDS = ("none", *PUBLISHED)
#: Error of an estimated level, degrees of freedom of the prior, and rounds in which its weight settles.
WIDTH, FREEDOM, ROUNDS = 0.2, 3, 20
#: Standard deviation of logarithms for a table that gives none.
SD = 0.3
#: Tables of fractions that a prior moves.
PARTS = ("values", "lower", "upper", "lower_relative", "upper_relative")
#: Samples below which the mean of a cohort says little.
FEW = 6
EXPECTED = "a table with the columns cell_type and fraction (above 0), and sd of the logarithm if known"


@dataclass(frozen=True)
class Prior:
    """A declared mean composition.

    Attributes
    ----------
    source
        ``pbmc``, or ``table``.
    table
        By cell type (or term of the Cell Ontology): ``fraction``, and ``sd`` of its natural logarithm; a published one
        may name a further term whose types belong to it (``also``: regulatory T cells are CD4 T cells).
    """

    source: str
    table: pd.DataFrame

    def members(self, types: Sequence[str]) -> list[list[str]]:
        """Return the labels that belong to each row of the table: of its type or of a narrower one.

        Raises
        ------
        DataError
            A row has none.
        """
        if self.source not in PUBLISHED:
            found = [[label] if label in types else [] for label in self.table.index]
        else:
            terms = blood.recognise(types)
            found = []
            for row, also in self.table["also"].fillna("").items():
                found.append([label for label, term in terms.items() if {row, also} & {term, *blood.broader(term)}])
        if missing := [_name(row) for row, labels in zip(self.table.index, found, strict=True) if not labels]:
            raise DataError(
                f"--prior {self.source} names {', '.join(map(repr, missing))}, which is not among {', '.join(types)}",
                "a cell type for every line of the prior",
                "map the labels to these names (--label-map), or give a table of your own: cell_type, fraction",
            )
        return found

    def composition(self, types: Sequence[str]) -> np.ndarray:
        """Return the prior alone as fractions of the types; labels that share a line have equal parts, others none."""
        values = dict.fromkeys(types, 0.0)
        for labels, fraction in zip(self.members(types), self.table["fraction"], strict=True):
            values |= dict.fromkeys(labels, fraction / len(labels))
        found = np.array(list(values.values()))
        return found / found.sum()


def read_prior(source: str | Path | pd.DataFrame | pd.Series | Mapping[str, float] | None) -> Prior | None:
    """Return the prior that is named or given; None for ``none``.

    Raises
    ------
    UsageError
        There is no such prior and no such file.
    DataError
        The table has other columns, fewer than two types, or numbers that are not above 0.
    """
    import pandas as pd

    if source is None or (isinstance(source, str) and source in ("none", "")):
        return None
    if isinstance(source, Prior):
        return source
    if isinstance(source, (str, Path)):
        if str(source) in PUBLISHED:
            with resources.as_file(resources.files("unmix.data") / f"prior_{source}.tsv") as path:
                return Prior(str(source), pd.read_csv(path, sep="\t", index_col=0))
        if not Path(source).exists():
            expected = f"one of {', '.join(PUBLISHED)}, none, or {EXPECTED}"
            raise UsageError(f"--prior {source}: no such prior and no such file", expected, "correct the name")
        return Prior("table", _checked(tables.read_table(source), Path(source).name))
    table = source if isinstance(source, pd.DataFrame) else pd.Series(source, dtype=float).to_frame("fraction")
    return Prior("table", _checked(table, "the prior"))


def _checked(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the columns of a table of a prior."""
    import pandas as pd

    if "fraction" not in table:
        raise DataError(f"{name} has no column 'fraction'", EXPECTED, "name the column")
    table = table.assign(sd=table.get("sd", SD))[["fraction", "sd"]].apply(pd.to_numeric, errors="coerce")
    usable = np.isfinite(table).all(axis=None) and (table > 0).all(axis=None)
    if len(table) < 2 or not table.index.is_unique or not usable:
        raise DataError(f"{name} is not a prior", f"{EXPECTED}; two cell types or more, each once", "correct the table")
    return table


def applied(fractions: Fractions, prior: Prior, say: Callable[[str], None]) -> Fractions:
    """Return fractions whose cohort mean is drawn to a prior.

    Types that the prior does not name keep their share of the cohort. Intervals are moved as the estimates are.

    Parameters
    ----------
    fractions
        Of cells.
    prior
        Of :func:`read_prior`.
    say
        Takes how far every type was moved.

    Raises
    ------
    DataError
        The fractions are not of cells, there is one sample, or the prior names a type that is not there.
    """
    import pandas as pd

    if fractions.quantity in ("score", "purity"):
        say(f"The prior is not used: {fractions.method} gives a {fractions.quantity} and no fractions.")
        return fractions
    if fractions.quantity != "cell" or len(fractions.values) < 2:
        what = "one sample" if fractions.quantity == "cell" else "fractions of mRNA"
        raise DataError(
            f"--prior {prior.source} and {what}",
            "fractions of cells in the samples of a cohort",
            "remove --prior" + ("" if what == "one sample" else ", or give a source of mRNA per cell"),
        )
    values = fractions.values
    mean, groups = values.mean(), prior.members(list(values))
    before = np.array([mean[labels].sum() for labels in groups])
    after = levels(before, prior.table["fraction"].to_numpy(), prior.table["sd"].to_numpy())
    factors = pd.Series(1.0, values.columns)
    for labels, ratio in zip(groups, after / np.maximum(before, 1e-12), strict=True):
        factors[labels] = ratio
    parts = _moved(fractions, factors)
    mrna = None if fractions.mrna is None else moved(fractions.mrna, fractions.mrna, factors)
    further = dict(fractions.tables)
    if "states" in further:
        further["states"] = states_as(further["states"], values, parts["values"])
    new = parts["values"].mean()
    names = list(map(_name, prior.table.index)) if prior.source in PUBLISHED else list(prior.table.index)
    record = {
        "source": prior.source,
        "fractions": dict(zip(names, prior.table["fraction"].astype(float), strict=True)),
        "before": {name: round(float(mean[name]), 4) for name in values},
        "after": {name: round(float(new[name]), 4) for name in values},
    }
    say(sentence(record))
    if len(values) < FEW:
        say(f"The prior is on the mean of a cohort, and {len(values)} samples say little about that mean.")
    sums = []
    for group_of, own in fractions.by_groups():
        of_groups = _moved(own, pooled(values, factors, group_of))
        sums.append(replace(own, **of_groups).around(coarser.summed(parts["values"], group_of)))
    return replace(fractions, **parts, mrna=mrna, tables=further, prior=record, sums=tuple(sums))


def _moved(fractions: Fractions, factors: pd.Series | pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the estimates and the ends of their intervals with every type weighted by its factor."""
    tables_of = {name: getattr(fractions, name) for name in PARTS}
    return {name: moved(fractions.values, part, factors) for name, part in tables_of.items() if part is not None}


def levels(estimated: np.ndarray, declared: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """Return levels between the estimated and the declared ones (each: types), with the sum of the estimated."""
    x, p = (np.log(np.maximum(part, 1e-6)) for part in (estimated, declared))
    x, p = x - x.mean(), p - p.mean()
    y = x
    for _ in range(ROUNDS):
        t2 = sd**2 * (FREEDOM + ((y - p) / sd) ** 2) / (FREEDOM + 1)
        y = x + WIDTH**2 / (WIDTH**2 + t2) * (p - x)
    found = np.exp(y)
    return found * (estimated.sum() / found.sum())


def sentence(record: Mapping[str, Any]) -> str:
    """Say how far a prior moved the mean of every type."""
    parts = [f"{name} {record['before'][name]:.1%} to {record['after'][name]:.1%}" for name in record["after"]]
    which = "the given table" if record["source"] == "table" else record["source"]
    return f"The declared prior ({which}) moved the means over samples: {', '.join(parts)}."


def _name(row: str) -> str:
    return blood.name(row) if row in blood.table().index else row
