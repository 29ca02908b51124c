#!/usr/bin/env python
"""Check and prediction of 100, 1,000 and 10,000 samples x 20,000 genes x 20 types, as a user runs them.

benchmarks/scale.py FOLDER [METHOD...] [--samples N,N,...]; the bulks (float32) are made in FOLDER and kept there. Every
command is a process of its own. The limit is what no command can do without: one pass over the matrix in memory, and
one product of samples x genes x types, measured in the same run.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / "bin"
METHODS = ("nnls", "ols", "epic", "quantiseq", "dtangle", "bayesprism", "abis", "jointlog", "scaden", "dissect",
           "hascad")  # fmt: skip
SAMPLES, GENES, TYPES, DONORS, CELLS = (100, 1_000, 10_000), 20_000, 20, 5, 12
#: Counts of a cell and of a sample; deviation (natural log) of a gene between platforms and between samples.
CELL_DEPTH, DEPTH, PLATFORM, SAMPLE = 4e3, 2e7, 0.5, 0.2
#: Samples that are drawn and written together.
BLOCK = 500

#: Runs a command and prints the wall and CPU seconds and the peak memory (MB) of it alone.
CHILD = """
import resource, subprocess, sys, time
started = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
wall, used = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
print(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
"""


def profiles(rng: np.random.Generator) -> np.ndarray:
    """Return shares of genes (types x genes): one base, and per type factors of which a twentieth mark the type."""
    base = rng.gamma(0.3, 1, GENES) + 1e-4
    factors = np.exp(rng.normal(0, 0.3, (TYPES, GENES)))
    factors[rng.random(factors.shape) < 0.05] *= 8
    return base * factors / (base * factors).sum(1, keepdims=True)


def symbols() -> np.ndarray:
    """Return names of human genes."""
    from unmix.io import gene_tables

    return np.array(sorted(gene_tables.symbols("human"))[:GENES], dtype=object)


def make_cells(path: Path) -> None:
    """Write single cells of all types and donors."""
    import anndata as ad
    import pandas as pd
    from scipy import sparse

    rng = np.random.default_rng(0)
    shares = profiles(rng)
    type_of = np.tile(np.repeat(np.arange(TYPES), CELLS), DONORS)
    counts = sparse.vstack([sparse.csr_matrix(rng.poisson(CELL_DEPTH * shares[k]).astype(np.float32)) for k in type_of])
    obs = pd.DataFrame(
        {
            "cell_type": np.char.add("type", type_of.astype(str)),
            "donor": np.char.add("donor", np.repeat(np.arange(DONORS), TYPES * CELLS).astype(str)),
        },
        index=np.char.add("cell", np.arange(len(type_of)).astype(str)),
    )
    ad.AnnData(counts, obs, pd.DataFrame(index=symbols())).write_h5ad(path)


def make_bulk(path: Path, samples: int) -> None:
    """Write the counts of a bulk (float32), block by block."""
    rng = np.random.default_rng(0)
    shares = profiles(rng) * np.exp(rng.normal(0, PLATFORM, GENES))
    part = path.with_suffix(".part")
    with h5py.File(part, "w") as file:
        file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        matrix = file.create_dataset("X", (samples, GENES), "f4")
        matrix.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
        for start in range(0, samples, BLOCK):
            number = min(BLOCK, samples - start)
            mixed = (rng.dirichlet(np.ones(TYPES), number) @ shares).astype(np.float32)
            mixed *= np.exp(np.float32(SAMPLE) * rng.standard_normal(mixed.shape, np.float32))
            mixed *= np.float32(DEPTH) / mixed.sum(1, keepdims=True)
            matrix[start : start + number] = np.rint(mixed)
        for name, names in (("obs", [f"sample{i}" for i in range(samples)]), ("var", symbols())):
            group = file.create_group(name)
            group.attrs.update({"encoding-type": "dataframe", "encoding-version": "0.2.0", "_index": "_index"})
            group.attrs["column-order"] = np.array([], dtype=h5py.string_dtype())
            stored = group.create_dataset("_index", data=np.array(names, object), dtype=h5py.string_dtype())
            stored.attrs.update({"encoding-type": "string-array", "encoding-version": "0.2.0"})
    part.rename(path)


def limit(samples: int) -> float:
    """Return the seconds of one pass over a matrix (float32) and of its product with the profiles of the types."""
    matrix, signature = np.ones((samples, GENES), np.float32), np.ones((GENES, TYPES), np.float32)
    started = time.perf_counter()
    matrix.sum()
    _ = matrix @ signature
    return time.perf_counter() - started


def script(name: str, *arguments: object) -> tuple[float, float, float]:
    """Run a script of bin/; return wall seconds, CPU seconds and peak memory (MB)."""
    command = [sys.executable, "-c", CHILD, sys.executable, BIN / name, *arguments, "--quiet"]
    done = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True)
    return tuple(map(float, done.stdout.split()))


def row(part: str, samples: int, measured: tuple[float, float, float], least: float) -> None:
    """Print one line."""
    wall, used, memory = measured
    print(f"{part:<16}{samples:>8,}{wall:>10.1f}{used:>10.1f}{memory:>10,.0f}{wall / least:>14,.0f}", flush=True)


def main() -> None:
    """Make what is missing, then check and predict with every method."""
    from unmix import methods

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("methods", nargs="*", default=METHODS)
    parser.add_argument("--samples", default=",".join(map(str, SAMPLES)))
    given = parser.parse_args()
    folder, numbers = given.folder, [int(number) for number in given.samples.split(",")]
    folder.mkdir(parents=True, exist_ok=True)
    cells, reference = folder / "cells.h5ad", folder / "reference.h5ad"
    if not reference.exists():
        make_cells(cells)
        keys = ["--cell-type-key", "cell_type", "--donor-key", "donor", "--preset", "none"]
        script("unmix_reference.py", cells, *keys, "--out", reference)
    print(f"{'':<16}{'samples':>8}{'wall, s':>10}{'CPU, s':>10}{'MB':>10}{'wall / limit':>14}")
    for number in numbers:
        least, checked, bulk = limit(number), folder / f"checked_{number}", folder / f"bulk_{number}.h5ad"
        if not bulk.exists():
            make_bulk(bulk, number)
        row("check", number, script("unmix_check.py", bulk, "--reference", reference, "--out-dir", checked), least)
        for method in given.methods:
            model, out = folder / f"{method}.safetensors", folder / f"{method}_{number}"
            if not model.exists():
                bulks = ["--bulk", bulk] if methods.get(method).needs.bulk else []
                script("unmix_train.py", reference, "--method", method, "--device", "cpu", *bulks, "--out", model)
            predict = ["unmix_predict.py", model, checked / "bulk.h5ad", "--mrna-per-cell", "none", "--out-dir", out]
            row(method, number, script(*predict), least)


if __name__ == "__main__":
    main()
