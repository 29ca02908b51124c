"""A run from a samplesheet to fractions, twice, resumed, as a stub; and runs in which something goes wrong."""

from __future__ import annotations

import filecmp
import html
import json
import signal
import subprocess
import sys

import anndata as ad
import pandas as pd
import pytest

import unmix
from unmix.report.beside import FILES

from . import kills
from .conftest import METHODS, QUICK, ROOT, TYPES, nextflow, table, tasks, trace


def test_fractions_of_every_sample_sum_to_one(finished):
    results = finished[0] / "results"
    for row, samples in {"first": 6, "second": 6}.items():
        header, rows = table(results / row / "fractions.tsv")
        assert header == ["sample (cell fraction)", *TYPES]
        assert len(rows) == samples
        for _sample, *fractions in rows:
            assert sum(map(float, fractions)) == pytest.approx(1, abs=1e-6)


def test_levels_of_cell_types_sum_to_the_fractions(finished):
    row = finished[0] / "results" / "first" / "nnls"
    header, rows = table(row / "levels.tsv")
    assert header[:5] == ["sample", "level", "cell_type", "members", "fraction"]
    sums = {sample: sum(map(float, fractions)) for sample, *fractions in table(row / "fractions.tsv")[1]}
    for level in {line[1] for line in rows}:
        for sample, whole in sums.items():
            held = [float(line[4]) for line in rows if line[:2] == [sample, level]]
            assert sum(held) == pytest.approx(whole, abs=1e-5)


def test_results_are_laid_out_as_the_contract_says(finished):
    results = finished[0] / "results"
    tables = {*("fractions.tsv", "fractions_mrna.tsv", "fractions_long.tsv", "levels.tsv", "held_out.tsv", "run.json")}
    tables |= {"fit.tsv", "fit_markers.tsv"}
    top = tables - {"held_out.tsv"}
    control = {"fractions.tsv", "fractions_long.tsv", "levels.tsv", "run.json"}
    evaluated = {"metrics.tsv", "metrics.run.json", "pairs.tsv"}
    explained = {"attributions.tsv", "attributions.svg", "attributions.run.json"}
    for row, given, headline in (("first", tables | evaluated, top | {"metrics.tsv"}), ("second", tables, top)):
        assert {path.name for path in (results / row).iterdir()} == {
            *headline, "check", "report.html", "request.json", *FILES, "music", "nnls", "scaden", "random",
        }  # fmt: skip
        for method in ("nnls", "scaden", "random"):
            found = {path.name for path in (results / row / method).iterdir()}
            assert found == ((given - tables) | control if method == "random" else given | explained)
        assert [path.name for path in (results / row / "music").iterdir()] == ["skipped.json"]
        assert {"bulk.h5ad", "check.tsv"} <= {path.name for path in (results / row / "check").iterdir()}
    assert {path.name for path in (results / "references").iterdir()} == {
        f"pbmc68k_reduced.{end}" for end in ("h5ad", "run.json", "report.html", "report.tsv")
    }
    assert {path.name for path in (results / "models").glob("*.safetensors")} == {
        f"pbmc68k_reduced.{method}.safetensors" for method in ("nnls", "random", "scaden")
    }
    assert {path.name for path in (results / "models").glob("*.json")} == {
        f"pbmc68k_reduced.{method}.run.json" for method in ("nnls", "random", "scaden")
    }
    records = {path.name.partition("_")[0] for path in (results / "pipeline_info").iterdir()}
    assert {"trace", "report", "timeline", "dag", "versions.tsv"} <= records
    assert (results / "pipeline_info" / "sheet.csv").read_bytes().decode("utf-8-sig").startswith("id,bulk")
    asked = json.loads((results / "pipeline_info" / "request.json").read_text())
    assert asked["parameters"]["methods"] == "music,nnls,scaden"


def test_first_method_that_can_be_applied_stands_in_the_folder_of_the_row(finished):
    row = finished[0] / "results" / "first"
    for name in ("fractions.tsv", "fractions_long.tsv", "metrics.tsv", "run.json"):
        assert filecmp.cmp(row / name, row / "nnls" / name, shallow=False)
    assert not filecmp.cmp(row / "fractions.tsv", row / "scaden" / "fractions.tsv", shallow=False)


def test_rows_with_one_reference_prepare_and_train_it_once(finished):
    assert tasks(finished[0], "REFERENCE") == ["(pbmc68k_reduced)"]
    assert sorted(tasks(finished[0], "TRAIN")) == [
        f"({method}:pbmc68k_reduced)" for method in ("music", "nnls", "random", "scaden")
    ]
    assert len(tasks(finished[0], "PREDICT")) == 6


def test_a_method_that_cannot_be_applied_is_named_with_its_reason_wherever_one_looks(finished):
    reason = "music needs 2 donors; the reference names 1."
    for row in ("first", "second"):
        page = (finished[0] / "results" / row / "report.html").read_text()
        assert "not applicable to these data: MuSiC." in page
        assert reason in page
        assert "donor_key" in page
        record = json.loads((finished[0] / "results" / row / "music" / "skipped.json").read_text())
        assert f"{record['error']['found']}." == reason
        assert f"unmix: {row}: music is skipped in train: {reason} Do: name the column of donors" in finished[1]


def test_nextflow_names_the_report_of_every_row(finished):
    for row in ("first", "second"):
        assert f"unmix: {row} is done, see results/{row}/report.html" in finished[1]


def test_the_index_names_every_row_with_its_page_and_headline(finished):
    page = (finished[0] / "results" / "index.html").read_text()
    for row in ("first", "second"):
        assert f'<a href="{row}/report.html">{row}</a>' in page
    assert "Non-negative least squares" in page
    assert "music needs 2 donors" in page
    assert "--methods music,nnls,scaden" in page


def test_fractions_are_explained_where_asked_for(finished):
    for method in ("nnls", "scaden"):
        header, rows = table(finished[0] / "results" / "first" / method / "attributions.tsv")
        assert header == ["sample", "cell_type", "gene", "attribution", "observed", "expected"]
        assert {row[1] for row in rows} == set(TYPES)
        assert (finished[0] / "results" / "first" / method / "attributions.svg").stat().st_size > 10_000


def test_one_command_and_python_give_the_bytes_of_the_pipeline(finished, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = data / "files"
    options = ("--cell-type-key", "bulk_labels", "--label-map", files / "labels.tsv", "--truth", files / "truth.tsv")
    options += ("--methods", "music,nnls,scaden", "--controls", "random", "--quick", "--explain")
    command = (ROOT / "bin" / "unmix_run.py", files / "first bulk.tsv", files / "pbmc68k_reduced.h5ad", *options)
    done = subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    by_nextflow, by_command = finished[0] / "results" / "first", tmp_path / "results"
    here = {path.relative_to(by_command) for path in by_command.rglob("*.*") if path.parent.name != "models"}
    there = {path.relative_to(by_nextflow) for path in by_nextflow.rglob("*.*")}
    assert {path for path in here if path.parts[0] != "references"} == there
    same = [path for path in there if path.suffix in (".tsv", ".h5ad") or path.name.endswith("skipped.json")]
    assert len(same) > 20
    for path in same:
        if path.suffix != ".json":
            assert filecmp.cmp(by_command / path, by_nextflow / path, shallow=False), path
    for method in ("nnls", "scaden"):
        name = f"pbmc68k_reduced.{method}.safetensors"
        models = (by_command / "models" / name, finished[0] / "results" / "models" / name)
        assert filecmp.cmp(*models, shallow=False), name
    pages = [(folder / "report.html").read_text() for folder in (by_command, by_nextflow)]
    assert all("not applicable to these data: MuSiC." in page for page in pages)

    labels = dict(line.split("\t") for line in (files / "labels.tsv").read_text().splitlines()[1:])
    found = unmix.deconvolve(
        pd.read_csv(files / "first bulk.tsv", sep="\t", index_col=0),
        ad.read_h5ad(files / "pbmc68k_reduced.h5ad"),
        methods=["music", "nnls", "scaden"],
        controls="random",
        cell_type_key="bulk_labels",
        label_map=labels,
        truth=files / "truth.tsv",
        quick=True,
    )
    found.write(tmp_path / "python")
    for path in ("fractions.tsv", "scaden/fractions_long.tsv", "nnls/metrics.tsv", "random/fractions.tsv"):
        assert filecmp.cmp(tmp_path / "python" / path, by_nextflow / path, shallow=False), path


@pytest.fixture(scope="module")
def killed(data, finished, tmp_path_factory):
    """Return the folder of a run that was killed in its middle and resumed to its end, and the code of the kill."""
    folder = tmp_path_factory.mktemp("killed")
    arguments = (*QUICK, "--explain", "true", "--input", data / "sheet.csv")
    code = kills.run(folder, *arguments, kill_at=kills.ended(finished[0]) // 2)
    assert kills.run(folder, *arguments, "-resume") == 0, (folder / "said.txt").read_text()
    return folder, code


def test_a_killed_pipeline_ends_with_the_same_bytes(finished, killed):
    """Here at one moment; ``python -m tests.pipeline.kills`` has ten."""
    assert killed[1] == -signal.SIGKILL
    assert kills.different(kills.contents(killed[0]), kills.contents(finished[0])) == []
    assert not list((killed[0] / "results").rglob(".unmix-*"))


def test_resume_runs_nothing_again_and_completes_what_a_kill_left_half_copied(killed, data):
    whole = {path: path.read_bytes() for path in (killed[0] / "results").glob("*/*/fractions*.tsv")}
    for number, path in enumerate(whole):
        path.write_bytes(whole[path][: number % 2 * 20])
    again = nextflow(killed[0], "run", ROOT, *QUICK, "--explain", "true", "--input", data / "sheet.csv", "-resume")
    assert again.returncode == 0, again.out
    assert {row["status"] for row in trace(killed[0])} == {"CACHED"}
    assert {path: path.read_bytes() for path in whole} == whole


@pytest.fixture(scope="module")
def faulty(data, tmp_path_factory):
    """Return the folder of a run whose first training is killed, and whose predictions by `random` end in an error."""
    folder = tmp_path_factory.mktemp("faulty")
    real = f'exec {ROOT}/bin/$(basename "$0") "$@"'
    faults = {
        "train": f'case "$*" in *"--method scaden"*) mkdir {folder}/once && kill -9 $$;; esac',
        "predict": 'case "$*" in *random.safetensors*) exit 1;; esac',
    }
    (folder / "fake").mkdir()
    for step, fault in faults.items():
        script = folder / "fake" / f"unmix_{step}.py"
        script.write_text(f"#!/usr/bin/env bash\n{fault}\n{real}\n")
        script.chmod(0o755)
    path = f'export PATH=\\"{folder}/fake:{ROOT}/bin:{ROOT}/.venv/bin:\\$PATH\\"'
    (folder / "fake.config").write_text(f'process.beforeScript = "{path}"\n')
    arguments = ("--methods", "scaden", "--controls", "random", "--input", data / "sheet.csv", "-c", "fake.config")
    done = nextflow(folder, "run", ROOT, "-profile", "test", *arguments)
    assert done.returncode == 0, done.out
    return folder


def test_a_killed_training_is_retried_and_gives_the_same_bytes(finished, faulty):
    trained = [row for row in trace(faulty) if row["process"] == "TRAIN" and row["tag"].startswith("(scaden:")]
    assert sorted((row["exit"], row["attempt"]) for row in trained) == [("0", "2"), ("137", "1")]
    row = faulty / "results" / "first"
    for name in ("fractions.tsv", "fractions_long.tsv", "metrics.tsv"):
        assert filecmp.cmp(row / "scaden" / name, finished[0] / "results" / "first" / "scaden" / name, shallow=False)


def test_a_task_that_dies_takes_its_method_only(faulty):
    _, rows = table(faulty / "results" / "summary.tsv")
    assert [row[:4] for row in rows] == [
        ["first", "random", "failed", "run"],
        ["first", "scaden", "done", ""],
        ["second", "random", "failed", "run"],
        ["second", "scaden", "done", ""],
    ]
    assert "a task of random ended without a result" in (faulty / "results" / "first" / "report.html").read_text()


@pytest.fixture(scope="module")
def compared(data, tmp_path_factory):
    """Return the folder of a run of another seed with a table of samples, whose second row has one group only."""
    folder = tmp_path_factory.mktemp("compared")
    names = [
        (data / "files" / f"{row}.tsv").read_text().split("\n")[0].split("\t")[1:] for row in ("first bulk", "second")
    ]
    lines = [f"{name},{group}" for name, group in zip(names[0], ["control", "case"] * 3, strict=True)]
    lines += [f"{name},case" for name in names[1]]
    (folder / "its samples.csv").write_text("\n".join(["sample,condition", *lines]) + "\n")
    arguments = ("--methods", "nnls", "--controls", "random", "--samples", folder / "its samples.csv")
    arguments += ("--compare_args", "--draws 5", "--seed", "1", "--input", data / "sheet.csv")
    done = nextflow(folder, "run", ROOT, "-profile", "test", *arguments)
    assert done.returncode == 0, done.out
    return folder


def test_another_seed_gives_other_numbers(finished, compared):
    first, other = (folder / "results" / "first" / "random" / "fractions.tsv" for folder in (finished[0], compared))
    assert table(first)[0] == table(other)[0]
    assert table(first)[1] != table(other)[1]


def test_groups_are_compared_where_a_table_of_samples_is_given_and_a_row_without_groups_says_why(compared):
    results = compared / "results"
    header, rows = table(results / "first" / "nnls" / "effects.tsv")
    assert {row[header.index("contrast")] for row in rows} == {"case vs control"}
    named = {row[header.index("cell_type")] for row in rows}
    assert len(named) > 1
    assert named <= {cell for row in table(results / "first" / "nnls" / "levels.tsv")[1] for cell in row} | set(TYPES)
    assert filecmp.cmp(results / "first" / "effects.tsv", results / "first" / "nnls" / "effects.tsv", shallow=False)
    assert sorted(tasks(compared, "COMPARE")) == ["(first:nnls)", "(second:nnls)"]
    record = json.loads((results / "second" / "nnls" / "comparison.skipped.json").read_text())
    assert "has the value 'case' in all samples" in record["error"]["found"]
    assert "in all samples" in (results / "summary.tsv").read_text()
    assert "in all samples" in html.unescape((results / "second" / "report.html").read_text())


@pytest.fixture(scope="module")
def mixed(broken, tmp_path_factory):
    """Return the folder of a run of rows that cannot be used, a row of `finished` and a panel; and what it printed."""
    folder = tmp_path_factory.mktemp("mixed")
    arguments = ("--methods", ",".join(METHODS), "--controls", "none", "--input", broken)
    done = nextflow(folder, "run", ROOT, "-profile", "test", *arguments)
    assert done.returncode == 0, done.out
    return folder, done.out


def test_rows_that_cannot_be_used_are_reported_and_the_others_run(mixed, finished):
    folder, said = mixed
    assert {row["exit"] for row in trace(folder)} == {"0"}
    results = folder / "results"
    for name in ("nnls/fractions.tsv", "nnls/metrics.tsv", "fractions.tsv"):
        assert filecmp.cmp(results / "first" / name, finished[0] / "results" / "first" / name, shallow=False)
    header, rows = table(results / "summary.tsv")
    assert header == ["id", "method", "status", "step", "found", "do"]
    found = {(row, method): (status, step) for row, method, status, step, *_ in rows}
    reasons = {
        "negative": ("check", "gene 'A4GALT' in sample 'S1' is negative", "The bulk cannot be used."),
        "absent": ("samplesheet", "there is no file", "The row of the samplesheet cannot be used."),
        "column": ("reference", "has no column 'labels'", "The reference cannot be used."),
    }
    failed = {(row, method): ("failed", reasons[row][0]) for row in reasons for method in METHODS}
    others = {(row, method): ("done", "") for row in ("first", "panel") for method in METHODS[1:]}
    assert found == failed | others | dict.fromkeys([("first", "music"), ("panel", "music")], ("skipped", "train"))
    for row, (step, reason, words) in reasons.items():
        assert {path.name for path in (results / row).iterdir()} == {step, "report.html", "request.json"}
        page = html.unescape((results / row / "report.html").read_text())
        assert words in page
        assert reason in page
        assert reason in json.loads((results / row / step / "skipped.json").read_text())["error"]["found"]
        assert f"unmix: {row}: the row cannot be used ({step}): " in said
    assert "  first  skipped: music; done: nnls, scaden\n" in said
    assert "  absent  failed: music, nnls, scaden\n" in said


def test_a_panel_of_few_genes_gets_models_of_its_genes_and_other_rows_keep_theirs(mixed, finished):
    results = mixed[0] / "results"
    for method in METHODS[1:]:
        assert len(table(results / "panel" / method / "fractions.tsv")[1]) == 6
        name = f"{method}/fractions.tsv"
        assert filecmp.cmp(results / "first" / name, finished[0] / "results" / "first" / name, shallow=False)
        assert len(list((results / "models").glob(f"pbmc68k_reduced.genes-*.{method}.safetensors"))) == 1


def test_run_json_of_the_pipeline_names_inputs_by_checksum(finished):
    record = json.loads((finished[0] / "results" / "first" / "run.json").read_text())
    assert record["step"] == "predict"
    assert all(len(entry["sha256"]) == 64 for entry in record["inputs"].values())
