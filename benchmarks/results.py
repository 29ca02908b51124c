#!/usr/bin/env python
"""Every method on the real sets (benchmarks/sets), from a store that is resumed: docs/results.tsv and docs/results.md.

    .venv/bin/python benchmarks/results.py [-n 2] [--seed 0 ...] [--recipe default ...] [--only CASE ...] [--page]

Needs the data beside the project (UNMIX_SHARED) and those of `make demo`. The cases are made anew, the fits that the
store holds are not done again, and the tables and pages are made of the store. `--page` makes only these.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import sets

from unmix import methods
from unmix.benchmark import figures, panel, store
from unmix.settings import asdict

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = sets.ROOT
TABLE = ROOT / "docs" / "results.tsv"
STORE = ROOT / ".cache" / "benchmark" / "store"
#: Columns of the table after those of a fit and of a test.
FIGURES = [f"{name}{end}" for name in figures.OVERVIEW for end in ("", "_lower", "_upper")] + ["bias"]


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


def noted(folder: Path) -> None:
    """Note beside the store at which commit of the repository fits were done."""
    describe = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    note, state = folder.with_name("commits.txt"), describe.stdout.strip() or "no repository"
    known = note.read_text().split("\n")[:-1] if note.exists() else []
    if state not in known:
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text("".join(f"{one}\n" for one in [*known, state]))


def table(folder: Path) -> str:
    """Return docs/results.tsv: a row per test of every fit, with the commit at which it was measured.

    A test stays as it was while the store lacks a method that the table has: tests are replaced as a whole.
    """
    fits = figures.status([folder])
    full = figures.overview(figures.table([folder]))
    failed = pd.DataFrame(
        [
            {**{name: getattr(record.fit, name) for name in figures.KEYS if name != "test"}, "test": test, "why": why}
            for record, _ in panel.fits([folder])
            for test, why in (
                [(test, facts["error"]) for test, facts in record.tests.items() if "error" in facts]
                or ([] if record.status == store.OK else [("", record.said)])
            )
        ],
        columns=[*figures.KEYS, "why"],
    )
    failed["why"] = failed["why"].str.split("\n").str[0]
    keys = ["case", "method", "recipe", "seed"]
    costs = fits[[*keys, "status", "quantity", "train_cpu_seconds", "cpu_seconds", "peak_memory_mb"]]
    note = folder.with_name("commits.txt")
    state = ", ".join(note.read_text().split()) if note.exists() else "unknown"
    rows = pd.concat([full, failed], ignore_index=True).merge(costs, on=keys).assign(state=state)
    rows = whole(rows, pd.read_csv(TABLE, sep="\t", dtype={"state": str})) if TABLE.exists() else rows
    order = {name: list(sets.described("references")[name]["tests"]) for name in sets.described("references")}
    known = [panel.NAME, *methods.all_methods()]
    places = [
        (list(order).index(c), order[c].index(t) if t in order[c] else 99, known.index(m), recipe, seed)
        for c, t, m, recipe, seed in rows[figures.KEYS].itertuples(index=False)
    ]
    rows = rows.iloc[sorted(range(len(rows)), key=places.__getitem__)]
    columns = [*figures.KEYS, "status", "quantity", "samples", *FIGURES]
    columns += ["train_cpu_seconds", "cpu_seconds", "peak_memory_mb", "state", "why"]
    rows = rows.reindex(columns=columns)
    rows["samples"] = rows["samples"].astype("Int64")
    return rows.to_csv(sep="\t", index=False, float_format="%.4g", lineterminator="\n")


def whole(rows: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the store, and instead of them the former ones of tests of which these lack a method."""
    groups = ["case", "test", "recipe"]
    rows, before = (table.fillna({"test": ""}) for table in (rows, before))
    again = pd.MultiIndex.from_frame(rows[["case", "method", "recipe"]])
    redone = pd.MultiIndex.from_frame(before[["case", "method", "recipe"]]).isin(again)
    before = before[(before["test"] != "") | ~redone]  # a fit that failed as a whole, and was done since
    now = {key: set(own["method"]) for key, own in rows.groupby(groups)}
    kept = [key for key, own in before.groupby(groups) if not set(own["method"]) <= now.get(key, set())]
    of = [pd.MultiIndex.from_frame(table[groups]).isin(kept) for table in (rows, before)]
    return pd.concat([rows[~of[0]], before[of[1]]], ignore_index=True)


def written(folder: Path, recipes: Mapping[str, Any]) -> list[str]:
    """Write recipes under their names, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, recipe in recipes.items():
        (folder / f"{name}.json").write_text(json.dumps(asdict(recipe)))
    return [str(folder / f"{name}.json") for name in recipes]


def parser(said: str | None) -> argparse.ArgumentParser:
    """Return the options of a comparison that has a store of its own and prints a table."""
    found = argparse.ArgumentParser(description=said, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("-n", type=int, default=1, help="fits at a time")
    found.add_argument("--seed", type=int, action="append")
    found.add_argument("--method", action="append")
    found.add_argument("--only", action="append")
    found.add_argument("--table", action="store_true", help="only print the table")
    return found


def main() -> None:
    """Make the cases, do the fits, and write the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=2, help="fits at a time")
    parser.add_argument("--seed", type=int, action="append")
    for option in ("--recipe", "--method", "--only"):
        parser.add_argument(option, action="append")
    parser.add_argument("--store", type=Path, default=STORE)
    parser.add_argument("--page", action="store_true", help="only make the tables and pages of the store")
    arguments = parser.parse_args()
    arguments.seed = arguments.seed or [0, 1, 2]
    arguments.recipe, arguments.method = arguments.recipe or ["default"], arguments.method or []
    if not arguments.page:
        folders = cases(arguments.only or [], arguments.store.parent / "cases")
        noted(arguments.store)
        fits(folders, arguments.store, arguments)
    TABLE.write_text(table(arguments.store), "utf-8")
    subprocess.run([sys.executable, ROOT / "scripts" / "results_page.py"], check=True)


if __name__ == "__main__":
    main()
