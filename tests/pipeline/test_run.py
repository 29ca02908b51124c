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
from unmix.methods import PANEL
from unmix.report.beside import FILES

from . import kills
from .conftest import QUICK, ROOT, TYPES, nextflow, table, trace


def tasks(folder, process):
    return [row["tag"] for row in trace(folder) if row["process"] == process]


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
    records = {path.name for path in (results / "pipeline_info").iterdir()}
    assert {"trace.txt", "report.html", "timeline.html", "dag.html", "versions.tsv"} <= records
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


def test_a_row_without_any_method_that_can_be_applied_ends_with_a_page_that_says_so(data, tmp_path):
    arguments = ("-profile", "test", "--methods", "music", "--controls", "none", "--input", data / "sheet.csv")
    done = nextflow(tmp_path, "run", ROOT, *arguments)
    assert done.returncode == 0, done.out
    for row in ("first", "second"):
        assert f"unmix: {row} has no fractions, see results/{row}" in done.out
        found = {path.name for path in (tmp_path / "results" / row).iterdir()}
        assert found == {"check", "music", "report.html", "request.json"}
        assert "music needs 2 donors" in (tmp_path / "results" / row / "report.html").read_text()


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


def test_resume_runs_nothing_again_and_completes_what_a_kill_left_half_copied(finished, data):
    results = finished[0] / "results"
    whole = {path: path.read_bytes() for path in results.glob("*/*/fractions*.tsv")}
    for number, path in enumerate(whole):
        path.write_bytes(whole[path][: number % 2 * 20])
    again = nextflow(finished[0], "run", ROOT, *QUICK, "--explain", "true", "--input", data / "sheet.csv", "-resume")
    assert again.returncode == 0, again.out
    assert {row["status"] for row in trace(finished[0])} == {"CACHED"}
    assert {path: path.read_bytes() for path in whole} == whole


def test_a_killed_pipeline_ends_with_the_same_bytes(finished, data, tmp_path):
    """Here at one moment; ``python -m tests.pipeline.kills`` has ten."""
    arguments = (*QUICK, "--explain", "true", "--input", data / "sheet.csv")
    moment = kills.ended(finished[0]) // 2
    assert kills.run(tmp_path, *arguments, kill_at=moment) == -signal.SIGKILL
    assert kills.run(tmp_path, *arguments, "-resume") == 0, (tmp_path / "said.txt").read_text()
    assert kills.different(kills.contents(tmp_path), kills.contents(finished[0])) == []
    assert not list((tmp_path / "results").rglob(".unmix-*"))


def test_a_killed_training_is_retried_and_gives_the_same_bytes(finished, data, tmp_path):
    fake = tmp_path / "fake"
    fake.mkdir()
    real = f'exec {ROOT}/bin/$(basename "$0") "$@"'
    kill = f'case "$*" in *--version*) {real};; esac\nmkdir {tmp_path}/once && kill -9 $$\n{real}'
    (fake / "unmix_train.py").write_text(f"#!/usr/bin/env bash\n{kill}\n")
    (fake / "unmix_train.py").chmod(0o755)
    path = f'export PATH=\\"{fake}:{ROOT}/bin:{ROOT}/.venv/bin:\\$PATH\\"'
    (tmp_path / "fake.config").write_text(f'process.beforeScript = "{path}"\n')
    header, first, *_ = (data / "sheet.csv").read_text("utf-8-sig").splitlines()
    (data / "first.csv").write_text(f"{header}\n{first}\n")
    arguments = ("--methods", "scaden", "--controls", "none", "--input", data / "first.csv", "-c", "fake.config")
    done = nextflow(tmp_path, "run", ROOT, "-profile", "test", *arguments)
    assert done.returncode == 0, done.out
    rows = trace(tmp_path)
    assert sorted((row["exit"], row["attempt"]) for row in rows if row["process"] == "TRAIN") == [
        ("0", "2"),
        ("137", "1"),
    ]
    row = tmp_path / "results" / "first"
    for name in ("fractions.tsv", "fractions_long.tsv", "metrics.tsv"):
        assert filecmp.cmp(row / "scaden" / name, finished[0] / "results" / "first" / "scaden" / name, shallow=False)


def test_another_seed_gives_other_numbers(finished, data, tmp_path):
    arguments = ("--methods", "random", "--controls", "none", "--seed", "1")
    done = nextflow(tmp_path, "run", ROOT, "-profile", "test", *arguments, "--input", data / "sheet.csv")
    assert done.returncode == 0, done.out
    first, other = (folder / "results" / "first" / "random" / "fractions.tsv" for folder in (finished[0], tmp_path))
    assert table(first)[0] == table(other)[0]
    assert table(first)[1] != table(other)[1]


def test_groups_are_compared_where_a_table_of_samples_is_given_and_a_row_without_groups_says_why(data, tmp_path):
    names = [
        (data / "files" / f"{row}.tsv").read_text().split("\n")[0].split("\t")[1:] for row in ("first bulk", "second")
    ]
    lines = [f"{name},{group}" for name, group in zip(names[0], ["control", "case"] * 3, strict=True)]
    lines += [f"{name},case" for name in names[1]]
    (tmp_path / "its samples.csv").write_text("\n".join(["sample,condition", *lines]) + "\n")
    arguments = ("--methods", "nnls", "--controls", "random", "--samples", tmp_path / "its samples.csv")
    arguments += ("--compare_args", "--draws 5")
    done = nextflow(tmp_path, "run", ROOT, "-profile", "test", *arguments, "--input", data / "sheet.csv")
    assert done.returncode == 0, done.out
    results = tmp_path / "results"
    header, rows = table(results / "first" / "nnls" / "effects.tsv")
    assert {row[header.index("contrast")] for row in rows} == {"case vs control"}
    named = {row[header.index("cell_type")] for row in rows}
    assert len(named) > 1
    assert named <= {cell for row in table(results / "first" / "nnls" / "levels.tsv")[1] for cell in row} | set(TYPES)
    assert filecmp.cmp(results / "first" / "effects.tsv", results / "first" / "nnls" / "effects.tsv", shallow=False)
    assert sorted(tasks(tmp_path, "COMPARE")) == ["(first:nnls)", "(second:nnls)"]
    record = json.loads((results / "second" / "nnls" / "comparison.skipped.json").read_text())
    assert "has the value 'case' in all samples" in record["error"]["found"]
    assert "in all samples" in (results / "summary.tsv").read_text()
    assert "in all samples" in html.unescape((results / "second" / "report.html").read_text())


def test_a_stub_run_walks_the_whole_pipeline(data, tmp_path):
    """Only methods that can are asked for expression, and the consensus has a line in the summary."""
    (tmp_path / "samples.csv").write_text("sample,condition\n")
    arguments = ("-profile", "test", "--methods", "default,tape", "--controls", "random", "--express", "true")
    arguments += ("--type_expression", "true", "--samples", tmp_path / "samples.csv")
    done = nextflow(tmp_path, "run", ROOT, *arguments, "--input", data / "sheet.csv", "-stub-run")
    assert done.returncode == 0, done.out
    able = [(row, method) for row in ("first", "second") for method in ("dissect", "tape")]
    every = [(row, method) for row in ("first", "second") for method in ("consensus", *PANEL, "tape")]
    assert sorted(tasks(tmp_path, "EXPRESS")) == sorted(f"({row}:{method})" for row, method in able + every)
    made = (tmp_path / "results").glob("*/*/*expression.h5ad")
    assert sorted(path.parts[-3:-1] for path in made) == sorted(able + every)
    assert {row["process"] for row in trace(tmp_path)} == {
        "SAMPLESHEET", "REFERENCE", "CHECK", "TRAIN", "PREDICT", "CONSENSUS", "EXPRESS", "EVALUATE",
        "COMPARE", "REPORT", "INDEX",
    }  # fmt: skip
    _, rows = table(tmp_path / "results" / "summary.tsv")
    assert [row[:3] for row in rows if row[1] == "consensus"] == [
        [name, "consensus", "done"] for name in ("first", "second")
    ]


@pytest.fixture(scope="module")
def broken(data):
    """Return a samplesheet: the first row as in `finished`, then a negative value, no file, and no such column."""
    lines = (data / "files" / "first bulk.tsv").read_text().splitlines()
    cells = lines[5].split("\t")
    lines[5] = "\t".join([cells[0], "-3.5", *cells[2:]])
    (data / "files" / "negative.tsv").write_text("\n".join(lines) + "\n")
    header, first, *_ = (data / "sheet.csv").read_text("utf-8-sig").splitlines()
    cells = "files/pbmc68k_reduced.h5ad,bulk_labels,files/labels.tsv,"
    rows = [
        f"negative,files/negative.tsv,{cells}",
        first,
        f"absent,files/none.tsv,{cells}",
        f"column,files/second.tsv,{cells.replace('bulk_labels', 'labels')}",
    ]
    (data / "broken.csv").write_text("\n".join([header, *rows]) + "\n")
    return data / "broken.csv"


def test_rows_that_cannot_be_used_are_reported_and_the_others_run(broken, finished, tmp_path):
    arguments = ("--methods", "music,nnls", "--controls", "none", "--input", broken)
    done = nextflow(tmp_path, "run", ROOT, "-profile", "test", *arguments)
    assert done.returncode == 0, done.out
    assert {row["exit"] for row in trace(tmp_path)} == {"0"}
    results = tmp_path / "results"
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
    failed = {(row, method): ("failed", reasons[row][0]) for row in reasons for method in ("music", "nnls")}
    assert found == failed | {("first", "music"): ("skipped", "train"), ("first", "nnls"): ("done", "")}
    for row, (step, reason, words) in reasons.items():
        assert {path.name for path in (results / row).iterdir()} == {step, "report.html", "request.json"}
        page = html.unescape((results / row / "report.html").read_text())
        assert words in page
        assert reason in page
        assert reason in json.loads((results / row / step / "skipped.json").read_text())["error"]["found"]
        assert f"unmix: {row}: the row cannot be used ({step}): " in done.out
    assert "  first  skipped: music; done: nnls\n" in done.out
    assert "  absent  failed: music, nnls\n" in done.out


def test_a_panel_of_few_genes_gets_models_of_its_genes_and_other_rows_keep_theirs(data, finished, tmp_path):
    lines = (data / "files" / "second.tsv").read_text().splitlines()
    known = set(ad.read_h5ad(data / "files" / "pbmc68k_reduced.h5ad", backed="r").var_names)
    panel = [line for line in lines[1:] if line.partition("\t")[0] in known][::2][:300]
    (data / "files" / "panel.tsv").write_text("\n".join([lines[0], *panel]) + "\n")
    header, first, *_ = (data / "sheet.csv").read_text("utf-8-sig").splitlines()
    cells = "files/pbmc68k_reduced.h5ad,bulk_labels,files/labels.tsv,"
    (data / "panel.csv").write_text("\n".join([header, f"panel,files/panel.tsv,{cells}", first]) + "\n")
    arguments = ("--methods", "nnls,scaden", "--controls", "none", "--input", data / "panel.csv")
    done = nextflow(tmp_path, "run", ROOT, "-profile", "test", *arguments)
    assert done.returncode == 0, done.out
    results = tmp_path / "results"
    _, rows = table(results / "summary.tsv")
    assert {row[2] for row in rows} == {"done"}, rows
    for method in ("nnls", "scaden"):
        assert len(table(results / "panel" / method / "fractions.tsv")[1]) == 6
        name = f"{method}/fractions.tsv"
        assert filecmp.cmp(results / "first" / name, finished[0] / "results" / "first" / name, shallow=False)
        assert len(list((results / "models").glob(f"pbmc68k_reduced.genes-*.{method}.safetensors"))) == 1


def test_fail_fast_ends_the_run_at_the_first_row_that_cannot_be_used(broken, tmp_path):
    arguments = ("--methods", "random", "--controls", "none", "--input", broken, "--fail_fast", "true")
    done = nextflow(tmp_path, "run", ROOT, "-profile", "test", *arguments)
    assert done.returncode != 0
    assert "unmix: absent: the row cannot be used (samplesheet): there is no file" in done.out
    assert not (tmp_path / "results" / "first").exists()


def test_a_task_that_dies_takes_its_method_on_its_row_only(data, tmp_path):
    real = f'exec {ROOT}/bin/$(basename "$0") "$@"'
    (tmp_path / "fake").mkdir()
    fake = f'#!/usr/bin/env bash\ncase "$*" in *random.safetensors*) exit 1;; esac\n{real}\n'
    (tmp_path / "fake" / "unmix_predict.py").write_text(fake)
    (tmp_path / "fake" / "unmix_predict.py").chmod(0o755)
    path = f'export PATH=\\"{tmp_path}/fake:{ROOT}/bin:{ROOT}/.venv/bin:\\$PATH\\"'
    (tmp_path / "fake.config").write_text(f'process.beforeScript = "{path}"\n')
    arguments = ("--methods", "nnls", "--controls", "random", "--input", data / "sheet.csv", "-c", "fake.config")
    done = nextflow(tmp_path, "run", ROOT, "-profile", "test", *arguments)
    assert done.returncode == 0, done.out
    _, rows = table(tmp_path / "results" / "summary.tsv")
    assert [row[:4] for row in rows] == [
        ["first", "nnls", "done", ""],
        ["first", "random", "failed", "run"],
        ["second", "nnls", "done", ""],
        ["second", "random", "failed", "run"],
    ]
    assert "a task of random ended without a result" in (tmp_path / "results" / "first" / "report.html").read_text()


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("id,bulk\na,b.tsv\n", "sheet.csv has no column reference; it has id, bulk."),
        ("id,bulk,reference\na,b.tsv,c.h5ad\na,b.tsv,c.h5ad\n", "sheet.csv, rows 1 and 2 have the same id 'a'."),
    ],
)
def test_a_wrong_samplesheet_is_named_before_anything_runs(tmp_path, row, sentence):
    (tmp_path / "sheet.csv").write_text(row)
    done = nextflow(tmp_path, "run", ROOT, "-profile", "test", "--input", "sheet.csv")
    assert done.returncode != 0
    assert sentence in done.out
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


def test_run_json_of_the_pipeline_names_inputs_by_checksum(finished):
    record = json.loads((finished[0] / "results" / "first" / "run.json").read_text())
    assert record["step"] == "predict"
    assert all(len(entry["sha256"]) == 64 for entry in record["inputs"].values())
