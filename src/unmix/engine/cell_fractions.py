"""Fractions of cells, from what a method estimates and the mRNA of a cell of each type.

Sequencing counts molecules, so that a type whose cells hold twice the mRNA looks twice as frequent. A method that
estimates fractions of mRNA does not correct for this; one that estimates fractions of cells takes the counts of the
reference's cells for their mRNA. Droplet methods compress these differences: monocytes and lymphocytes of a reference
have similar counts, although monocytes contain two to three times the mRNA.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from unmix.engine import mrna_per_cell
from unmix.errors import DataError
from unmix.io import levels

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from unmix.contract.method import Fit, Method, Task
    from unmix.contract.model import Model
    from unmix.io.fractions import Fractions
    from unmix.reference import Reference


def assumed_mrna_per_cell(method: Method, task: Task, fit: Fit) -> dict[str, float]:
    """Return the mRNA per cell, by type, that the fractions of cells of a trained method assume.

    The mean count of the cells it learned from, as the recipe's simulation sums them. Empty where nothing of the
    quantity is known: controls, levels learned from calibration samples, published weights and signatures, profiles,
    cells that were scaled.
    """
    types, own = task.train.cell_types, list(fit.cell_types or task.train.cell_types)
    if not task.train.amounts:
        return {}
    if method.info.family == "control" or method.needs.calibration or task.published or own != types:
        return {}
    simulation = getattr(task.recipe, "simulation", None)
    if simulation is not None and simulation.aggregate != "counts":
        return dict.fromkeys(types, 1.0)
    factors = {} if simulation is None else simulation.mrna
    return {name: round(mean * factors.get(name, 1.0), 3) for name, mean in counts_of_cells(task.train).items()}


def counts_of_cells(cells: Reference) -> dict[str, float]:
    """Return the mean count of the cells of each type; empty for profiles and scaled cells, which do not tell it.

    Of a whole reference it is the same for every method, while each assumes that of the cells it learned from.
    """
    if not cells.amounts:
        return {}
    return dict(zip(cells.cell_types, cells.mrna_per_cell().round(3).tolist(), strict=True))


def mrna_per_cell_of(model: Model) -> dict[str, float]:
    """Return the mRNA per cell by type that a model's fractions assume: 1 for those of mRNA; empty if not known."""
    if model.quantity == "mrna":
        return dict.fromkeys(model.cell_types, 1.0)
    return model.facts.get("mrna_per_cell", {}) if model.quantity == "cell" else {}


def to_cells(model: Model, fractions: Fractions, source: str | pd.Series, say: Callable[[str], None]) -> Fractions:
    """Return a model's estimates as fractions of cells, with those of mRNA beside them.

    An estimate f of a type becomes f s / m over the sum of all types, where m is the mRNA per cell and s what
    the fractions rested on: 1 for fractions of mRNA. The ends of an interval move as their type alone would, the others
    keeping their proportions. Where other values could be used as well (`MRNAPerCell.candidates`), the range of the
    estimates by all of them is added to the interval in quadrature on each side. The relative
    interval is without it, for differences between samples: other values move all samples alike.

    Parameters
    ----------
    model
        That gave `fractions`, which are in its own quantity.
    source
        As for :func:`choose`.
    say
        Takes sentences: which mRNA per cell was used for which types, or why none was.

    Raises
    ------
    DataError
        As :func:`choose`; or if the fractions were converted before.
    """
    if fractions.mrna_per_cell:
        raise DataError("these fractions were converted before", "the estimates of a method", "convert them once")
    asked = not isinstance(source, str) or source != "none"
    before = mrna_per_cell_of(model)
    if not before:
        if asked:
            say(f"The mRNA per cell is not used, because the estimates of {model.method} do not assume amounts of it.")
        return fractions
    plain = fractions.values
    one = dict.fromkeys(before, 1.0)
    fractions = replace(fractions, mrna=moved(plain, plain, _factors(model, fractions, one)))
    used = mrna_per_cell.choose(model, source)
    fractions = replace(fractions, held_out=_held_out(model, before if used is None else used.values))
    if used is None:
        if asked:
            say("The mRNA per cell of these cell types is not known, so the estimates are not fractions of cells.")
        return fractions
    mrna_per_cell.tell(used, say)
    factors = _factors(model, fractions, used.values)
    values, lower, upper = (moved(plain, ends, factors) for ends in (plain, fractions.lower, fractions.upper))
    others = [moved(plain, plain, _factors(model, fractions, sizes)) for sizes in used.candidates.values()]
    further = dict(fractions.tables)
    if "states" in further:
        further["states"] = states_as(further["states"], plain, values)
    found = replace(
        fractions,
        quantity="cell",
        tables=further,
        values=values,
        lower_relative=lower,
        upper_relative=upper,
        mrna_per_cell=used.record(),
        sums=tuple(_group_as(*part, plain, factors, values, others) for part in fractions.by_groups()),
    )
    return widened(found, others)


def to_mrna(model: Model, fractions: Fractions) -> Fractions:
    """Return a model's estimates, which are in its own quantity, as fractions of mRNA, with their intervals.

    They stay as they are where the mRNA that fractions of cells assume is not known: controls, purity and scores.
    """
    before = mrna_per_cell_of(model)
    if not before or fractions.quantity != "cell":
        return fractions
    factors = _factors(model, fractions, dict.fromkeys(before, 1.0))
    tables = [moved(fractions.values, ends, factors) for ends in (fractions.values, fractions.lower, fractions.upper)]
    names = ("values", "lower", "upper")
    return replace(fractions, quantity="mrna", sums=(), levels=levels.Levels(), **dict(zip(names, tables, strict=True)))


def _group_as(
    groups: Mapping[str, str],
    own: Fractions,
    plain: pd.DataFrame,
    factors: pd.Series | pd.DataFrame,
    values: pd.DataFrame,
    others: Sequence[pd.DataFrame],
) -> Fractions:
    """Return the fractions of groups of types, converted as their types are.

    Parameters
    ----------
    groups
        Cell type to group.
    own
        Fractions of the groups before.
    plain, factors
        Fractions of the types before, and what weights each type.
    values, others
        Fractions of the types after, and by other sources of the mRNA per cell.
    """
    of_group = pooled(plain, factors, groups)
    lower, upper = (moved(own.values, ends, of_group) for ends in (own.lower, own.upper))
    found = replace(
        own, quantity="cell", values=levels.summed(values, groups), lower_relative=lower, upper_relative=upper
    )
    return widened(found, [levels.summed(other, groups) for other in others])


def pooled(values: pd.DataFrame, factors: pd.Series | pd.DataFrame, groups: Mapping[str, str]) -> pd.DataFrame:
    """Return the factors of groups: the means of those of their types, by fraction (samples x groups).

    Where a group is absent from a sample, its types count alike.

    Parameters
    ----------
    values
        Samples x types.
    factors
        By type; by sample too where the types are sums of states.
    groups
        Type to group.
    """
    import pandas as pd

    weights = pd.DataFrame(np.broadcast_to(factors[list(values)], values.shape), values.index, list(values))
    shares, weighed = levels.summed(values, groups), levels.summed(values * weights, groups)
    alike = levels.summed(weights, groups) / levels.summed(values * 0 + 1, groups)
    return (weighed / shares.where(shares > 0)).fillna(alike)


def widened(fractions: Fractions, others: Sequence[pd.DataFrame]) -> Fractions:
    """Return fractions whose intervals of levels hold the range of themselves and other estimates.

    The range is added to the relative interval in quadrature, on each side.
    """
    values = fractions.values
    low, high = np.minimum.reduce([values, *others]), np.maximum.reduce([values, *others])
    lower = values - np.hypot(values - fractions.lower_relative, values - low)
    upper = values + np.hypot(fractions.upper_relative - values, high - values)
    return replace(fractions, lower=lower.clip(0, 1), upper=upper.clip(0, 1))


def _factors(model: Model, fractions: Fractions, sizes: Mapping[str, float]) -> pd.Series | pd.DataFrame:
    """Return the mRNA per cell that fractions assume over other sizes, by type; by sample too where states are known.

    Parameters
    ----------
    model
        That gave `fractions`.
    fractions
        In the model's own quantity.
    sizes
        mRNA of a cell by cell type, or by cell state.
    """
    import pandas as pd

    before = mrna_per_cell_of(model)
    types = list(fractions.values)
    if not model.states:
        return pd.Series({name: before[name] / sizes[name] for name in types})
    of = {name: model.states.get(name, name) for name in model.cell_types}
    ratio = pd.Series({name: before[name] / sizes.get(name, sizes.get(of[name], np.nan)) for name in of})
    table = fractions.tables["states"].set_index("cell_state", append=True)["fraction"]
    return pooled(table.unstack()[model.cell_types].reindex(fractions.values.index), ratio, of)[types]


def states_as(table: pd.DataFrame, before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Return the table of cell states with the fractions of every type as they are after a conversion."""
    ratio = (after / before.where(before > 0)).fillna(0.0).stack()
    factor = ratio.loc[list(zip(table.index, table["cell_type"], strict=True))].to_numpy()
    columns = ["fraction", "lower", "upper"]
    return table.assign(**{name: (table[name] * factor).clip(0, 1) for name in columns})


def _held_out(model: Model, sizes: Mapping[str, float]) -> pd.DataFrame | None:
    """Return the model's estimates on shared held-out pseudobulk and the truth, both by the same mRNA per cell.

    Parameters
    ----------
    sizes
        mRNA of a cell by cell type, or by cell state.
    """
    import pandas as pd

    if "intervals.shared_estimate" not in model.arrays:
        return None
    names, before = model.cell_types, pd.Series(mrna_per_cell_of(model))
    own = pd.Series({name: sizes[name] if name in sizes else sizes[model.states[name]] for name in names})
    estimate, mrna = (
        pd.DataFrame(model.arrays[f"intervals.shared_{name}"].astype(float), columns=names)
        for name in ("estimate", "mrna")
    )
    tables = moved(estimate, estimate, before / own), moved(mrna, mrna, 1 / own)
    found, truth = (model.summed(table.to_numpy()).round(6) for table in tables)
    samples, types = [f"pseudobulk {number}" for number in range(1, len(found) + 1)], model.reported
    columns = {"sample": np.repeat(samples, len(types)), "cell_type": types * len(samples)}
    return pd.DataFrame({**columns, "fraction": found.ravel(), "truth": truth.ravel()})


def moved(values: pd.DataFrame, part: pd.DataFrame, factors: pd.Series) -> pd.DataFrame:
    """Return fractions, or ends of their intervals, with every type weighted by its factor and the sum held at 1.

    Parameters
    ----------
    values
        Samples x types.
    part
        `values` themselves, or the ends: each type is weighted against the others in their proportions in `values`.
    factors
        By type.
    """
    import pandas as pd

    shares, ends, weights = values.to_numpy(), part.to_numpy(), factors[list(values)].to_numpy()
    weighed = shares * weights
    others = weighed.sum(1, keepdims=True) - weighed  # of a type that is all there is, no others
    others = np.divide(others, 1 - shares, out=np.ones_like(shares), where=shares < 1)
    whole = ends * weights + (1 - ends) * others
    nothing = np.where(np.isnan(ends), np.nan, 0.0)  # an end that is not known stays so
    found = np.divide(ends * weights, whole, out=nothing, where=whole > 0)
    return pd.DataFrame(found, values.index, values.columns)
