"""The pipeline with -profile docker: the real Nextflow, every task in the image, through podman behind the shim."""

from __future__ import annotations

import csv
import os
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
    done = nextflow(
        *("run", ROOT, "-profile", "docker,test", "-work-dir", folder / "work"),
        *("--input", "samplesheet.csv", "--outdir", "results", "--methods", "scaden,nnls"),
        cwd=folder,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_fractions_and_report_come_out(run):
    results = run / "results" / "toy"
    table = [line.split("\t") for line in (results / "fractions.tsv").read_text().splitlines()]
    assert len(table) == 7
    for row in table[1:]:
        assert sum(map(float, row[1:])) == pytest.approx(1, abs=1e-6)
    assert "<html" in (results / "report.html").read_text().lower()


def test_every_task_ran_in_the_container(run):
    tasks = sorted((run / "work").glob("??/*/.command.run"))
    assert tasks
    for task in tasks:
        assert "docker run" in task.read_text()
    records = [line.split("\t") for line in (run / "results/pipeline_info/trace.txt").read_text().splitlines()]
    status, memory = records[0].index("status"), records[0].index("peak_rss")
    assert {record[status] for record in records[1:]} == {"COMPLETED"}
    assert any(record[memory] not in ("-", "0") for record in records[1:])  # Nextflow found ps in the image


def test_gpu_profile_asks_the_engine_for_gpus(image, tmp_path):
    """What is not seen here is a GPU: podman takes the flag and ignores it."""
    done = nextflow("config", ROOT, "-profile", "docker,gpu", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "--gpus all" in done.stdout
