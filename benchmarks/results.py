#!/usr/bin/env python
"""Every method on the real sets (benchmarks/sets), from a store that is resumed: docs/results.tsv and docs/results.md.

    .venv/bin/python benchmarks/results.py [-n 2] [--seed 0 ...] [--recipe default ...] [--only CASE ...] [--page]

Needs the data beside the project (UNMIX_SHARED) and those of `make demo`. The cases are made anew, the fits that the
store holds are not done again, and the tables and pages are made of the store. `--page` makes only these.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import sets

ROOT = sets.ROOT
#: Published recipes differ much in cost; these are run, on sets of three kinds.
PUBLISHED = ("brain-human", "cell-lines", "pbmc-calibration")


def cases(only: list[str], folder: Path) -> list[Path]:
    """Make the cases, and return their folders in the order of references.toml, from fast to slow."""
    names = [name for name in sets.described("references") if not only or name in only]
    return [case.folder for case in sets.make(names, folder)]


def fits(folders: list[Path], store: Path, arguments: argparse.Namespace) -> None:
    """Do the fits that the store lacks, all of one seed before the next."""
    words = [word for seed in arguments.seed for word in ("--seed", str(seed))]
    words += [word for recipe in arguments.recipe for word in ("--recipe", recipe)]
    words += [word for method in arguments.method for word in ("--method", method)]
    command = [sys.executable, ROOT / "bin" / "unmix_benchmark.py", "fit", *folders, *words]
    subprocess.run([*command, "--jobs", str(arguments.n), "--out", store], check=True)


def main() -> None:
    """Make the cases, do the fits, and write the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=2, help="fits at a time")
    parser.add_argument("--seed", type=int, action="append")
    for option in ("--recipe", "--method", "--only"):
        parser.add_argument(option, action="append")
    parser.add_argument("--store", type=Path, default=ROOT / ".cache" / "benchmark" / "store")
    parser.add_argument("--page", action="store_true", help="only make the tables and pages of the store")
    arguments = parser.parse_args()
    arguments.seed = arguments.seed or [0, 1, 2]
    arguments.recipe, arguments.method = arguments.recipe or ["default"], arguments.method or []
    if not arguments.page:
        folders = cases(arguments.only or [], arguments.store.parent / "cases")
        fits(folders, arguments.store, arguments)


if __name__ == "__main__":
    main()
