#!/usr/bin/env python
"""Held-out error and CPU time of the networks' default recipes beside other settings -> docs/performance.md, by hand.

    .venv/bin/python benchmarks/training.py NAME=SETTING[,SETTING...] ... [--seed N] [--method NAME] [--only CASE]

For example `before=train.batch=128`. Options can be repeated. References are those of `results.py`. The error is the
RMSE on pseudobulk of donors (or cells) that were not trained on, the same for all settings: real bulk is not looked at.
Methods that learn from the bulk get pseudobulk of the same cells on a platform of its own.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import TYPE_CHECKING

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import anndata as ad  # noqa: E402 - the bounds above must come before
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import results  # noqa: E402

from unmix import methods  # noqa: E402
from unmix.contract.method import Task, silent  # noqa: E402
from unmix.engine.recipe import resolve  # noqa: E402
from unmix.reference import Reference  # noqa: E402
from unmix.simulate.pseudobulk import Simulator  # noqa: E402
from unmix.simulate.recipe import Simulation  # noqa: E402
from unmix.uncertainty import holdout  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Methods that learn from cells, with or without the bulk, and references of at least three donors or many cells.
METHODS = ("hascad", "scaden", "tape", "nnice", "ucdbase", "convdeconv", "autoptcr", "deside", "digitaldlsorter",
           "sweetwater", "ctcrna", "dissect")  # fmt: skip
CASES = ("pbmc-newman", "pbmc-symphony", "cell-lines", "pancreas")
#: The bulk of methods that learn from it.
BULK, SAMPLES = Simulation(sparse=0.5, cells=500, platform=0.5), 20


def fitted(name: str, cells: Reference, settings: Sequence[str], seed: int) -> tuple[float, float]:
    """Return the held-out error of one training and its CPU seconds."""
    method, rng = methods.get(name), np.random.default_rng(seed)
    recipe = method.suited(resolve(method, "default", settings), cells, silent)
    ((learned, held),), _ = holdout.split(cells, rng, 1)
    train, (validation, _) = cells.select(learned), holdout.halves(cells.select(held), rng)
    drawn = np.random.default_rng([seed, 1])
    bulk = Simulator(cells, BULK, drawn).draw(SAMPLES, drawn).expression if method.needs.bulk else None
    task = Task(train, validation, recipe, rng, "cpu", silent, silent, bulk=bulk)
    started = time.process_time()
    return method.fit(task).facts["held_out_rmse"], time.process_time() - started


def main() -> None:
    """Train by all settings, and print a row per method: errors and CPU times over those of the default recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("settings", nargs="+")
    parser.add_argument("--seed", type=int, action="append")
    parser.add_argument("--method", action="append")
    parser.add_argument("--only", action="append")
    given = parser.parse_args()
    variants = {"default": []} | {name: s.split(",") for name, s in (one.split("=", 1) for one in given.settings)}
    rows = []
    for folder in results.cases(given.only or list(CASES), results.STORE.parent / "cases"):
        cells = Reference.from_anndata(ad.read_h5ad(folder / "reference.h5ad"), whole=False, states=True)
        for name in given.method or METHODS:
            fitted(name, cells, ["train.steps=1"], 0)  # imports what the first training of a process imports
            for seed in given.seed or [0]:
                for variant, settings in variants.items():
                    rows.append((name, folder.name, seed, variant, *fitted(name, cells, settings, seed)))
                    print("{:<16}{:<16}{:>3}  {:<12}{:>9.5f}{:>8.1f}".format(*rows[-1]), flush=True)
    table = pd.DataFrame(rows, columns=["method", "case", "seed", "variant", "error", "cpu"])
    wide = np.log(table.pivot_table(index=["method", "case", "seed"], columns="variant", values=["error", "cpu"]))
    for variant in list(variants)[1:]:
        ratio = pd.DataFrame({name: wide[name]["default"] - wide[name][variant] for name in ("error", "cpu")})
        means = np.exp(pd.concat([ratio.groupby("method").mean(), ratio.mean().to_frame("all").T]))
        print(f"\ndefault / {variant}, geometric means\n{means.round(3).to_string()}")


if __name__ == "__main__":
    main()
