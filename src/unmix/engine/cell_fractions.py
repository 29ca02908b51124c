"""Fractions of cells, computed with a user's table of mRNA per cell.

Sequencing counts molecules, so that a type whose cells hold twice the mRNA looks twice as frequent. A method that
estimates fractions of mRNA does not correct for this; one that estimates fractions of cells takes the counts of the
reference's cells for their mRNA. Droplet methods compress these differences: monocytes and lymphocytes of a reference
have similar counts, although monocytes contain two to three times the mRNA.
docs/mrna_per_cell.md lists published numbers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from unmix.errors import DataError
from unmix.io import signatures

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from unmix.contract.method import Fit, Method, Task
    from unmix.contract.model import Model
    from unmix.io.fractions import Fractions


def read_table(path: Path) -> pd.Series:
    """Read a table of two columns: cell type, and mRNA of a cell in any unit.

    Raises
    ------
    DataError
        If it is another table, or a number is not above 0.
    """
    expected = "two columns, headed cell_type and mrna: every cell type of the reference, and a number above 0"
    sizes = signatures.read([path]).size
    if sizes is None:
        raise DataError(f"{path.name} is not a table of cell types with one number each", expected, "correct the table")
    if not (sizes > 0).all():
        raise DataError(f"{path.name}: {sizes.min():g} for {sizes.idxmin()!r}", expected, "correct the table")
    return sizes


def assumed_mrna_per_cell(method: Method, task: Task, fit: Fit) -> dict[str, float]:
    """Return the mRNA per cell, by type, that the fractions of cells of a trained method assume.

    The mean count of the reference's cells, as the recipe's simulation sums them. Empty where nothing of the
    quantity is known: controls, levels learned from calibration samples, published weights and signatures.
    """
    types, own = task.train.cell_types, list(fit.cell_types or task.train.cell_types)
    if method.info.family == "control" or method.needs.calibration or task.published or own != types:
        return {}
    simulation = getattr(task.recipe, "simulation", None)
    if simulation is not None and simulation.aggregate != "counts":
        return dict.fromkeys(types, 1.0)
    factors = {} if simulation is None else simulation.mrna
    means = zip(types, task.train.mrna_per_cell(), strict=True)
    return {name: round(float(mean) * factors.get(name, 1.0), 3) for name, mean in means}


def mrna_per_cell_of(model: Model) -> dict[str, float]:
    """Return the mRNA per cell by type that a model's fractions assume: 1 for those of mRNA; empty if not known."""
    if model.quantity == "mrna":
        return dict.fromkeys(model.cell_types, 1.0)
    return model.facts.get("mrna_per_cell", {}) if model.quantity == "cell" else {}


def to_cells(model: Model, fractions: Fractions, sizes: pd.Series, say: Callable[[str], None]) -> Fractions:
    """Return a model's estimates as fractions of cells of these sizes.

    An estimate f of a type becomes f s / m over the sum of all types, where m is the table's mRNA per cell and s what
    the fractions rested on: 1 for fractions of mRNA. The ends of an interval move as their type alone would, the others
    keeping their proportions.

    Parameters
    ----------
    model
        That gave `fractions`.
    sizes
        mRNA of a cell in any unit, by cell type; further types do no harm.
    say
        Takes a sentence where the estimates are not converted: scores, purity, and fractions of cells whose mRNA
        per cell is not known.

    Raises
    ------
    DataError
        If the table lacks a type.
    """
    import pandas as pd

    samples, types = fractions.values.index, list(fractions.values.columns)
    before = mrna_per_cell_of(model)
    if not before:
        say(f"The mRNA per cell is not used, because the estimates of {model.method} do not assume amounts of it.")
        return fractions
    missing = [name for name in types if name not in sizes.index]
    if missing:
        raise DataError(
            f"the table of mRNA per cell lacks {', '.join(map(repr, missing))}",
            f"a number for each of {', '.join(types)}",
            "add the missing lines; the names are those of the reference",
        )
    factors = np.array([before[name] / sizes[name] for name in types])
    values = fractions.values.to_numpy()
    weighed = values * factors
    others = weighed.sum(1, keepdims=True) - weighed  # of a type that is all there is, no others
    others = np.divide(others, 1 - values, out=np.ones_like(values), where=values < 1)

    def moved(table: pd.DataFrame) -> pd.DataFrame:
        part = table.to_numpy()
        whole = part * factors + (1 - part) * others
        return pd.DataFrame(np.divide(part * factors, whole, out=np.zeros_like(part), where=whole > 0), samples, types)

    tables = {name: moved(getattr(fractions, name)) for name in ("values", "lower", "upper")}
    say("The estimates were converted to fractions of cells with the given mRNA per cell.")
    return replace(fractions, quantity="cell", **tables)
