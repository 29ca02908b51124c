#!/usr/bin/env python
"""Check and prediction of 100, 1,000 and 10,000 samples x 20,000 genes x 20 types, as a user runs them.

benchmarks/scale.py FOLDER [METHOD...] [--samples N,N,...] [--types N] [--genes N] [--after]; the bulks (float32) are
made in FOLDER and kept there, so that other types or genes need another FOLDER. Every command is a process of its own,
and is ended after --limit seconds. --after also measures what follows prediction: explanation, expression, consensus,
evaluation and the report. The limit is what no command can do without: one pass over the matrix in memory, and one
product of samples x genes x types, measured in the same run.
"""

from __future__ import annotations

import argparse
import os
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
#: What is explained and expressed (all cell types and samples), and whose answers are combined.
EXPLAINED, EXPRESSED, COMBINED = ("nnls", "scaden"), ("bayesprism",), ("nnls", "dtangle", "bayesprism")
#: Counts of a cell and of a sample; deviation (natural log) of a gene between platforms and between samples.
CELL_DEPTH, DEPTH, PLATFORM, SAMPLE = 4e3, 2e7, 0.5, 0.2
#: Samples that are drawn and written together.
BLOCK = 500

#: Runs a command, for so many CPU seconds, and prints the wall and CPU seconds and the peak memory (MB) of it alone.
CHILD = """
import resource, subprocess, sys, time
resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[1]),) * 2)
started = time.perf_counter()
subprocess.run(sys.argv[2:], check=True, stdout=subprocess.DEVNULL)
wall, used = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
print(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
"""


def profiles(rng: np.random.Generator, types: int, genes: int) -> np.ndarray:
    """Return shares of genes (types x genes): one base, and per type factors of which a twentieth mark the type."""
    base = rng.gamma(0.3, 1, genes) + 1e-4
    factors = np.exp(rng.normal(0, 0.3, (types, genes)))
    factors[rng.random(factors.shape) < 0.05] *= 8
    return base * factors / (base * factors).sum(1, keepdims=True)


def symbols(genes: int) -> np.ndarray:
    """Return names of human genes, and names as those of clones where more are wanted than there are."""
    from unmix.io import gene_tables

    known = sorted(gene_tables.symbols("human"))[:genes]
    return np.array([*known, *(f"AC{i:06d}.1" for i in range(genes - len(known)))], dtype=object)


def make_cells(path: Path, types: int, genes: int) -> None:
    """Write single cells of all types and donors."""
    import anndata as ad
    import pandas as pd
    from scipy import sparse

    rng = np.random.default_rng(0)
    shares = profiles(rng, types, genes)
    type_of = np.tile(np.repeat(np.arange(types), CELLS), DONORS)
    counts = sparse.vstack([sparse.csr_matrix(rng.poisson(CELL_DEPTH * shares[k]).astype(np.float32)) for k in type_of])
    obs = pd.DataFrame(
        {
            "cell_type": np.char.add("type", type_of.astype(str)),
            "donor": np.char.add("donor", np.repeat(np.arange(DONORS), types * CELLS).astype(str)),
        },
        index=np.char.add("cell", np.arange(len(type_of)).astype(str)),
    )
    ad.AnnData(counts, obs, pd.DataFrame(index=symbols(genes))).write_h5ad(path)


def make_bulk(path: Path, samples: int, types: int, genes: int) -> None:
    """Write the counts of a bulk (float32), block by block, and its fractions beside it."""
    import pandas as pd

    rng, truth = np.random.default_rng(0), []
    shares = profiles(rng, types, genes) * np.exp(rng.normal(0, PLATFORM, genes))
    part = path.with_suffix(".part")
    with h5py.File(part, "w") as file:
        file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        matrix = file.create_dataset("X", (samples, genes), "f4")
        matrix.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
        for start in range(0, samples, BLOCK):
            number = min(BLOCK, samples - start)
            truth.append(rng.dirichlet(np.ones(types), number))
            mixed = (truth[-1] @ shares).astype(np.float32)
            mixed *= np.exp(np.float32(SAMPLE) * rng.standard_normal(mixed.shape, np.float32))
            mixed *= np.float32(DEPTH) / mixed.sum(1, keepdims=True)
            matrix[start : start + number] = np.rint(mixed)
        for name, names in (("obs", [f"sample{i}" for i in range(samples)]), ("var", symbols(genes))):
            group = file.create_group(name)
            group.attrs.update({"encoding-type": "dataframe", "encoding-version": "0.2.0", "_index": "_index"})
            group.attrs["column-order"] = np.array([], dtype=h5py.string_dtype())
            stored = group.create_dataset("_index", data=np.array(names, object), dtype=h5py.string_dtype())
            stored.attrs.update({"encoding-type": "string-array", "encoding-version": "0.2.0"})
    names = {"index": [f"sample{i}" for i in range(samples)], "columns": [f"type{k}" for k in range(types)]}
    pd.DataFrame(np.concatenate(truth), **names).to_csv(path.with_suffix(".truth.tsv"), sep="\t", index_label="sample")
    part.rename(path)


def limit(samples: int, types: int, genes: int) -> float:
    """Return the seconds of one pass over a matrix (float32) and of its product with the profiles of the types."""
    matrix, signature = np.ones((samples, genes), np.float32), np.ones((genes, types), np.float32)
    started = time.perf_counter()
    matrix.sum()
    _ = matrix @ signature
    return time.perf_counter() - started


def script(name: str, *arguments: object, seconds: int = 10**6) -> tuple[float, float, float]:
    """Run a script of bin/ for so many CPU seconds at most; return wall seconds, CPU seconds and peak memory (MB).

    Raises
    ------
    subprocess.CalledProcessError
        If it fails or takes longer; what it says is in `stderr`.
    """
    command = [sys.executable, "-c", CHILD, seconds, sys.executable, BIN / name, *arguments, "--quiet"]
    done = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True)
    return tuple(map(float, done.stdout.split()))


def main() -> None:
    """Make what is missing, then check and predict with every method, and do what follows."""
    from unmix import methods

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("methods", nargs="*", default=METHODS)
    parser.add_argument("--samples", default=",".join(map(str, SAMPLES)))
    parser.add_argument("--types", type=int, default=TYPES)
    parser.add_argument("--genes", type=int, default=GENES)
    parser.add_argument("--limit", type=int, default=1800, help="CPU seconds of a command")
    parser.add_argument("--after", action="store_true")
    given = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # every process would compile its modules anew, for 1.6 CPU s
    folder, numbers, size = (
        given.folder,
        [int(number) for number in given.samples.split(",")],
        (given.types, given.genes),
    )
    folder.mkdir(parents=True, exist_ok=True)
    cells, reference = folder / "cells.h5ad", folder / "reference.h5ad"
    if not reference.exists():
        make_cells(cells, *size)
        keys = ["--cell-type-key", "cell_type", "--donor-key", "donor", "--preset", "none"]
        script("unmix_reference.py", cells, *keys, "--out", reference)
    print(f"{'':<24}{'samples':>8}{'wall, s':>10}{'CPU, s':>10}{'MB':>10}{'wall / limit':>14}")
    for number in numbers:
        least, checked, bulk = limit(number, *size), folder / f"checked_{number}", folder / f"bulk_{number}.h5ad"

        def row(part: str, name: str, *arguments: object, number: int = number, least: float = least) -> bool:
            """Run a script and print one line; say whether it was done."""
            try:
                wall, used, memory = script(name, *arguments, seconds=given.limit)
            except subprocess.CalledProcessError as error:
                why = f"over {given.limit} s" if "SIGKILL" in error.stderr else error.stderr.splitlines()[0]
                print(f"{part:<24}{number:>8,}  {why}", flush=True)
                return False
            print(f"{part:<24}{number:>8,}{wall:>10.1f}{used:>10.1f}{memory:>10,.0f}{wall / least:>14,.0f}", flush=True)
            return True

        if not bulk.exists():
            make_bulk(bulk, number, *size)
        if not (checked / "bulk.h5ad").exists():
            row("check", "unmix_check.py", bulk, "--reference", reference, "--out-dir", checked)
        bulk = checked / "bulk.h5ad"
        for method in given.methods:
            model, out = folder / f"{method}.safetensors", folder / f"{method}_{number}"
            bulks = ["--bulk", bulk] if methods.get(method).needs.bulk else []
            if bulks or not model.exists():
                train = [reference, "--method", method, "--device", "cpu", *bulks, "--out", model]
                if not row(f"{method}, training", "unmix_train.py", *train):
                    continue
            row(method, "unmix_predict.py", model, bulk, "--mrna-per-cell", "none", "--out-dir", out)
        if given.after:
            for method in EXPLAINED:
                out = folder / f"attributions_{method}.tsv"
                row(f"explain, {method}", "unmix_explain.py", folder / f"{method}.safetensors", bulk, "--out", out)
            for method in EXPRESSED:
                out = folder / f"expression_{method}.h5ad"
                row(f"express, {method}", "unmix_express.py", folder / f"{method}.safetensors", bulk, "--out", out)
                out.unlink(missing_ok=True)
            answer, truth = folder / f"consensus_{number}", folder / f"bulk_{number}.truth.tsv"
            tables = [folder / f"{method}_{number}" / "fractions_long.tsv" for method in COMBINED]
            row("consensus of 3", "unmix_consensus.py", *tables, "--out-dir", answer)
            metrics = ["--long", answer / "fractions_long.tsv", "--out", answer / "metrics.tsv"]
            row("evaluate", "unmix_evaluate.py", answer / "fractions.tsv", truth, *metrics)
            page = folder / f"report_{number}.html"
            if row("report", "unmix_report.py", answer, "--out", page):
                print(f"report: {page.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
