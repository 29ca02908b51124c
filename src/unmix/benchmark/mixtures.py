"""Pseudobulk of one test: cells that no method has seen, in fractions that a scenario asks for."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from unmix.reference import Reference
from unmix.simulate.pseudobulk import Simulator

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import anndata as ad
    import pandas as pd

    from unmix.benchmark.scenarios import Counts, Level

#: Samples of a ladder of shares: 25 for each type and each of six shares.
LADDER = 300


@dataclass(frozen=True)
class Taught:
    """What methods learn from: the cells, the types in them by their own names, and those that were left out."""

    name: str
    title: str
    cells: ad.AnnData
    types: list[str]
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Drawn:
    """Pseudobulk with known fractions.

    Attributes
    ----------
    scenario, level
        As the table names them; the level names the types that the methods did not learn from too.
    bulk
        Samples x genes, counts.
    truth
        Samples x types that methods estimate (or their sums), for each of `cells` and `RNA`.
    sums
        Group to its types, where the truth is of groups.
    """

    scenario: str
    level: str
    bulk: ad.AnnData
    truth: Mapping[Counts, pd.DataFrame]
    sums: Mapping[str, list[str]] = field(default_factory=dict)


def draw(
    scenario: str,
    level: Level,
    taught: Taught,
    source: ad.AnnData,
    coarse: Mapping[str, str],
    samples: int,
    seed: int,
) -> Drawn:
    """Draw the pseudobulk of one level.

    Parameters
    ----------
    scenario, level
        Of the table, and its name.
    taught
        What the methods learn from; its types, and those that it lacks, are drawn.
    source
        Cells x genes, prepared, none of which is in `taught`.
    coarse
        Cell type to its group at the coarsest level of the tree; may be empty.
    samples
        Unless the level says how many.
    seed
        Of the benchmark.
    """
    rng = np.random.default_rng([seed, zlib.crc32(f"{scenario}/{level.level}/{taught.name}".encode())])
    drawable = source.obs["cell_type"].astype(str).isin([*taught.types, *taught.lacks]).to_numpy()
    cells = Reference.from_anndata(source[drawable].copy(), whole=True)
    types = cells.cell_types
    settings = {"hidden": taught.lacks, "unknown": level.missing if isinstance(level.missing, float) else 0.0}
    settings |= {"mrna": _factors(types, level.spread)} if level.spread > 1 else {}
    simulator = Simulator(cells, level.recipe(**settings), rng)
    number = level.per_type * len(types) or (LADDER if level.ladder else samples)
    fractions = None
    if level.ladder:
        fractions = ladder(level.ladder, number, len(types), rng)
    elif level.missing == "drawn":
        fractions = rng.dirichlet(np.ones(len(types)), number)
    drawn = simulator.draw(number, rng, fractions)
    if level.batch:
        drawn.expression[:] *= np.exp(level.batch * rng.standard_normal(drawn.expression.shape[1]))
    names = [f"s{i:0{len(str(number - 1))}d}" for i in range(number)]
    groups = coarse if level.sums or level.training.coarse else {}
    truth = {
        counts: _table(drawn.truth("mrna" if counts == "RNA" else "cell"), types, taught.types, groups, names)
        for counts in level.truths
    }
    sums = {name: [one for one in taught.types if coarse[one] == name] for name in sorted(set(coarse.values()))}
    told = " ".join([*filter(None, [level.level]), *taught.lacks])
    return Drawn(scenario, told, _bulk(drawn.expression, names, cells), truth, sums if level.sums else {})


def _factors(types: list[str], spread: float) -> dict[str, float]:
    """Return a factor of the mRNA per cell for every type, by turns up and down."""
    return {name: spread if number % 2 else 1 / spread for number, name in enumerate(types)}


def ladder(shares: Iterable[float], number: int, types: int, rng: np.random.Generator) -> np.ndarray:
    """Return fractions (samples x types) in which half of the types of a sample are at given shares, in turn.

    The other half have what is left, Dirichlet(1). Every type is equally often at each share, up to the remainder.

    Parameters
    ----------
    shares
        Below 0.5.
    number, types
        Of samples, and of types (two or more).
    rng
        Of the draws.
    """
    shares = np.array(list(shares))
    given = rng.random((number, types)).argsort(1).argsort(1) < types // 2
    fractions = np.zeros((number, types))
    for column, rows in zip(fractions.T, given.T, strict=True):
        column[rows] = rng.permutation(np.resize(shares, rows.sum()))
    fractions *= np.minimum(1, 0.9 / np.maximum(fractions.sum(1, keepdims=True), 1e-12))
    left = 1 - fractions.sum(1)
    fractions[~given] = (left[:, None] * rng.dirichlet(np.ones(types - types // 2), number)).ravel()
    return fractions


def _table(
    values: np.ndarray, types: list[str], known: list[str], coarse: Mapping[str, str], names: list[str]
) -> pd.DataFrame:
    """Return known fractions of all types that methods estimate, or of their groups; 0 for types without samples."""
    import pandas as pd

    table = pd.DataFrame(values, names, types).reindex(columns=known, fill_value=0.0)
    return table.T.groupby(coarse).sum().T if coarse else table


def _bulk(expression: np.ndarray, names: list[str], cells: Reference) -> ad.AnnData:
    import anndata as ad
    import pandas as pd

    bulk = ad.AnnData(expression, pd.DataFrame(index=names), pd.DataFrame(index=cells.genes))
    bulk.uns["unmix"] = {"kind": "bulk", "unit": "counts", "log": "none", "messages": []}
    return bulk
