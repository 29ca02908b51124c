"""Runs that end without fractions, or are refused before they begin."""

from __future__ import annotations

import json

from .conftest import ROOT, nextflow, trace


def test_a_row_without_any_method_that_can_be_applied_ends_with_a_page_that_says_so(data, tmp_path):
    arguments = ("-profile", "test", "--methods", "music", "--controls", "none", "--input", data / "sheet.csv")
    done = nextflow(tmp_path, "run", ROOT, *arguments)
    assert done.returncode == 0, done.out
    for row in ("first", "second"):
        assert f"unmix: {row} has no fractions, see results/{row}" in done.out
        found = {path.name for path in (tmp_path / "results" / row).iterdir()}
        assert found == {"check", "music", "report.html", "request.json"}
        assert "music needs 2 donors" in (tmp_path / "results" / row / "report.html").read_text()


def test_fail_fast_ends_the_run_at_the_first_row_that_cannot_be_used(broken, tmp_path):
    arguments = ("--methods", "random", "--controls", "none", "--input", broken, "--fail_fast", "true")
    done = nextflow(tmp_path, "run", ROOT, "-profile", "test", *arguments)
    assert done.returncode != 0
    assert "unmix: absent: the row cannot be used (samplesheet): there is no file" in done.out
    assert not (tmp_path / "results" / "first").exists()


def test_a_wrong_samplesheet_is_named_before_anything_runs(tmp_path):
    """Other faults of a samplesheet are in tests/unit/pipeline/test_samplesheet.py."""
    (tmp_path / "sheet.csv").write_text("id,bulk\na,b.tsv\n")
    done = nextflow(tmp_path, "run", ROOT, "-profile", "test", "--input", "sheet.csv")
    assert done.returncode != 0
    assert "sheet.csv has no column reference; it has id, bulk." in done.out
    assert "Traceback" not in done.out
    assert {row["process"] for row in trace(tmp_path)} == {"SAMPLESHEET"}


def test_without_input_nextflow_says_what_to_give(tmp_path):
    done = nextflow(tmp_path, "run", ROOT)
    assert done.returncode != 0
    assert "--input is not given" in done.out


def test_help_shows_every_parameter_and_runs_nothing(tmp_path):
    done = nextflow(tmp_path, "run", ROOT, "--help")
    assert done.returncode == 0, done.out
    groups = json.loads((ROOT / "nextflow_schema.json").read_text())["$defs"].values()
    assert all(f"--{name} " in done.out for group in groups for name in group["properties"])
    assert not (tmp_path / "work").exists() or not any((tmp_path / "work").iterdir())


def test_a_name_of_a_paper_is_answered_with_the_method(data, tmp_path):
    done = nextflow(tmp_path, "run", ROOT, "--methods", "CIBERSORTx", "--input", data / "sheet.csv")
    assert done.returncode != 0
    assert "no method 'CIBERSORTx'" in done.out
    assert "did you mean nusvr?" in done.out
