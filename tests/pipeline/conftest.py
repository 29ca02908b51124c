"""The real Nextflow on a small real input; runs that tests only read are made once."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import anndata as ad
import pytest

from . import kills

ROOT = Path(__file__).resolve().parents[2]
#: music cannot be applied: the demo's cells have no donors.
METHODS = ("music", "nnls", "scaden")
QUICK = ("-profile", "test", "--methods", ",".join(METHODS), "--controls", "random")
#: The smallest run: seven tasks.
TOY = ("--methods", "nnls", "--controls", "none")
TYPES = ("B.cells", "CD4.T.cells", "CD8.T.cells", "NK.cells", "monocytic.lineage")


def nextflow(folder, *arguments, env=None):
    """Run Nextflow in a folder of its own; `out` of the result is all that it printed."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [ROOT / "scripts" / "nextflow", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "NXF_ANSI_LOG": "false", **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    done.out = done.stdout
    return done


def trace(folder):
    """Return the tasks of the last run: process, tag, status, exit, attempt, hash."""
    with max((folder / "results" / "pipeline_info").glob("trace_*.txt")).open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    for row in rows:
        process, _, row["tag"] = row["name"].partition(" ")
        row["process"] = process.rpartition(":")[2].removeprefix("UNMIX_")
    return rows


def tasks(folder, process):
    """Return the tags of the tasks of a process in a run."""
    return [row["tag"] for row in trace(folder) if row["process"] == process]


def table(path):
    """Return the header of a TSV and its rows."""
    header, *rows = [line.split("\t") for line in path.read_text().splitlines()]
    return header, rows


@pytest.fixture(scope="session")
def demo():
    """Return the folder of the demo's input, fetched where it is not there yet."""
    folder = ROOT / ".cache" / "demo"
    if not (folder / "pbmc68k_reduced.h5ad").exists():
        subprocess.run([sys.executable, ROOT / "scripts" / "demo_data.py"], check=True)
    return folder


@pytest.fixture(scope="session")
def data(demo, tmp_path_factory):
    """Return a folder with a small real input: two bulks of six samples, a reference, truth, label map.

    The samplesheet is as a spreadsheet on Windows saves it (byte-order mark, CRLF, a blank line), its paths
    are relative to its own folder, folder and file names hold blanks, and both rows share the reference.
    """
    folder = tmp_path_factory.mktemp("input") / "my data"
    (folder / "files").mkdir(parents=True)
    lines = (demo / "bulk.tsv").read_text().splitlines()
    for name, samples in {"first bulk": slice(0, 6), "second": slice(6, 12)}.items():
        table = [lines[0].split("\t")[samples]] + [
            [gene, *values[samples]] for gene, *values in (line.split("\t") for line in lines[1:])
        ]
        table[0].insert(0, "gene")
        (folder / "files" / f"{name}.tsv").write_text("\n".join("\t".join(row) for row in table) + "\n")
    shutil.copy(demo / "truth.tsv", folder / "files")
    shutil.copy(demo / "pbmc68k_reduced.h5ad", folder / "files")
    shutil.copy(ROOT / "assets" / "demo" / "labels.tsv", folder / "files")
    shared = "files/pbmc68k_reduced.h5ad,bulk_labels,files/labels.tsv"
    rows = [
        "id,bulk,reference,cell_type_key,label_map,truth",
        f"first,files/first bulk.tsv,{shared},files/truth.tsv",
        "",
        f"second,./files/second.tsv,{shared},",
    ]
    (folder / "sheet.csv").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(rows).encode())
    return folder


@pytest.fixture(scope="session")
def broken(data):
    """Return a samplesheet: a negative value, the first row of `finished`, no file, no such column, few genes."""
    lines = (data / "files" / "first bulk.tsv").read_text().splitlines()
    cells = lines[5].split("\t")
    lines[5] = "\t".join([cells[0], "-3.5", *cells[2:]])
    (data / "files" / "negative.tsv").write_text("\n".join(lines) + "\n")
    lines = (data / "files" / "second.tsv").read_text().splitlines()
    known = set(ad.read_h5ad(data / "files" / "pbmc68k_reduced.h5ad", backed="r").var_names)
    panel = [line for line in lines[1:] if line.partition("\t")[0] in known][::2][:300]
    (data / "files" / "panel.tsv").write_text("\n".join([lines[0], *panel]) + "\n")
    header, first, *_ = (data / "sheet.csv").read_text("utf-8-sig").splitlines()
    cells = "files/pbmc68k_reduced.h5ad,bulk_labels,files/labels.tsv,"
    rows = [
        f"negative,files/negative.tsv,{cells}",
        first,
        f"absent,files/none.tsv,{cells}",
        f"column,files/second.tsv,{cells.replace('bulk_labels', 'labels')}",
        f"panel,files/panel.tsv,{cells}",
    ]
    (data / "broken.csv").write_text("\n".join([header, *rows]) + "\n")
    return data / "broken.csv"


@pytest.fixture(scope="session")
def finished(data, tmp_path_factory):
    """Return the folder of a whole run on two rows, and what Nextflow printed."""
    folder = tmp_path_factory.mktemp("finished")
    done = nextflow(folder, "run", ROOT, *QUICK, "--explain", "true", "--input", data / "sheet.csv")
    assert done.returncode == 0, done.out
    return folder, done.out


@pytest.fixture(scope="session")
def toy_run(tmp_path_factory):
    """Return the folder of a run of the smallest sheet, without containers, cluster or faults, and its results."""
    folder = tmp_path_factory.mktemp("toy")
    done = nextflow(folder, "run", ROOT, "-profile", "test", *TOY)
    assert done.returncode == 0, done.out
    return folder, kills.contents(folder)
