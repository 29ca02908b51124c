#!/usr/bin/env python
"""A million synthetic cells through reference, train and predict: CPU time and peak memory of each command, limit 2 GB.

benchmarks/atlas.py FOLDER [METHOD...] [--cells N] [--whole]; the atlas (1.6 GB for a million cells) is made in FOLDER
and kept there. Training takes 200 cells of each type and donor, with --whole also all of them.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
CELLS, GENES, PER_CELL, TYPES, DONORS = 1_000_000, 20_000, 200, 20, 10
SAMPLES, LIMIT_MB = 100, 2048


def atlas(path: Path, cells: int, seed: int = 0) -> None:
    """Write the atlas block by block: every type has its own order of genes, Zipf-like, so that types differ."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(10, GENES + 10)
    weights /= weights.sum()
    orders = np.stack([rng.permutation(GENES) for _ in range(TYPES)])
    type_of, donor_of = rng.integers(0, TYPES, cells), rng.integers(0, DONORS, cells)
    part = path.with_suffix(".part")
    with h5py.File(part, "w") as file:
        file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        matrix = file.create_group("X")
        matrix.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0", "shape": (cells, GENES)})
        data = matrix.create_dataset("data", (cells * PER_CELL,), "f4")
        indices = matrix.create_dataset("indices", (cells * PER_CELL,), "i4")
        matrix["indptr"] = np.arange(0, cells * PER_CELL + 1, PER_CELL, dtype=np.int64)
        for start in range(0, cells, 10_000):
            rank = rng.choice(GENES, (10_000, PER_CELL), p=weights)
            found = np.sort(orders[type_of[start : start + 10_000, None], rank], axis=1)
            found += np.cumsum(np.diff(found, axis=1, prepend=-1) == 0, axis=1)  # no gene twice in a cell
            place = slice(start * PER_CELL, (start + 10_000) * PER_CELL)
            indices[place] = np.minimum(found, GENES - PER_CELL + np.arange(PER_CELL)).ravel()
            data[place] = rng.geometric(0.4, 10_000 * PER_CELL)
        columns = {
            "_index": np.char.add("c", np.arange(cells).astype(str)),
            "cell_type": np.char.add("type", type_of.astype(str)),
            "donor": np.char.add("donor", donor_of.astype(str)),
        }
        _frame(file, "obs", columns)
        _frame(file, "var", {"_index": np.char.add("GENE", np.arange(GENES).astype(str))})
    part.rename(path)


def _frame(file: h5py.File, name: str, columns: dict[str, np.ndarray]) -> None:
    group = file.create_group(name)
    order = [column for column in columns if column != "_index"]
    group.attrs.update({"encoding-type": "dataframe", "encoding-version": "0.2.0", "_index": "_index"})
    group.attrs["column-order"] = np.array(order, dtype=h5py.string_dtype())
    for column, values in columns.items():
        stored = group.create_dataset(column, data=values.astype(object), dtype=h5py.string_dtype())
        stored.attrs.update({"encoding-type": "string-array", "encoding-version": "0.2.0"})


def measure(*command: str | Path) -> None:
    """Run a script and print its CPU seconds and its peak memory."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    wrapped = [sys.executable, "-c", MEASURED, *map(str, command)]
    done = subprocess.run(wrapped, check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    peak = int(done.stdout.split()[-1]) // 1024
    print(
        f"{Path(command[0]).name:<20} {seconds:7.1f} CPU s {peak:6d} MB  {'ok' if peak < LIMIT_MB else 'OVER 2 GB'}",
        flush=True,
    )


MEASURED = """
import resource, subprocess, sys
subprocess.run([sys.executable, *sys.argv[1:]], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def main() -> None:
    """Make the atlas if it is not there, then run the commands with a cap of cells, and without."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("methods", nargs="*", default=["nnls", "scaden"])
    parser.add_argument("--cells", type=int, default=CELLS)
    parser.add_argument("--whole", action="store_true")
    given = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # every process would compile its modules anew, for 1.6 CPU s
    folder, scripts = given.folder, ROOT / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    source, bulk = folder / f"atlas_{given.cells}.h5ad", folder / "bulk.h5ad"
    if not source.exists():
        atlas(source, given.cells)
    keys = ["--cell-type-key", "cell_type", "--donor-key", "donor", "--quiet"]
    plans = {"capped": ["--max-cells-per-type", "200"], "whole": []}
    for name in plans if given.whole else ["capped"]:
        reference = folder / f"{name}_{given.cells}.h5ad"
        print(f"{name}: {given.cells:,} cells x {GENES:,} genes, {' '.join(plans[name]) or 'no cap'}", flush=True)
        measure(scripts / "unmix_reference.py", source, *keys, *plans[name], "--out", reference)
        if not bulk.exists():
            measure(scripts / "unmix_simulate.py", reference, "--samples", SAMPLES, "--quiet", "--out", bulk)
        for method in given.methods:
            model, out = folder / f"{name}.{method}.safetensors", folder / f"{name}.{method}"
            print(method)
            measure(scripts / "unmix_train.py", reference, "--method", method, "--quiet", "--out", model)
            measure(scripts / "unmix_predict.py", model, bulk, "--quiet", "--out-dir", out)


if __name__ == "__main__":
    main()
