"""The pipeline with -profile docker: the real Nextflow, every task in the image, through podman behind the shim."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "galaxy_tools" / "test-data"
ROW = {
    "id": "toy",
    "bulk": DATA / "bulk.tsv",
    "reference": DATA / "reference.h5ad",
    "truth": DATA / "truth.tsv",
    "cell_type_key": "cell_type",
    "donor_key": "donor",
}


def nextflow(*arguments, cwd):
    path = f"{ROOT / 'containers' / 'ci'}{os.pathsep}{os.environ['PATH']}"
    command = [ROOT / "scripts" / "nextflow", *arguments]
    environment = {**os.environ, "PATH": path, "NXF_ANSI_LOG": "false"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=900)


#: What holds times or the command, and so differs between two runs.
OTHER = ("run.json", "request.json", "skipped.json", "report.html", "report.json", "index.html", ".unmix.lock")


def arguments(folder, profiles):
    return (
        *("run", ROOT, "-profile", profiles, "-work-dir", folder / "work", "--input", "samplesheet.csv"),
        *("--outdir", "results", "--methods", "scaden,nnls", "--controls", "none"),
    )


@pytest.fixture(scope="module")
def run(image, docker, tmp_path_factory):
    """Run the pipeline once; return its folder and what it printed."""
    folder = tmp_path_factory.mktemp("docker")
    version = docker("image", "inspect", image, "--format", '{{index .Labels "org.opencontainers.image.version"}}')
    docker("tag", image, f"localhost/unmix:{version.stdout.strip()}")
    with (folder / "samplesheet.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ROW)
        writer.writeheader()
        writer.writerow(ROW)
    done = nextflow(*arguments(folder, "docker,test"), cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_fractions_and_report_come_out(run):
    results = run / "results" / "toy"
    table = [line.split("\t") for line in (results / "fractions.tsv").read_text().splitlines()]
    assert len(table) == 7
    for row in table[1:]:
        assert sum(map(float, row[1:])) == pytest.approx(1, abs=1e-6)
    assert "<html" in (results / "report.html").read_text().lower()


def test_tables_have_the_bytes_of_a_run_without_a_container(run, tmp_path):
    """The packages of both are those of the locks; a container with another torch build would show here."""
    shutil.copy(run / "samplesheet.csv", tmp_path)
    done = nextflow(*arguments(tmp_path, "test"), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    files = [path for path in (run / "results" / "toy").rglob("*") if path.is_file() and path.name not in OTHER]
    names = {path.relative_to(run) for path in files if not path.name.endswith((*OTHER, ".xlsx", "_mqc.json"))}
    assert len(names) > 10
    assert [name for name in names if (run / name).read_bytes() != (tmp_path / name).read_bytes()] == []


def test_every_task_ran_in_the_container(run):
    tasks = sorted((run / "work").glob("??/*/.command.run"))
    assert tasks
    for task in tasks:
        assert "docker run" in task.read_text()
    trace = max(run.glob("results/pipeline_info/trace_*.txt"))
    records = [line.split("\t") for line in trace.read_text().splitlines()]
    status, memory = records[0].index("status"), records[0].index("peak_rss")
    assert {record[status] for record in records[1:]} == {"COMPLETED"}
    assert any(record[memory] not in ("-", "0") for record in records[1:])  # Nextflow found ps in the image


def test_gpu_profile_asks_the_engine_for_gpus(image, tmp_path):
    """What is not seen here is a GPU: podman takes the flag and ignores it."""
    done = nextflow("config", ROOT, "-profile", "docker,gpu", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "--gpus all" in done.stdout
