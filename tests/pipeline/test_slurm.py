"""``-profile slurm`` on a real SLURM of one node: the bytes of a run without it, a job that is cancelled, no memory."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from pathlib import Path

import pytest

from . import kills, slurm
from .conftest import ROOT, TOY, nextflow, trace

#: Its own poll and limits: the defaults are those of a large cluster.
QUICK = """
executor.pollInterval      = '500 ms'
executor.queueStatInterval = '1 sec'
executor.exitReadTimeout   = '20 sec'
executor.submitRateLimit   = null
process.resourceLimits     = [cpus: 1, memory: 6.GB, time: 1.h]
"""
RUN = ("run", ROOT, "-profile", "test,slurm", *TOY, "-c", "quick.config")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Return the environment of a running SLURM."""
    if why := slurm.missing():
        pytest.skip(f"-profile slurm is not checked here: {why}")
    with contextlib.ExitStack() as stack:
        try:
            settings = stack.enter_context(slurm.running(tmp_path_factory.mktemp("slurm")))
        except (subprocess.CalledProcessError, RuntimeError) as error:
            pytest.skip(f"-profile slurm is not checked here: SLURM does not start ({error})")
        yield settings


def cancel_the_first(name, environment, stop):
    """Cancel the first job with a name in it, as soon as its script runs: before, Nextflow's wrapper may end with 1."""
    while not stop.is_set():
        rows = slurm.said(environment, "squeue", "-h", "-t", "RUNNING", "-o", "%i\t%j\t%Z").splitlines()
        for number, job, folder in (row.split("\t") for row in rows):
            if name in job and Path(folder, ".command.err").exists():
                subprocess.run(["scancel", number], env=environment, check=True)
                return
        time.sleep(0.1)


def test_a_run_with_a_cancelled_job_gives_the_bytes_of_a_run_without_slurm(cluster, toy_run, tmp_path):
    (tmp_path / "quick.config").write_text(QUICK)
    stop = threading.Event()
    thread = threading.Thread(target=cancel_the_first, args=("UNMIX_TRAIN", {**os.environ, **cluster}, stop))
    thread.start()
    done = nextflow(tmp_path, *RUN, env=cluster)
    stop.set()
    thread.join()
    assert done.returncode == 0, done.out
    rows = trace(tmp_path)
    trained = [(row["status"], row["attempt"]) for row in rows if row["process"] == "TRAIN"]
    assert sorted(trained) == [("COMPLETED", "2"), ("FAILED", "1")]
    assert {row["native_id"].isdigit() for row in rows} == {True}
    assert len(list(tmp_path.glob("work/*/*/.command.run"))) == len(rows)
    found = kills.different(kills.contents(tmp_path), toy_run[1])
    assert set(found) <= {"index.html", "toy/request.json"}  # these hold the command


def test_a_partition_without_the_memory_ends_the_run_with_a_sentence(cluster, tmp_path):
    (tmp_path / "quick.config").write_text(QUICK)
    done = nextflow(tmp_path, *RUN, "--queue", "small", env=cluster)
    assert done.returncode != 0
    assert "unmix: the scheduler did not take a job" in done.out
    assert "--queue" in done.out
