#!/usr/bin/env python
"""Deep methods since the review beside older ones and the controls, on real sets (docs/newer_methods.md).

    .venv/bin/python benchmarks/newer_methods.py [-n 1] [--seed 0 ...] [--method NAME ...] [--only CASE ...] [--table]

Cases are those of `results.py`. Fits that are in the store are not done again; `--table` prints what is there.
"""

from __future__ import annotations

import argparse

import output_layers
import results

METHODS = ("deside", "sweetwater", "scaden", "nnls", "uniform", "reference_mean")
STORE = results.ROOT / ".cache" / "benchmark" / "newer"


def main() -> None:
    """Do the fits that are missing, and print the table."""
    given = results.parser(__doc__).parse_args()
    if not given.table:
        folders = results.cases(given.only or list(output_layers.CASES), STORE.parent / "cases")
        options = {"seed": given.seed or [0], "recipe": ["default"], "method": given.method or METHODS, "n": given.n}
        results.fits(folders, STORE, argparse.Namespace(**options))
    print(output_layers.table(STORE, METHODS))


if __name__ == "__main__":
    main()
