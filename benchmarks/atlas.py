#!/usr/bin/env python
"""A million synthetic cells through reference and train: peak memory and CPU time of each command, limit 2 GB.

benchmarks/atlas.py FOLDER [METHOD...]; the atlas (2.4 GB) is made in FOLDER and kept there.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
CELLS, GENES, PER_CELL, TYPES, DONORS = 1_000_000, 20_000, 200, 20, 10
LIMIT_MB = 2048


def atlas(path: Path, seed: int = 0) -> None:
    """Write the atlas block by block: every type has its own order of genes, Zipf-like, so that types differ."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(10, GENES + 10)
    weights /= weights.sum()
    orders = np.stack([rng.permutation(GENES) for _ in range(TYPES)])
    type_of, donor_of = rng.integers(0, TYPES, CELLS), rng.integers(0, DONORS, CELLS)
    part = path.with_suffix(".part")
    with h5py.File(part, "w") as file:
        file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        matrix = file.create_group("X")
        matrix.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0", "shape": (CELLS, GENES)})
        data = matrix.create_dataset("data", (CELLS * PER_CELL,), "f4")
        indices = matrix.create_dataset("indices", (CELLS * PER_CELL,), "i4")
        matrix["indptr"] = np.arange(0, CELLS * PER_CELL + 1, PER_CELL, dtype=np.int64)
        for start in range(0, CELLS, 10_000):
            rank = rng.choice(GENES, (10_000, PER_CELL), p=weights)
            found = np.sort(orders[type_of[start : start + 10_000, None], rank], axis=1)
            found += np.cumsum(np.diff(found, axis=1, prepend=-1) == 0, axis=1)  # no gene twice in a cell
            place = slice(start * PER_CELL, (start + 10_000) * PER_CELL)
            indices[place] = np.minimum(found, GENES - PER_CELL + np.arange(PER_CELL)).ravel()
            data[place] = rng.geometric(0.4, 10_000 * PER_CELL)
        columns = {
            "_index": np.char.add("c", np.arange(CELLS).astype(str)),
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
    print(f"{Path(command[0]).name:<20} {seconds:7.1f} CPU s {peak:6d} MB  {'ok' if peak < LIMIT_MB else 'OVER 2 GB'}")


MEASURED = """
import resource, subprocess, sys
subprocess.run([sys.executable, *sys.argv[1:]], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def main(folder: Path, methods: list[str]) -> None:
    """Make the atlas if it is not there, then run the commands with and without a cap of cells."""
    folder.mkdir(parents=True, exist_ok=True)
    source, scripts = folder / "atlas.h5ad", ROOT / "bin"
    if not source.exists():
        atlas(source)
    keys = ["--cell-type-key", "cell_type", "--donor-key", "donor", "--quiet"]
    for cap, name in ((["--max-cells-per-type", "200"], "capped"), ([], "whole")):
        reference = folder / f"{name}.h5ad"
        print(f"{name}: {CELLS:,} cells x {GENES:,} genes, {' '.join(cap) or 'no cap'}")
        measure(scripts / "unmix_reference.py", source, *keys, *cap, "--out", reference)
        for method in methods:
            out = folder / f"{name}.{method}.safetensors"
            measure(scripts / "unmix_train.py", reference, "--method", method, "--quiet", "--out", out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or ["nnls", "scaden"])
