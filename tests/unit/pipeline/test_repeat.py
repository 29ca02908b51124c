"""unmix_repeat.py: the same command again, and what it says when something is not as it was."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from unmix import toy
from unmix.errors import DataError, UsageError
from unmix.io import records, registry, tables
from unmix.pipeline import repeat, repeat_pipeline

BIN = Path(__file__).resolve().parents[3] / "bin"


def call(script, *arguments, cwd):
    command = [sys.executable, str(BIN / f"unmix_{script}.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


def do(script, *arguments, cwd):
    done = call(script, *arguments, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done


def same(folder):
    table = pd.read_csv(folder / "repeat.tsv", sep="\t", index_col="output", keep_default_na=False)
    return table["same"].to_dict()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a folder with a model and fractions, made with relative paths, and defaults for the outputs."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "data").mkdir()
    reference, bulk = toy(genes=200, cells_per_type=6, donors=3, samples=5)
    reference.write_h5ad(folder / "data" / "reference.h5ad")
    tables.write_table(bulk.to_df().T.astype(int), folder / "data" / "bulk.tsv", "gene")
    do("train", "data/reference.h5ad", "--method", "nnls", cwd=folder)
    sizes = pd.Series(range(1, 7), sorted(reference.obs["cell_type"].unique()), name="mrna")
    sizes.to_csv(folder / "sizes.tsv", sep="\t", index_label="cell_type")
    given = ("--level", "0.8", "--mrna-per-cell", "sizes.tsv", "--out-dir", "out")
    do("predict", "model.safetensors", "data/bulk.tsv", *given, cwd=folder)
    return folder


@pytest.fixture
def copy(made, tmp_path):
    """Return a copy of the folder, which a test may change."""
    return Path(shutil.copytree(made, tmp_path / "copy"))


def test_a_training_gives_the_same_model(made, tmp_path):
    done = do("repeat", made / "model.run.json", cwd=tmp_path)
    assert same(tmp_path / "repeated") == {"model.safetensors": "yes"}
    assert "All 1 outputs are the same." in done.stderr
    assert "warning" not in done.stderr


def test_a_prediction_keeps_its_options_and_reads_nothing_but_its_recorded_inputs(made, tmp_path):
    done = do("repeat", made / "out" / "run.json", "--out-dir", "again", cwd=tmp_path)
    assert set(same(tmp_path / "again").values()) == {"yes"}
    assert {"fractions.tsv", "fractions_long.tsv"} <= set(same(tmp_path / "again"))
    assert "fractions.tsv" in done.stdout
    record = json.loads((tmp_path / "again" / "results" / "run.json").read_text())
    assert record["level"] == 0.8
    read = {path.name for path in (tmp_path / "again" / "inputs").rglob("*") if path.is_file()}
    assert read == {"model.safetensors", "bulk.tsv", "sizes.tsv"}


def test_inputs_are_found_by_their_contents_under_any_name(copy, tmp_path):
    record = copy / "out" / "run.json"
    told = json.loads(record.read_text())
    record.write_text(json.dumps(told | {"folder": "/nowhere"}))
    (copy / "data" / "bulk.tsv").rename(copy / "renamed.tsv")
    missing = call("repeat", record, cwd=tmp_path)
    assert missing.returncode == 65
    assert "/nowhere/data/bulk.tsv is not there" in missing.stderr
    assert "--inputs FOLDER" in missing.stderr
    assert not (tmp_path / "repeated").exists()
    do("repeat", record, "--inputs", copy, cwd=tmp_path)
    assert set(same(tmp_path / "repeated").values()) == {"yes"}


def test_an_input_with_other_contents_is_refused(copy, tmp_path):
    record = copy / "out" / "run.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"folder": str(copy)}))
    bulk = copy / "data" / "bulk.tsv"
    bulk.write_text(bulk.read_text() + "GENE\t1\t1\t1\t1\t1\n")
    done = call("repeat", record, cwd=tmp_path)
    assert done.returncode == 65
    assert f"{bulk} has other contents" in done.stderr


def test_an_output_that_differs_or_was_changed_after_the_run_is_found(copy, tmp_path):
    record = copy / "out" / "run.json"
    told = json.loads(record.read_text())
    told["outputs"]["fractions.tsv"]["sha256"] = "0" * 64
    record.write_text(json.dumps(told))
    with (copy / "out" / "held_out.tsv").open("a") as file:
        file.write("\n")
    done = call("repeat", record, cwd=tmp_path)
    assert done.returncode == 3
    assert "outputs differ: fractions.tsv, held_out.tsv\n" in done.stderr
    found = same(tmp_path / "repeated")
    assert found["fractions.tsv"] == "no"
    assert found["held_out.tsv"] == "no: the file was changed after the run"
    assert found["fractions_long.tsv"] == "yes"


def test_another_version_or_machine_is_said(copy, tmp_path):
    record = copy / "out" / "run.json"
    told = json.loads(record.read_text())
    told["versions"]["scipy"] = "0.1"
    told["machine"]["processor"] = "abacus"
    record.write_text(json.dumps(told))
    done = do("repeat", record, cwd=tmp_path)
    assert "warning: scipy was 0.1, and is " in done.stderr
    assert "The processor of the machine was abacus, and is " in done.stderr


def test_a_whole_run_is_repeated_from_its_folder_or_any_record_in_it(made, tmp_path):
    given = ("--methods", "nnls,music", "--controls", "uniform", "--out-dir", tmp_path / "results")
    do("run", "data/bulk.tsv", "data/reference.h5ad", *given, cwd=made)
    do("repeat", tmp_path / "results" / "nnls" / "run.json", cwd=tmp_path)
    found = same(tmp_path / "repeated")
    assert set(found.values()) == {"yes"}
    assert {"fractions.tsv", "nnls/fractions.tsv", "tables.xlsx", "check/bulk.h5ad"} <= set(found)
    assert "request.json" not in found
    table = tmp_path / "results" / "fractions.tsv"
    table.write_text(table.read_text() + "\n")
    (tmp_path / "results" / "uniform" / "fractions_long.tsv").unlink()
    done = call("repeat", tmp_path / "results", "--out-dir", "second", cwd=tmp_path)
    assert done.returncode == 3
    found = same(tmp_path / "second")
    assert {name: told for name, told in found.items() if told != "yes"} == {
        "fractions.tsv": "no: the file was changed after the run",
        "uniform/fractions_long.tsv": "no: not recorded",
    }


def test_a_reference_in_a_folder_has_checksums_of_all_its_files(tmp_path):
    folder = tmp_path / "filtered"
    folder.mkdir()
    cells = [f"CELL{number}" for number in range(60)]
    entries = [f"{gene} {cell} {1 + (gene * cell) % 7}" for gene in range(1, 31) for cell in range(1, 61)]
    text = "%%MatrixMarket matrix coordinate integer general\n30 60 1800\n" + "\n".join(entries) + "\n"
    (folder / "matrix.mtx").write_text(text)
    (folder / "barcodes.tsv").write_text("\n".join(cells) + "\n")
    (folder / "features.tsv").write_text("\n".join(f"ENSG{n:011}\tGENE{n}\tGene Expression" for n in range(30)) + "\n")
    labels = [f"{cell}\t{'AB'[number % 2]}" for number, cell in enumerate(cells)]
    (tmp_path / "labels.tsv").write_text("\n".join(["cell\tcell_type", *labels]) + "\n")
    given = ("--cells", "labels.tsv", "--cell-type-key", "cell_type", "--donor-key", "none", "--preset", "none")
    done = do("reference", "filtered", *given, cwd=tmp_path)
    record = json.loads((tmp_path / "reference.run.json").read_text())
    read = {one["path"] for one in record["inputs"].values()}
    assert read == {"matrix.mtx", "barcodes.tsv", "features.tsv", "labels.tsv"}, done.stderr
    do("repeat", "reference.run.json", cwd=tmp_path)
    assert same(tmp_path / "repeated") == {"reference.h5ad": "yes"}


@pytest.mark.parametrize(
    ("record", "code", "sentence"),
    [
        ({"step": "predict", "command": ["other.py"], "folder": "/"}, 2, "is not of a command of unmix (other.py)"),
        ({"step": "predict", "error": {"found": "a", "expected": "b", "do": "c"}}, 2, "says why nothing was made"),
        ({"command": ["unmix_predict.py", "m"], "inputs": {"m": {"path": "m"}}}, 65, "does not say where its inputs"),
        ({"command": ["unmix_predict.py", "--new", "m"], "folder": "/"}, 2, "does not take the recorded command"),
        ({"command": ["unmix_predict.py", "m", "b"], "folder": "/"}, 2, "the record holds no checksum of it"),
    ],
)
def test_what_cannot_be_repeated_is_refused_with_a_sentence(tmp_path, record, code, sentence):
    (tmp_path / "run.json").write_text(json.dumps(record))
    done = call("repeat", tmp_path / "run.json", cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_is_not_empty_receives_nothing(made, tmp_path):
    (tmp_path / "repeated").mkdir()
    (tmp_path / "repeated" / "old.tsv").write_text("old")
    done = call("repeat", made / "model.run.json", cwd=tmp_path)
    assert done.returncode == 2
    assert "repeated is not empty" in done.stderr


def test_the_reason_of_a_method_that_was_skipped_is_compared(tmp_path):
    for name, found in (("first", "no donors"), ("again", "no genes")):
        (tmp_path / name / "music").mkdir(parents=True)
        error = {"found": found, "expected": "donors", "do": "name them"}
        (tmp_path / name / "music" / "skipped.json").write_text(json.dumps({"seconds": 1, "error": error}))
    assert [line.same for line in repeat.of_folders(tmp_path / "first", tmp_path / "first")] == ["yes"]
    (line,) = repeat.of_folders(tmp_path / "first", tmp_path / "again")
    assert (line.output, line.same) == ("music/skipped.json", "no")


@pytest.fixture
def results(tmp_path):
    """Return a folder of results of the pipeline, as far as it names inputs."""
    data = tmp_path / "data"
    data.mkdir()
    for name in ("bulk.tsv", "cells.h5ad", "sizes.tsv", "samples.tsv"):
        (data / name).write_text(f"contents of {name}")
    (data / "given").mkdir()
    (data / "given" / "bulk.tsv").write_text("the bulk of another row")
    folder = tmp_path / "results"
    row = {"reference": f"{data}/cells.h5ad", "unit": "auto", "mrna_per_cell": f"{data}/../data/sizes.tsv"}
    rows = {"one": {"bulk": f"{data}/bulk.tsv"}, "two": {"bulk": f"{data}/given/bulk.tsv"}}
    asked = {
        "command": ["nextflow run unmix"],
        "samplesheet": "sheet.csv",
        "folder": str(tmp_path),
        "profile": "test",
        "configs": ["/some.config"],
        "parameters": {
            "input": "sheet.csv",
            "outdir": "results",
            "seed": "7",
            "samples": "data/samples.tsv",
            "queue": "",
        },
    }
    for name, own in rows.items():
        (folder / name / "check").mkdir(parents=True)
        whole = {"id": name, **own, **row, "reference_name": "cells"}
        (folder / name / "request.json").write_text(json.dumps(asked | {"row": whole}))
        read = {key: told(Path(path)) for key, path in own.items()}
        outputs = {"bulk.h5ad": {"path": "bulk.h5ad", "sha256": "made"}}
        (folder / name / "check" / "run.json").write_text(json.dumps({"inputs": read, "outputs": outputs}))
    (folder / "one" / "nnls").mkdir()
    read = {name: told(data / name) for name in ("cells.h5ad", "sizes.tsv", "samples.tsv")}
    read["bulk"] = {"path": "bulk.h5ad", "sha256": "made", "bytes": 1}
    (folder / "one" / "nnls" / "run.json").write_text(json.dumps({"inputs": read}))
    (folder / "pipeline_info").mkdir()
    (folder / "pipeline_info" / "request.json").write_text(json.dumps(asked | {"row": {}}))
    return folder


def told(path):
    return {"path": path.name, "sha256": registry.sha256(path), "bytes": path.stat().st_size}


def test_the_samplesheet_and_the_parameters_of_a_run_of_the_pipeline_are_written_anew(results, tmp_path):
    request = records.read(results / "pipeline_info" / "request.json")
    _, linked = repeat_pipeline.inputs(results, request, None, tmp_path / "inputs")
    words = repeat_pipeline.command(results, request, linked, tmp_path / "out")
    assert words[:4] == ["-profile", "test", "-c", "/some.config"]
    sheet = pd.read_csv(tmp_path / "out" / "samplesheet.csv", index_col="id", dtype=str)
    assert "reference_name" not in sheet
    for name, contents in {"one": "contents of bulk.tsv", "two": "the bulk of another row"}.items():
        assert sheet.loc[name, "bulk"].startswith(str(tmp_path / "inputs"))
        assert Path(sheet.loc[name, "bulk"]).read_text() == contents
        assert Path(sheet.loc[name, "mrna_per_cell"]).read_text() == "contents of sizes.tsv"
    given = json.loads((tmp_path / "out" / "parameters.json").read_text())
    assert Path(given.pop("samples")).read_text() == "contents of samples.tsv"
    assert given == {
        "seed": "7",
        "input": str(tmp_path / "out" / "samplesheet.csv"),
        "outdir": str(tmp_path / "out" / "results"),
    }


@pytest.mark.parametrize("change", ["changed", "gone"])
def test_an_input_of_the_pipeline_that_is_not_what_it_was_is_refused(results, tmp_path, change):
    bulk = tmp_path / "data" / "bulk.tsv"
    bulk.write_text("other") if change == "changed" else bulk.unlink()
    request = records.read(results / "pipeline_info" / "request.json")
    with pytest.raises(DataError, match="has other contents" if change == "changed" else "is not there"):
        repeat_pipeline.inputs(results, request, None, tmp_path / "inputs")
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "any name").write_text("contents of bulk.tsv")
    _, linked = repeat_pipeline.inputs(results, request, tmp_path / "kept", tmp_path / "inputs")
    assert linked[bulk].read_text() == "contents of bulk.tsv"


def test_a_run_of_another_pipeline_is_not_repeated(results, tmp_path):
    request = {"parameters": {"methods": "nnls"}}
    with pytest.raises(UsageError, match="of another pipeline"):
        repeat_pipeline.inputs(results, request, None, tmp_path / "inputs")
