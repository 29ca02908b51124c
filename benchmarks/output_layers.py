#!/usr/bin/env python
"""Output layers of the dense methods on real sets (docs/output_layers.md): softmax, positive part, logistic per type.

    .venv/bin/python benchmarks/output_layers.py [-n 1] [--seed 0 ...] [--method NAME ...] [--only CASE ...] [--table]

Cases are those of `results.py`, and the softmax is the default recipe, whose fits are those of its store. Fits that are
there are not done again. `--table` prints what is there.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import results

from unmix import methods as registry
from unmix.benchmark import figures

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

#: Methods that simulate from single cells and learn without the bulk, one fit for all samples of a reference.
METHODS = ("scaden", "digitaldlsorter", "hascad", "ucdbase")
CASES = ("cell-lines", "pancreas", "pbmc-newman")
LAYERS = ("relu_sum", "logistic")
STORE = results.ROOT / ".cache" / "benchmark" / "output_layers"


def recipes(method: str) -> list[str]:
    """Write the default recipe of a method with each output layer, and return the files."""
    default = registry.get(method).recipes["default"]
    return results.written(STORE.parent / "recipes" / method, {name: default.changed(output=name) for name in LAYERS})


def table(stores: Sequence[Path], methods: Sequence[str], recipes: Sequence[str], cases: Sequence[str] = ()) -> str:
    """Return RMSE / CCC / mean r by set of methods and recipes, in Markdown: means over seeds and references.

    The last row is the mean over the sets that all of them have.
    """
    pairs = figures.table(stores)
    wanted = pairs["method"].isin(methods) & pairs["recipe"].isin(recipes)
    rows = figures.overview(pairs[wanted & (pairs["case"].isin(cases) if cases else True)])
    means = rows.groupby(["test", "method", "recipe"], sort=False)[["rmse", "ccc", "r"]].mean()
    complete = means.unstack(["method", "recipe"]).dropna().stack(["method", "recipe"], future_stack=True)
    cells = shown(means).unstack(["method", "recipe"]).fillna("")
    cells.loc["mean"] = shown(complete.groupby(["method", "recipe"]).mean())
    cells = cells[[key for name in methods for recipe in recipes if (key := (name, recipe)) in cells]]
    names = [method if len(recipes) == 1 else f"{method}, {recipe}" for method, recipe in cells]
    lines = [f"| set | {' | '.join(names)} |", "|---" * (1 + len(names)) + "|"]
    return "\n".join(lines + [f"| {name} | {' | '.join(row)} |" for name, row in cells.iterrows()])


def shown(means: pd.DataFrame) -> pd.Series:
    """Return RMSE / CCC / r of every row, in words."""
    return means.apply(lambda row: " / ".join(f"{row[name]:.3f}" for name in ("rmse", "ccc", "r")), axis=1)


def main() -> None:
    """Do the fits that are missing, and print the table."""
    given = results.parser(__doc__).parse_args()
    if not given.table:
        folders = results.cases(given.only or list(CASES), STORE.parent / "cases")
        for method in given.method or METHODS:
            options = {"seed": given.seed or [0], "recipe": recipes(method), "method": [method], "n": given.n}
            results.fits(folders, STORE, argparse.Namespace(**options))
    for method in given.method or METHODS:
        print(table([results.STORE, STORE], [method], ["default", *LAYERS], given.only or CASES), end="\n\n")


if __name__ == "__main__":
    main()
