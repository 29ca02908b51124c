#!/usr/bin/env python
"""Small references, with and without drawn cells that fill up their types (docs/generators.md).

    .venv/bin/python benchmarks/generators.py [-n 1] [--seed 0 ...] [--cells 5 ...] [--method NAME] [--table]

References of `results.py` are cut to so many cells of each type, drawn at random, and a method is trained without and
with `simulation.augment=100`. Fits that are in the store are not done again; `--table` prints what is there.
"""

from __future__ import annotations

import argparse
import shutil
from typing import TYPE_CHECKING

import anndata as ad
import numpy as np
import output_layers
import results

from unmix import methods as registry
from unmix.benchmark import figures
from unmix.benchmark.case import read_case

if TYPE_CHECKING:
    from pathlib import Path

CASES = ("cell-lines", "pancreas")
CELLS = (5, 20, 50)
#: Cells to which a type is filled up; 0: none are drawn.
WANTED = {"none": 0, "zinb": 100}
STORE = results.ROOT / ".cache" / "benchmark" / "generators"


def cut(folder: Path, cells: int) -> Path:
    """Write a case with so many cells of each type, or all where there are fewer, and return its folder."""
    case = read_case(folder)
    out = STORE.parent / "cut" / f"{case.name}-{cells}"
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(folder, out)
    reference, rng = ad.read_h5ad(out / "reference.h5ad"), np.random.default_rng(0)
    groups = reference.obs.reset_index().groupby("cell_type", observed=True).indices.values()
    chosen = np.concatenate([rng.permutation(group)[:cells] for group in groups])
    reference[np.sort(chosen)].copy().write_h5ad(out / "reference.h5ad")
    return case.model_copy(update={"name": out.name}).save(out).folder


def recipes(method: str) -> list[str]:
    """Write the default recipe of a method without and with drawn cells, and return the files."""
    recipe = registry.get(method).recipes["default"]
    changed = {
        name: recipe.changed(simulation=recipe.simulation.changed(augment=wanted)) for name, wanted in WANTED.items()
    }
    return results.written(STORE.parent / "recipes" / method, changed)


def main() -> None:
    """Do the fits that are missing, and print RMSE / CCC / mean r."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=1, help="fits at a time")
    parser.add_argument("--seed", type=int, action="append")
    parser.add_argument("--cells", type=int, action="append")
    parser.add_argument("--method", default="scaden")
    parser.add_argument("--table", action="store_true", help="only print the table")
    given = parser.parse_args()
    if not given.table:
        folders = results.cases(list(CASES), STORE.parent / "cases")
        cuts = [cut(folder, cells) for folder in folders for cells in given.cells or CELLS]
        options = {"seed": given.seed or [0], "recipe": recipes(given.method), "method": [given.method], "n": given.n}
        results.fits(cuts, STORE, argparse.Namespace(**options))
    rows = figures.overview(figures.table([STORE]))
    means = rows.groupby(["case", "test", "method", "recipe"], sort=False)[["rmse", "ccc", "r"]].mean()
    print(output_layers.shown(means).unstack("recipe").to_csv(sep="|"))


if __name__ == "__main__":
    main()
