"""workflows/tune.nf: killed in the middle and resumed, it finds what the search in one process finds, to the byte."""

from __future__ import annotations

import subprocess
import sys

import pytest

from unmix.simulate.toy import toy

from . import kills
from .conftest import ROOT, trace

WORKFLOW = ROOT / "workflows" / "tune.nf"
RUN = (
    "--reference", "reference.h5ad", "--method", "nnls", "--trials", "5", "--samples_per_trial", "10",
    "--ranges", "max_ratio=0:10; genes.per_type=20:400:log", "-process.maxForks", "2",
)  # fmt: skip


@pytest.fixture(scope="module")
def resumed(tmp_path_factory):
    """Return the folder of a search that was killed in its first round and resumed."""
    folder = tmp_path_factory.mktemp("tune")
    toy(genes=300, cell_types=("B", "NK", "T"))[0].write_h5ad(folder / "reference.h5ad")
    # at the end of the third trial: Nextflow has noted the first by then
    assert kills.run(folder, *RUN, kill_at=9, what=WORKFLOW) != 0
    assert kills.run(folder, *RUN, "-resume", what=WORKFLOW) == 0, (folder / "said.txt").read_text()
    return folder


def test_it_finds_what_one_process_finds(resumed):
    ranges = ("--range", "max_ratio=0:10", "--range", "genes.per_type=20:400:log")
    given = ("reference.h5ad", "--method", "nnls", "--trials", "5", "--samples", "10", *ranges, "--out", "one.json")
    subprocess.run([sys.executable, ROOT / "bin" / "unmix_tune.py", *given], cwd=resumed, check=True)
    for one, fanned in (("one.json", "tuned.json"), ("one.trials.tsv", "tuned.trials.tsv")):
        assert (resumed / "results" / "tuning" / fanned).read_bytes() == (resumed / one).read_bytes()


def test_every_trial_is_a_task_and_what_was_finished_is_not_done_again(resumed):
    tasks = trace(resumed)
    assert sorted(task["tag"] for task in tasks if task["process"] == "TUNE_TRIAL") == [
        f"(nnls: {number})" for number in range(5)
    ]
    cached = [task["process"] for task in tasks if task["status"] == "CACHED"]
    assert "TUNE" in cached
    assert cached.count("TUNE_TRIAL") >= 1
