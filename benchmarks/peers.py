#!/usr/bin/env python
"""Other programs beside unmix's counterparts: CPU time, memory, error and agreement on one input, in one run, one core.

benchmarks/peers.py FOLDER [PEER...] [--write]; every program gets an environment of its own in FOLDER (about 3 GB in
all; asks the package index). Both sides run from cells and bulk to fractions, start-up included, with the same numbers
of steps, pseudobulk or rounds of a chain. The input is simulated by the development data (UNMIX_SHARED). Rows are kept
in FOLDER/rows.json, where a program is measured anew when it is named; `--write` puts them into docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"

import page  # noqa: E402 - the bounds above must come before
from speed import BIN, SHARED, command  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
#: Size of the input: genes, cells of the reference and of the bulk, samples.
SIZE = ["--genes", "1000", "--ref-cells", "600", "--held-cells", "600", "--mixtures", "10"]
#: CPU seconds after which a program is ended.
LIMIT = 300
#: Read by every program: cells and bulk as tables of names x genes.
READ = """
import numpy as np, pandas as pd
cells, types = pd.read_csv("cells.csv", index_col=0), pd.read_csv("types.csv")["cell_type"]
bulk = pd.read_csv("bulk.csv", index_col=0)
"""
#: An override of uv by which nothing installs torch.
WITHOUT_TORCH = 'torch ; sys_platform == "never"\n'


@dataclass(frozen=True)
class Peer:
    """A program: what is installed, its code (from the tables of `READ` to fractions.csv), and unmix's counterpart.

    `torch` says that it takes torch from the environment of unmix, since the index's own has 5 GB.
    """

    packages: tuple[str, ...]
    code: str
    method: str
    options: tuple[str, ...] = ()
    torch: bool = False
    bulk: bool = False


def settings(*pairs: str) -> tuple[str, ...]:
    """Return options of unmix_train.py: the published recipe with these settings."""
    return ("--recipe", "published", *(word for pair in pairs for word in ("--set", pair)))


PEERS = {
    "autogenes": Peer(
        ("autogenes==1.0.4",),
        """
import autogenes as ag
means = (cells.T / cells.sum(axis=1)).T.groupby(types.to_numpy()).mean() * 1e6
ag.init(means)
ag.optimize(ngen=100, nfeatures=300, seed=0, mode="fixed", offspring_size=100, verbose=False)
found = np.clip(ag.deconvolve((bulk.T / bulk.sum(axis=1)).T * 1e6, model="nnls"), 0, None)
pd.DataFrame(found, bulk.index, means.index).to_csv("fractions.csv")
""",
        "nnls",
    ),
    "rectanglepy": Peer(
        ("rectanglepy==1.7.0",),
        """
import anndata as ad, rectanglepy
data = ad.AnnData(cells, pd.DataFrame({"cell_type": types.to_numpy()}, cells.index))
found = rectanglepy.rectangle(data, (bulk.T / bulk.sum(axis=1)).T * 1e6, n_cpus=1)[0]
found.to_csv("fractions.csv")
""",
        "dwls",
    ),
    "scaden": Peer(
        ("scaden==1.1.2", "tensorflow<2.16", "numpy<2", "setuptools<81"),
        """
import subprocess, sys, pathlib
cells.reset_index(drop=True).to_csv("a_counts.txt", sep="\\t")
types.to_frame("Celltype").to_csv("a_celltypes.txt", sep="\\t")
bulk.T.to_csv("bulk.txt", sep="\\t")
scaden = pathlib.Path(sys.executable).parent / "scaden"
for arguments in (
    "simulate --data . --n_samples 300 --cells 100 --pattern *_counts.txt",
    "process data.h5ad bulk.txt",
    "train processed.h5ad --model_dir model --steps 50",
    "predict bulk.txt --model_dir model --outname predicted.txt",
):
    subprocess.run([scaden, *arguments.split()], check=True)
pd.read_csv("predicted.txt", sep="\\t", index_col=0).to_csv("fractions.csv")
""",
        "scaden",
        settings("train.steps=50", "simulation.samples=300", "simulation.cells=100"),
    ),
    "scTAPE": Peer(
        ("scTAPE==1.1.2",),
        """
import functools, torch
torch.load = functools.partial(torch.load, weights_only=False)  # it reads its model as torch below 2.6 does
from TAPE import Deconvolution
from TAPE.simulation import generate_simulated_data
data = generate_simulated_data(cells.set_axis(types.to_numpy(), axis=0), samplenum=1000)
found = Deconvolution(data, bulk, datatype="counts", mode="overall", adaptive=True, epochs=10, batch_size=128)[1]
found.to_csv("fractions.csv")
""",
        "tape",
        ("--recipe", "published_adaptive", "--set", "train.steps=80", "--set", "simulation.samples=1000"),
        torch=True,
    ),
    "pybayesprism": Peer(
        ("pybayesprism==0.1.0",),
        """
from pybayesprism import extract, prism
names, chain = types.to_numpy(), {"chain.length": 200, "burn.in": 100, "thinning": 2}
made = prism.Prism.new(cells, "count.matrix", names, names, None, bulk)
done = made.run(n_cores=1, update_gibbs=False, gibbs_control=chain)  # its update of the profiles ends in an error
extract.get_fraction(done, "first", "type").to_csv("fractions.csv")
""",
        "bayesprism",
        settings("sampler=gibbs", "update=false", "chain=200", "burn=100"),
    ),
    "bayesprism": Peer(
        ("bayesprism==0.1.0",),
        """
import bayesprism as bp
from returns.maybe import Nothing, Some
made = bp.new_prism(cells.to_numpy(np.float32), list(types), Nothing, bulk.to_numpy(np.float32), Nothing,
                    Some(tuple(bulk.columns)), Some(tuple(bulk.index))).unwrap()
chain = Some(bp.GibbsControl(chain_length=200, burn_in=100, thinning=2))
done = bp.run_prism(made, gibbs_control=chain).unwrap()
found = bp.get_fraction(done).unwrap().to_pandas()
found.set_index(found.columns[0]).to_csv("fractions.csv")
""",
        "bayesprism",
        settings("sampler=gibbs", "chain=200", "burn=100"),
        torch=True,
        bulk=True,
    ),
}


def make_case(folder: Path) -> Path:
    """Simulate cells and bulk, as h5ad for unmix and as tables for the others; return their folder."""
    import anndata as ad
    import pandas as pd

    case = folder / "case"
    if (case / "types.csv").exists():
        return case
    command([sys.executable, SHARED / "peers" / "make_case.py", "--out", case, *SIZE])
    cells = ad.read_h5ad(case / "ref.h5ad")
    pd.read_csv(case / "bulk_genes_x_samples.txt", sep="\t", index_col=0).T.to_csv(case / "bulk.csv")
    cells.to_df().to_csv(case / "cells.csv")
    cells.obs[["Celltype"]].set_axis(["cell_type"], axis=1).to_csv(case / "types.csv", index=False)
    return case


def environment(name: str, peer: Peer, folder: Path) -> Path:
    """Return the Python of an environment that has the program; made where it is missing.

    Raises
    ------
    subprocess.CalledProcessError
        If it cannot be installed; `stderr` says why.
    """
    place = folder / f"environment-{name}"
    python = place / "bin" / "python"
    if (place / "installed").exists():
        return python
    uv = next((path for path in (ROOT / ".cache/uv/bin/uv",) if path.exists()), Path("uv"))
    kept = {"check": True, "capture_output": True, "text": True}
    subprocess.run([uv, "venv", "--clear", "--python", sys.executable, place], **kept)
    override = folder / "without_torch.txt"
    override.write_text(WITHOUT_TORCH)
    less = ["--override", override] if peer.torch else []
    subprocess.run([uv, "pip", "install", "--python", python, *less, *peer.packages], **kept)
    if peer.torch:
        own = subprocess.run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], **kept)
        (Path(own.stdout.strip()) / "torch_of_unmix.pth").write_text(sysconfig.get_path("purelib"))
    (place / "installed").touch()
    return python


def of_peer(python: Path, peer: Peer, case: Path, out: Path) -> tuple[float, float]:
    """Run a program; return CPU seconds and peak memory (MB)."""
    out.mkdir(exist_ok=True)
    for name in ("cells.csv", "types.csv", "bulk.csv"):
        (out / name).unlink(missing_ok=True)
        (out / name).symlink_to((case / name).resolve())
    (out / "run.py").write_text(READ + peer.code)
    bound = f"import os, resource; resource.setrlimit(resource.RLIMIT_CPU, ({LIMIT},) * 2)"
    return command([python, "-c", f"{bound}; os.chdir({str(out)!r}); exec(open('run.py').read())"])


def of_unmix(peer: Peer, case: Path, out: Path) -> tuple[float, float]:
    """Run the three steps of unmix; return CPU seconds of all and the largest peak memory (MB)."""
    out.mkdir(exist_ok=True)
    reference, model, bulk = out / "reference.h5ad", out / "model.safetensors", case / "bulk_genes_x_samples.txt"
    keys = ["--cell-type-key", "Celltype", "--donor-key", "donor", "--preset", "none"]
    seen = ["--bulk", bulk, "--unit", "counts"] if peer.bulk else []
    steps = [
        ["unmix_reference.py", case / "ref.h5ad", *keys, "--out", reference],
        ["unmix_train.py", reference, "--method", peer.method, *peer.options, *seen, "--device", "cpu", "--out", model],
        ["unmix_predict.py", model, bulk, "--unit", "counts", "--mrna-per-cell", "none", "--out-dir", out],
    ]
    used, memory = zip(*(command([sys.executable, BIN / name, *rest, "--quiet"]) for name, *rest in steps), strict=True)
    return sum(used), max(memory)


def measured(name: str, peer: Peer, folder: Path, case: Path) -> list[str]:
    """Run a program and unmix, and return a row of the table; why there is none, if the program fails."""
    import numpy as np
    import pandas as pd

    try:
        python = environment(name, peer, folder)
        theirs = of_peer(python, peer, case, folder / name)
    except subprocess.CalledProcessError as error:
        said = error.stderr or ""
        lines = re.findall(r"^\w+Error: .*|.*No solution.*|.*Failed to .*", said, re.MULTILINE) or ["no reason given"]
        what = "could not be installed" if "install" in error.cmd else "failed"
        why = f"over {LIMIT} CPU s" if "SIGKILL" in said else f"{what}: {lines[0].strip()[:150]}"
        return [peer.packages[0], peer.method, why, *[""] * 4]
    ours = of_unmix(peer, case, folder / f"unmix-{name}")
    truth = pd.read_csv(case / "truth.csv", index_col=0)
    tables = [
        pd.read_csv(folder / name / "fractions.csv", index_col=0),
        pd.read_csv(folder / f"unmix-{name}" / "fractions.tsv", sep="\t", index_col=0),
    ]
    tables = [table.loc[truth.index, truth.columns] for table in tables]
    tables = [table.div(table.sum(axis=1), axis=0) for table in tables]
    errors = [f"{np.sqrt(((table - truth) ** 2).to_numpy().mean()):.3f}" for table in tables]
    alike = np.corrcoef(*(table.to_numpy().ravel() for table in tables))[0, 1]
    ratios = [f"{ours[0] / theirs[0]:.2f} ({ours[0]:.1f} / {theirs[0]:.1f} s)"]
    ratios += [f"{ours[1] / theirs[1]:.2f} ({ours[1]:,.0f} / {theirs[1]:,.0f} MB)"]
    return [peer.packages[0], " ".join((peer.method, *peer.options)), *ratios, *errors[::-1], f"{alike:.3f}"]


def main() -> None:
    """Measure every program, print one line for each, and keep the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("peers", nargs="*", default=list(PEERS))
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    folder = given.folder.resolve()
    case, kept = make_case(folder), folder / "rows.json"
    rows = json.loads(kept.read_text()) if kept.exists() else {}
    for name in given.peers:
        rows[name] = measured(name, PEERS[name], folder, case)
        print(*rows[name], sep="  ", flush=True)
        kept.write_text(json.dumps(rows))
    if given.write:
        header = ["program", "unmix", "CPU time, unmix / program", "memory", "RMSE, unmix", "RMSE, program", "r"]
        page.write("peers", header, [rows[name] for name in PEERS if name in rows])


if __name__ == "__main__":
    main()
