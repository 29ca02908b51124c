"""The scripts as a user runs them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from unmix import cli
from unmix.contract.model import Model
from unmix.io import tables
from unmix.simulate.toy import CELL_TYPES, toy

BIN = Path(__file__).resolve().parents[2] / "bin"
SCRIPTS = sorted(path.name for path in BIN.glob("unmix_*.py"))
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def run(*arguments, cwd=None):
    command = [sys.executable, str(BIN / arguments[0]), *map(str, arguments[1:])]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=ENVIRONMENT, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("scripts")
    reference, bulk = toy(samples=6)
    reference.write_h5ad(path / "reference.h5ad")
    table = pd.DataFrame(bulk.X.T.astype(int), index=bulk.var_names, columns=bulk.obs_names)
    tables.write_table(table, path / "bulk.tsv", index_label="gene")
    return path


@pytest.fixture(scope="module")
def model(folder):
    done = run("unmix_train.py", folder / "reference.h5ad", "--method", "nnls", "--out", folder / "model.safetensors")
    assert done.returncode == 0, done.stderr
    return folder / "model.safetensors"


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_answers_at_once_without_heavy_imports(script):
    code = (
        "import runpy, sys, resource\n"
        f"sys.argv = [{script!r}, '--help']\n"
        "try:\n"
        f"    runpy.run_path({str(BIN / script)!r}, run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "heavy = {'torch', 'scanpy', 'anndata', 'pandas', 'numba'} & set(sys.modules)\n"
        "print('HEAVY', sorted(heavy), used.ru_utime + used.ru_stime)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    last = done.stdout.splitlines()[-1]
    assert last.startswith("HEAVY []")
    assert float(last.split()[-1]) < 0.5


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_tells_its_version_and_is_executable(script):
    assert "unmix, version" in run(script, "--version").stdout
    assert os.access(BIN / script, os.X_OK)


def test_train_and_predict_leave_tables_and_records(folder, model):
    out = folder / "fractions"
    done = run("unmix_predict.py", model, folder / "bulk.tsv", "--out-dir", out)
    assert done.returncode == 0, done.stderr
    tables = ["fit.tsv", "fit_markers.tsv", "fractions.tsv", "fractions_long.tsv", "fractions_mrna.tsv", "held_out.tsv"]
    assert sorted(path.name for path in out.iterdir()) == [*tables, "run.json"]
    wide = pd.read_csv(out / "fractions.tsv", sep="\t", index_col=0)
    assert wide.index.name == "sample (cell fraction)"
    assert (out / "fractions_mrna.tsv").read_text().startswith("sample (mRNA fraction)")
    assert list(wide.columns) == sorted(CELL_TYPES)
    assert np.allclose(wide.sum(axis=1), 1, atol=1e-6)
    long = pd.read_csv(out / "fractions_long.tsv", sep="\t")
    columns = ["sample", "cell_type", "fraction", "lower", "upper", "flag", "quantity"]
    assert list(long.columns) == [*columns, "lower_relative", "upper_relative", "distance", "unexpressed"]
    record = json.loads((out / "run.json").read_text())
    assert record["step"] == "predict"
    assert set(record["inputs"]) == {"model", "bulk"}
    assert record["mrna_per_cell"]["source"] == "published"
    assert record["method"]["doi"] == "10.1371/journal.pone.0006098"
    assert record["model"]["inputs"]["reference"]["sha256"]
    trained = json.loads((folder / "model.run.json").read_text())
    assert trained["outputs"]["model.safetensors"].items() <= record["inputs"]["model"].items()
    for facts in (trained, record["model"]):
        assert (facts["recipe_name"], facts["settings"]) == ("default", [])


def test_the_consensus_of_two_methods_is_written_and_reported(folder, model, tmp_path):
    results = tmp_path / "results"
    for name, trained in (("nnls", model), ("dtangle", tmp_path / "dtangle.safetensors")):
        if trained != model:
            assert run("unmix_train.py", folder / "reference.h5ad", "--method", name, "--out", trained).returncode == 0
        assert run("unmix_predict.py", trained, folder / "bulk.tsv", "--out-dir", results / name).returncode == 0
    long = [results / name / "fractions_long.tsv" for name in ("nnls", "dtangle")]
    done = run("unmix_consensus.py", *long, "--out-dir", results / "consensus")
    assert done.returncode == 0, done.stderr
    found = pd.read_csv(results / "consensus" / "fractions_long.tsv", sep="\t")
    assert (found["lower"] <= found["fraction"]).all()
    record = json.loads((results / "consensus" / "run.json").read_text())
    assert record["members"] == {"nnls": "Non-negative least squares", "dtangle": "dtangle"}
    assert record["mrna_per_cell"]["source"] == "published"
    done = run("unmix_report.py", results, "--headline", "consensus", "--out", tmp_path / "report.html")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "The consensus is the mean of Non-negative least squares and dtangle, each" in page
    assert "Mean over the samples by every method of the consensus" in page
    skipped = run("unmix_consensus.py", long[0], "--out-dir", tmp_path, "--skipped", tmp_path / "skipped.json")
    assert skipped.returncode == 99
    assert "a consensus of 1 method" in (tmp_path / "skipped.json").read_text()


def test_the_name_of_the_recipe_and_changed_settings_reach_the_report(folder, model, tmp_path):
    recipe = tmp_path / "mine.json"
    recipe.write_text(json.dumps(json.loads((folder / "model.run.json").read_text())["recipe"]))
    for given, name, settings in (("published", "published", ["max_ratio=5"]), (recipe, "own", [])):
        place = tmp_path / name
        trained = place / "nnls.safetensors"
        options = [option for setting in settings for option in ("--set", setting)]
        arguments = [folder / "reference.h5ad", "--method", "nnls", "--recipe", given, *options, "--out", trained]
        done = run("unmix_train.py", *arguments)
        assert done.returncode == 0, done.stderr
        record = json.loads((place / "nnls.run.json").read_text())
        assert (record["recipe_name"], record["settings"]) == (name, settings)
        assert run("unmix_predict.py", trained, folder / "bulk.tsv", "--out-dir", place).returncode == 0
        assert run("unmix_report.py", place, "--out", place / "report.html").returncode == 0
    page = (tmp_path / "published" / "report.html").read_text(encoding="utf-8")
    assert "and the settings of the publication, as implemented in unmix" in page
    assert "Settings changed by the user: max_ratio=5." in page
    assert "<td>published, 1 setting changed</td>" in page
    page = (tmp_path / "own" / "report.html").read_text(encoding="utf-8")
    assert "and user-supplied settings, as implemented" in page


def test_the_unit_of_the_calibration_samples_can_be_given(folder, tmp_path):
    bulk = pd.read_csv(folder / "bulk.tsv", sep="\t", index_col=0)
    toy(samples=6)[1].obsm["cell_fractions"].to_csv(tmp_path / "known.tsv", sep="\t")
    cpm = 1e6 * bulk / bulk.sum()
    found = {}
    for unit, code, values in (("cpm", 0, cpm), ("log10cpm", 0, np.log10(cpm + 1)), ("rpm", 2, cpm)):
        tables.write_table(values, tmp_path / "known_bulk.tsv", index_label="gene")
        arguments = ["--calibration-bulk", "known_bulk.tsv", "--calibration-fractions", "known.tsv"]
        arguments += ["--method", "ridge_on_calibration", "--calibration-unit", unit, "--out", f"{unit}.safetensors"]
        done = run("unmix_train.py", folder / "reference.h5ad", *arguments, cwd=tmp_path)
        assert done.returncode == code, done.stderr
        found[unit] = None if code else Model.load(tmp_path / f"{unit}.safetensors").arrays["mean"]
    assert np.allclose(found["log10cpm"], found["cpm"], atol=1e-4)
    assert "'rpm'" in done.stderr


def test_same_seed_same_bytes_through_the_scripts(folder, model):
    for name in ("first", "second"):
        run("unmix_predict.py", model, folder / "bulk.tsv", "--out-dir", folder / name)
    for table in ("fractions.tsv", "fractions_long.tsv"):
        assert (folder / "first" / table).read_bytes() == (folder / "second" / table).read_bytes()


def test_the_number_of_threads_changes_no_byte(folder, tmp_path):
    found = []
    for threads in (1, 2):
        name = tmp_path / f"{threads}.safetensors"
        arguments = ("--method", "scaden", "--quick", "--device", "cpu", "--threads", threads, "--out", name)
        done = run("unmix_train.py", folder / "reference.h5ad", *arguments)
        assert done.returncode == 0, done.stderr
        found.append(name.read_bytes())
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["unmix_train.py", "reference.h5ad", "--method", "scadn"], 2, ["no method 'scadn'", "did you mean scaden"]),
        (["unmix_train.py", "reference.h5ad", "--method", "nnls", "--set", "genes.rul=all"], 2, ["genes.rule"]),
        (["unmix_train.py", "none.h5ad", "--method", "nnls"], 65, ["none.h5ad", "do:"]),
        (["unmix_train.py", "bulk.tsv", "--method", "nnls"], 65, ["bulk.tsv", "unmix_reference.py"]),
        (["unmix_predict.py", "bulk.tsv", "bulk.tsv"], 65, ["not a safetensors file", "unmix_train.py"]),
        (["unmix_predict.py", "model.safetensors", "none.tsv"], 65, ["none.tsv"]),
        (["unmix_simulate.py", "reference.h5ad", "--scenario", "nonsense"], 2, ["one of standard"]),
        (["unmix_methods.py", "nonsense"], 2, ["no method 'nonsense'", "scaden"]),
        (["unmix_download.py", "signatures", "lm22"], 2, ["one of abis", "docs/signatures.md"]),
        (["unmix_predict.py", "model.safetensors", "bulk.tsv", "--also", "bulk.tsv"], 65, ["bulk.tsv", "safetensors"]),
    ],
)
def test_a_mistake_gets_a_sentence_and_leaves_nothing(folder, model, arguments, code, words, tmp_path):
    for name in ("reference.h5ad", "bulk.tsv", "model.safetensors"):
        (tmp_path / name).symlink_to(folder / name)
    before = set(tmp_path.iterdir())
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert all(word in done.stderr for word in words), done.stderr
    assert "Traceback" not in done.stderr
    assert set(tmp_path.iterdir()) == before


def test_a_method_that_cannot_be_applied_says_why_in_a_record_if_asked_to(folder, model, tmp_path):
    (tmp_path / "one.tsv").write_text("".join(f"{line.rsplit(None, 5)[0]}\n" for line in (folder / "bulk.tsv").open()))
    trained = tmp_path / "bisque.safetensors"
    assert run("unmix_train.py", folder / "reference.h5ad", "--method", "bisque", "--out", trained).returncode == 0
    for arguments, step, method, found in (
        (["unmix_train.py", folder / "reference.h5ad", "--method", "daism"], "train", "DAISM-DNN", "known fractions"),
        (["unmix_predict.py", trained, tmp_path / "one.tsv"], "predict", "Bisque", "1 bulk sample"),
    ):
        record = tmp_path / step / "skipped.json"
        before = set(tmp_path.iterdir())
        assert run(*arguments, cwd=tmp_path).returncode == 99
        assert set(tmp_path.iterdir()) == before
        done = run(*arguments, "--skipped", record, cwd=tmp_path)
        assert done.returncode == 99
        assert set(tmp_path.iterdir()) == before | {record.parent}
        told = json.loads(record.read_text())
        assert (told["step"], told["method"]["title"], told["outputs"]) == (step, method, {})
        assert {"command", "inputs", "versions", "messages"} <= set(told)
        assert found in told["error"]["found"]
        assert all(f"  {part}: {told['error'][part]}\n" in done.stderr for part in ("expected", "do"))


@pytest.mark.parametrize(
    ("arguments", "code", "found"),
    [
        (["unmix_predict.py", "model.safetensors", "none.tsv", "--out-dir", "out"], 65, "none.tsv"),
        (["unmix_check.py", "none.tsv", "--out-dir", "out"], 65, "none.tsv"),
        (["unmix_reference.py", "reference.h5ad", "--cell-type-key", "kind", "--out", "out/r.h5ad"], 65, "'kind'"),
        (
            ["unmix_train.py", "reference.h5ad", "--method", "nnls", "--set", "a=1", "--out", "out/m.safetensors"],
            2,
            "setting a",
        ),
    ],
)
def test_an_input_that_cannot_be_used_is_told_in_a_record_if_asked_to(folder, model, arguments, code, found, tmp_path):
    for name in ("reference.h5ad", "model.safetensors"):
        (tmp_path / name).symlink_to(folder / name)
    done = run(*arguments, "--skipped", "why.json", cwd=tmp_path)
    assert done.returncode == code, done.stderr
    told = json.loads((tmp_path / "why.json").read_text())
    assert told["error"]["exit_code"] == code
    assert found in told["error"]["found"]
    assert told["error"]["found"] in done.stderr
    assert not (tmp_path / "out").exists()


def test_records_of_outputs_with_dots_in_their_names_stand_apart(folder, tmp_path):
    for number in (1, 2):
        out = tmp_path / f"pbmc.v{number}.safetensors"
        assert run("unmix_train.py", folder / "reference.h5ad", "--method", "uniform", "--out", out).returncode == 0
        record = json.loads((tmp_path / f"pbmc.v{number}.run.json").read_text())
        assert list(record["outputs"]) == [out.name]


def test_simulated_pseudobulk_carries_both_truths(folder):
    out = folder / "pseudobulk.h5ad"
    done = run("unmix_simulate.py", folder / "reference.h5ad", "--samples", 7, "--cells", 50, "--out", out)
    assert done.returncode == 0, done.stderr
    bulk = tables.read_h5ad(out)
    assert bulk.shape == (7, 600)
    for target in ("cell", "mrna"):
        assert list(bulk.obsm[f"{target}_fractions"].columns) == sorted(CELL_TYPES)
    record = json.loads((folder / "pseudobulk.run.json").read_text())
    assert record["recipe"]["cells"] == 50


def test_a_training_killed_by_signal_9_goes_on_and_ends_with_the_same_bytes(folder, tmp_path):
    def arguments(out: str) -> list[str]:
        settings = ["train.steps=120", "train.validate_every=10"]
        return [
            *("unmix_train.py", str(folder / "reference.h5ad"), "--method", "scaden", "--device", "cpu"),
            *(part for setting in settings for part in ("--set", setting)),
            *("--out", str(tmp_path / out)),
        ]

    command = [sys.executable, str(BIN / "unmix_train.py"), *arguments("killed.safetensors")[1:]]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=ENVIRONMENT)
    checkpoint = tmp_path / ".killed.safetensors.checkpoint"
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "killed.safetensors").exists()
    resumed = run(*arguments("killed.safetensors"))
    assert "continues from step" in resumed.stderr, resumed.stderr
    whole = run(*arguments("whole.safetensors"))
    assert whole.returncode == 0, whole.stderr
    killed, undisturbed = (tmp_path / f"{name}.safetensors" for name in ("killed", "whole"))
    assert killed.read_bytes() == undisturbed.read_bytes()


def test_the_registry_is_listed_for_people_and_programs():
    assert "scaden" in run("unmix_methods.py").stdout
    methods = json.loads(run("unmix_methods.py", "--format", "json").stdout)
    assert {"scaden", "nnls", "uniform", "reference_mean", "random"} <= {method["name"] for method in methods}
    assert "| scaden | deep | 2020 |" in run("unmix_methods.py", "--format", "markdown").stdout


def test_the_record_of_a_run_is_json_whatever_its_numbers_are(tmp_path):
    with cli.run("test", tmp_path / "run.json", seed=0, device="cpu", threads=1, quiet=True) as job:
        job.facts = {"rmse": float("nan"), "deep": [{"r": np.inf}, 1.5]}
    record = json.loads((tmp_path / "run.json").read_text(), parse_constant=pytest.fail)
    assert record["rmse"] is None
    assert record["deep"] == [{"r": None}, 1.5]
