"""workflows/benchmark.nf: killed in the middle, resumed, with a method that cannot be applied."""

from __future__ import annotations

import re

import pytest

from unmix.simulate.toy import toy

from . import kills
from .conftest import ROOT, nextflow, trace

WORKFLOW = ROOT / "workflows" / "benchmark.nf"
RUN = (
    "--reference", "reference.h5ad", "--methods", "nnls,gbmpurity", "--controls", "uniform",
    "--scenarios", "donors,noise", "--seeds", "0", "--samples_per_test", "10", "-process.maxForks", "1",
)  # fmt: skip


@pytest.fixture(scope="module")
def resumed(tmp_path_factory):
    """Return the folder of a run that was killed after two of three fits and resumed, and what was done by then."""
    folder = tmp_path_factory.mktemp("benchmark")
    toy(genes=300, cell_types=("B", "NK", "T"))[0].write_h5ad(folder / "reference.h5ad")
    assert kills.run(folder, *RUN, kill_at=6, what=WORKFLOW) != 0
    before = {path.parent.name: path.stat().st_mtime_ns for path in folder.glob("work/??/*/.exitcode")}
    assert kills.run(folder, *RUN, "-resume", what=WORKFLOW) == 0, (folder / "said.txt").read_text()
    return folder, before


def test_finished_work_is_not_repeated(resumed):
    folder, before = resumed
    tasks = trace(folder)
    assert sorted(task["process"] for task in tasks) == ["BENCHMARK_CASES", *["BENCHMARK_FIT"] * 3, "BENCHMARK_PAGE"]
    cached = [task for task in tasks if task["status"] == "CACHED"]
    assert len(cached) >= 2
    assert len(cached) >= len(before) - 1  # Nextflow may not have noted the last one yet
    for path in folder.glob("work/??/*/.exitcode"):
        assert path.stat().st_mtime_ns == before.get(path.parent.name, path.stat().st_mtime_ns)


def test_the_page_has_what_was_measured_and_why_a_method_is_not_there(resumed):
    page = (resumed[0] / "results" / "benchmark" / "index.html").read_text()
    assert "This page is no ranking" in page
    assert "no cell type was named as malignant" in page
    assert re.search(r"nnls\b.*0 of 3", page, re.DOTALL)
    store = resumed[0] / "results" / "benchmark" / "store" / "all"
    assert {path.name for path in store.iterdir()} == {
        "nnls-default-0", "nnls-default-0.json", "nnls-default-0.tsv",
        "uniform-default-0.json", "uniform-default-0.tsv",
        "gbmpurity-default-0.json",
    }  # fmt: skip


def test_without_a_reference_and_without_cases_it_says_what_is_needed(tmp_path):
    done = nextflow(tmp_path, "run", WORKFLOW)
    assert done.returncode != 0
    assert "one of --reference and --cases is needed" in done.out
