"""What breaks beside the data: the outcome is a sentence, and -resume ends with the bytes of a run without the fault.

Kills of Nextflow and of a training are in test_run.py (``python -m tests.pipeline.kills`` has ten moments), a cancelled
job of a cluster is in test_slurm.py.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from . import kills
from .conftest import ROOT, TOY, nextflow, trace

RUN = ("run", ROOT, "-profile", "test", *TOY)
#: These hold the command, which is another one.
COMMANDS = {"index.html", "toy/request.json"}


def same(folder, toy_run):
    return set(kills.different(kills.contents(folder), toy_run[1])) <= COMMANDS


@pytest.fixture
def small_disk(tmp_path):
    """Return a disk of half a megabyte, and a function that gives it more room."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(size, *options):
        command = ["mount", "-t", "tmpfs", "-o", ",".join([f"size={size}", *options]), "tmpfs", str(place)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done = mount("500k")
    if done.returncode:
        pytest.skip(f"a full disk is not checked here, since none can be mounted: {done.stderr.strip()}")
    yield place, lambda: mount("200m", "remount")
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_ends_the_run_and_resume_completes_it(small_disk, toy_run, tmp_path):
    place, enlarge = small_disk
    done = nextflow(tmp_path, *RUN, "-work-dir", place / "work")
    assert done.returncode != 0
    assert "No space left on device" in done.out
    assert "do: make room" in done.out
    assert enlarge().returncode == 0
    again = nextflow(tmp_path, *RUN, "-work-dir", place / "work", "-resume")
    assert again.returncode == 0, again.out
    assert same(tmp_path, toy_run)


def test_a_spoilt_model_is_never_used_and_without_it_resume_gives_the_same_bytes(toy_run):
    folder = toy_run[0]
    (model,) = (path for path in folder.glob("work/*/*/*.safetensors") if not path.is_symlink())
    model.write_bytes(model.read_bytes()[:2000])
    spoilt = nextflow(folder, *RUN, "-resume")
    assert spoilt.returncode == 0, spoilt.out
    assert "toy: nnls failed in predict" in spoilt.out
    row = folder / "results" / "toy"
    assert [path.name for path in (row / "nnls").iterdir()] == ["skipped.json"]  # and no fractions of the first run
    assert not list(row.glob("*fractions*.tsv"))
    shutil.rmtree(model.parent)
    again = nextflow(folder, *RUN, "-resume")
    assert again.returncode == 0, again.out
    assert {row["process"] for row in trace(folder) if row["status"] == "COMPLETED"} >= {"TRAIN"}
    assert same(folder, toy_run)


def test_a_container_engine_that_is_not_there_is_named(tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    for folder in os.environ["PATH"].split(os.pathsep):
        for path in Path(folder).glob("*"):
            if path.name not in ("docker", "podman") and not (tools / path.name).is_symlink():
                (tools / path.name).symlink_to(path)
    done = nextflow(tmp_path, "run", ROOT, "-profile", "test,podman", *TOY, env={"PATH": str(tools)})
    assert done.returncode != 0
    assert "unmix: podman is not there." in done.out


def test_fractions_of_an_earlier_run_do_not_stay_beside_the_reason_why_there_are_none_now(tmp_path):
    row = tmp_path / "results" / "toy"
    for folder, names in {row / "nnls": ("fractions.tsv", "metrics.tsv"), row / "mine": ("fractions.tsv",)}.items():
        folder.mkdir(parents=True)
        for name in names:
            (folder / name).write_text(f"{name} of {folder.name}")
            record = {"step": "predict", "outputs": {name: {}, "../../../kept": {}}}
            (folder / f"{name.removesuffix('.tsv')}.run.json").write_text(json.dumps(record))
    shutil.copy(row / "nnls" / "fractions.tsv", row)
    (tmp_path / "kept").write_text("")
    (tmp_path / "sheet.csv").write_text("id,bulk,reference\ntoy,absent.tsv,absent.h5ad\n")
    done = nextflow(tmp_path, "run", ROOT, "-profile", "test", *TOY, "--input", "sheet.csv")
    assert done.returncode == 0, done.out
    assert "toy: the row cannot be used" in done.out
    assert not list((row / "nnls").iterdir())
    assert not (row / "fractions.tsv").exists()
    assert (row / "mine" / "fractions.tsv").exists()  # of a method that this run does not give
    assert (tmp_path / "kept").exists()


def test_two_runs_do_not_write_into_one_folder_of_results(tmp_path):
    first = tmp_path / "results" / "pipeline_info" / "trace_2026-01-01_00-00-00.txt"
    first.parent.mkdir(parents=True)
    first.write_text("of the run that is going on")
    with (tmp_path / "results" / ".unmix.lock").open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)  # as a run that is still going on
        done = nextflow(tmp_path, *RUN, "-stub-run")
    assert done.returncode != 0
    assert "another run writes into results." in done.out
    assert {path.name for path in (tmp_path / "results").iterdir()} == {".unmix.lock", "pipeline_info"}
    assert first.read_text() == "of the run that is going on"
    assert not list(tmp_path.glob("work/*/*/.command.run"))
