"""kill -9 of every step: nothing half written, and the same bytes after the next run, which cleans."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.hostile import kills

#: Here; ``python -m tests.hostile --kills 10`` has ten.
MOMENTS = 4
ROOT = Path(__file__).resolve().parents[2]
#: Steps that write nothing but one table that no other reads, or bring files of others; repeat runs others, in a new
# folder; the benchmark and the search of settings are killed in tests/unit/benchmark.
WITHOUT = {"methods", "models", "samplesheet", "download", "benchmark", "crate", "repeat", "tune"}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    kills.make_files(folder)
    return folder


@pytest.mark.parametrize("step", kills.STEPS)
def test_a_step_that_is_killed_ends_with_the_same_bytes(files, tmp_path, step):
    died, _ = kills.killed(step, files, tmp_path, MOMENTS)
    assert died >= (1 if step in ("train a network", "run") else MOMENTS - 1)


def test_every_script_is_killed(files, tmp_path):
    scripts = {path.stem.removeprefix("unmix_") for path in (ROOT / "bin").glob("unmix_*.py")}
    assert {kills.command(step, files, tmp_path)[0] for step in kills.STEPS} == scripts - WITHOUT
