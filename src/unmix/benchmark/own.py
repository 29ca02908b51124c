"""Cases of a benchmark made of one's own reference: cells to learn from, and pseudobulk of others.

Donors are held out where three or more are named, else cells; what is held out makes the samples of every test and is
never learned from. Scenarios whose methods learn from the same cells share a case, so that a method trains once for
all of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from unmix.benchmark.case import CASE, REFERENCE, Case, Test
from unmix.benchmark.mixtures import Drawn, Taught, draw
from unmix.benchmark.scenarios import Training, chosen
from unmix.errors import DataError
from unmix.io.text import show
from unmix.reference.tree import levels_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    import anndata as ad

    from unmix.benchmark.scenarios import Level

#: Share of the donors, or of the cells of each type, that no method sees.
HELD_OUT = 0.25
#: Cells that a type needs on both sides to count where donors are chosen, and choices that are tried.
ENOUGH, TRIED = 10, 200
#: Donors from which on some are held out: one is left that intervals are calibrated on.
DONORS = 3


@dataclass(frozen=True)
class Own:
    """A case: what methods learn from, and the tests."""

    name: str
    title: str
    said: str
    reference: ad.AnnData
    tests: list[Drawn]


def cases(
    reference: ad.AnnData,
    *,
    other: ad.AnnData | None = None,
    names: Iterable[str] = (),
    samples: int = 60,
    seed: int = 0,
    say: Callable[[str], None],
) -> list[Own]:
    """Make the cases of a benchmark on a reference.

    Parameters
    ----------
    reference
        Cells x genes, prepared.
    other
        Cells of another laboratory (or tissue bank, platform), prepared, with names of the same types.
    names
        Scenarios; all without names.
    samples
        Of every test, unless the table says how many.
    seed
        Of the choice of donors and cells and of every draw. A test is the same whatever scenarios are beside it.
    say
        Takes sentences: what was held out, and which scenarios this reference does not allow.

    Raises
    ------
    DataError
        If the reference holds profiles in place of cells, or fewer than two types can be held out.
    UsageError
        If there is no scenario of a name.
    """
    wanted = chosen(names)
    if reference.uns["unmix"]["kind"] == "profiles":
        raise DataError(
            "the reference holds profiles, of which no samples of cells can be made",
            "single cells",
            "give a reference of single cells",
        )
    learned, held, how = split(reference, seed)
    say(how)
    sources = {"held_out": reference[held], "other": other}
    coarse = (levels_of(reference[learned]).groups or [{}])[-1]
    found: dict[str, Own] = {}
    for name, scenario in wanted.items():
        for level in scenario.levels:
            source = sources[level.source]
            if why := _impossible(level, reference[learned], source, bool(coarse)):
                say(f"Scenario {name} left out: {why}.")
                break
            for taught in _taught(level.training, reference[learned], sources["held_out"], coarse, seed):
                case = found.setdefault(taught.name, Own(taught.name, taught.title, how, taught.cells, []))
                case.tests.append(draw(name, level, taught, source, coarse, samples, seed))
    return list(found.values())


def split(reference: ad.AnnData, seed: int) -> tuple[np.ndarray, np.ndarray, str]:
    """Return indices of the cells to learn from and of those held out, and a sentence that says what was held out.

    A donor is on one side only, and so is a cell. Of many choices of donors that is taken by which most types have
    cells on both sides.
    """
    rng = np.random.default_rng(seed)
    types = reference.obs["cell_type"].astype(str).to_numpy()
    donor_of = reference.obs["donor"].astype(str).to_numpy()
    donors = np.unique(donor_of)
    if len(donors) >= DONORS:
        size = max(1, round(HELD_OUT * len(donors)))
        tried = [np.isin(donor_of, rng.permutation(donors)[:size]) for _ in range(TRIED)]
        held = max(tried, key=lambda mask: _on_both_sides(types, mask))
        names = np.unique(donor_of[held])
        how = f"Held out: {len(names)} of {len(donors)} donors ({show(list(names), 5)})."
    else:
        held = np.zeros(len(types), bool)
        for name in np.unique(types):
            own = rng.permutation(np.flatnonzero(types == name))
            held[own[: round(HELD_OUT * len(own))]] = True
        how = (
            f"The reference does not name {DONORS} donors or more. So a quarter of the cells of each type was held "
            "out, and no donor: errors on other people are larger than those shown."
        )
    lost = sorted(set(types) - set(types[held]))
    alone = sorted(set(types[held]) - set(types[~held]))
    how += f" Not among the held-out cells, and 0% in every sample: {show(lost)}." if lost else ""
    how += f" Only among the held-out cells, and not used: {show(alone)}." if alone else ""
    if len(set(types[held]) & set(types[~held])) < 2:
        raise DataError(
            "fewer than two cell types have cells both to learn from and to hold out",
            "two or more types with some cells each, of several donors where donors are named",
            "prepare the reference with more cells, or with --donor-key none",
        )
    return np.flatnonzero(~held), np.flatnonzero(held), how


def _on_both_sides(types: np.ndarray, held: np.ndarray) -> tuple[int, int]:
    """Return how many types have enough cells on both sides, and how many have any."""
    names, codes = np.unique(types, return_inverse=True)
    fewest = np.minimum(*(np.bincount(codes[side], minlength=len(names)) for side in (held, ~held)))
    return int((fewest >= ENOUGH).sum()), int((fewest > 0).sum())


def _types(cells: ad.AnnData) -> list[str]:
    return sorted(cells.obs["cell_type"].astype(str).unique())


def _impossible(level: Level, cells: ad.AnnData, source: ad.AnnData | None, tree: bool) -> str:
    """Return why a reference does not allow a level; empty if it does."""
    if source is None:
        return "it needs a second reference (--other)"
    if len({*_types(cells)} & {*_types(source)}) < 2:
        return "the two references share fewer than two cell types by name"
    if (level.sums or level.training.coarse) and not tree:
        return "the reference has no tree of its cell types (unmix_reference.py --cell-type-tree)"
    if level.training.without and len({*_types(cells)} & {*_types(source)}) < 3:
        return "it needs three cell types or more"
    return ""


def _taught(
    training: Training, cells: ad.AnnData, held: ad.AnnData, coarse: Mapping[str, str], seed: int
) -> list[Taught]:
    """Return the cells of the cases of a training."""
    labels, types = cells.obs["cell_type"].astype(str), _types(cells)
    if training.cells_per_type:
        most, rng = training.cells_per_type, np.random.default_rng([seed, training.cells_per_type])
        kept = [rng.permutation(np.flatnonzero(labels == name))[:most] for name in types]
        few = cells[np.sort(np.concatenate(kept))].copy()
        return [Taught(f"cells{most}", f"At most {most} cells of each type", few, types)]
    if training.without:
        sizes = labels[labels.isin(_types(held))].value_counts().sort_index()
        largest = sizes.sort_values(ascending=False, kind="stable").index[: training.without]
        return [
            Taught(
                f"without{number}",
                f"Without {lacking}",
                cells[(labels != lacking).to_numpy()].copy(),
                [name for name in types if name != lacking],
                (lacking,),
            )
            for number, lacking in enumerate(largest, 1)
        ]
    taught = cells.copy()
    if training.coarse:
        taught.obs["cell_type"] = labels.map(coarse)
        taught.obs = taught.obs.drop(columns="cell_state", errors="ignore")
        taught.uns["unmix"] = {key: fact for key, fact in taught.uns["unmix"].items() if key != "levels"}
        return [Taught("coarse", "Coarse labels", taught, types)]
    return [Taught("all", "All cells", taught, types)]


def write(own: Own, output: Callable[[str], Path]) -> Case:
    """Write a case (docs/data_contracts.md), and return it.

    Parameters
    ----------
    own
        Of :func:`cases`.
    output
        Takes the name of a file, ``CASE/case.json`` for one, and returns where it is written.
    """
    from unmix.io.tables import write_table

    own.reference.write_h5ad(output(f"{own.name}/{REFERENCE}"), compression="lzf")
    tests = []
    for drawn in own.tests:
        name = re.sub(r"[^A-Za-z0-9.]+", "_", f"{drawn.scenario}.{drawn.level}").strip("_.")
        bulk = f"tests/{name}.bulk.h5ad"
        drawn.bulk.write_h5ad(output(f"{own.name}/{bulk}"), compression="lzf")
        for counts, table in drawn.truth.items():
            truth = f"tests/{name}.{counts}.truth.tsv"
            write_table(table, output(f"{own.name}/{truth}"), "sample")
            tests.append(
                Test(
                    name=f"{name}.{counts}",
                    scenario=drawn.scenario,
                    level=drawn.level,
                    bulk=bulk,
                    truth=truth,
                    unit="counts",
                    counts=counts,
                    mrna_per_cell="reference",
                    sums={group: tuple(types) for group, types in drawn.sums.items()},
                )
            )
    case = Case(name=own.name, title=own.title, said=own.said, tests=tuple(tests))
    output(f"{own.name}/{CASE}").write_text(case.text(), encoding="utf-8")
    return case
