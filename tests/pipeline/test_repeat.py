"""A run of the pipeline, repeated from its folder of results."""

from __future__ import annotations

import subprocess
import sys

from .conftest import ROOT


def test_a_run_is_repeated_from_its_folder_of_results(toy_run, tmp_path):
    results = toy_run[0] / "results"
    command = [sys.executable, str(ROOT / "bin" / "unmix_repeat.py"), str(results), "--out-dir", "again"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line.split("\t") for line in (tmp_path / "again" / "repeat.tsv").read_text().splitlines()[1:]]
    assert {line[3] for line in lines} == {"yes"}
    assert {"toy/nnls/fractions.tsv", "toy/fractions.tsv", "models/cells.nnls.safetensors", "summary.tsv"} <= {
        line[0] for line in lines
    }
    read = {path.name for path in (tmp_path / "again" / "inputs").rglob("*") if path.is_file()}
    assert read == {"bulk.tsv", "cells.h5ad", "truth.tsv"}
