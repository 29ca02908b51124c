"""Bulk and reference to a folder of results in one process: what is skipped, what fails, what is left alone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import fields

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import unmix
from unmix.contract.method import silent
from unmix.errors import DataError, NotApplicable, UsageError
from unmix.io import tables
from unmix.pipeline import run, steps
from unmix.pipeline.row import Options, Row
from unmix.simulate.toy import toy


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a prepared reference, a bulk, its known fractions, and a bulk with a negative value."""
    path = tmp_path_factory.mktemp("one run")
    reference, bulk = toy(samples=6, cells_per_type=8)
    reference.write_h5ad(path / "reference.h5ad")
    table = pd.DataFrame(bulk.X.T.astype(int), index=bulk.var_names, columns=bulk.obs_names)
    tables.write_table(table, path / "bulk.tsv", index_label="gene")
    tables.write_table(table - 5, path / "negative.tsv", index_label="gene")
    tables.write_table(bulk.obsm["cell_fractions"], path / "truth.tsv", index_label="sample")
    return path


def start(folder, out, *, say=silent, bulk="bulk.tsv", truth=None, methods="nnls", controls="none", **given):
    row = {name: given.pop(name) for name in list(given) if name in {one.name for one in fields(Row)}}
    row |= {"truth": None if truth is None else folder / truth}
    machine = run.Machine(device="cpu", threads=1, say=say, progress=silent, pages=given.pop("pages", False))
    options = Options(methods=methods, controls=controls, quick=True, **given)
    row = {"bulk": folder / bulk, "reference": folder / "reference.h5ad"} | row
    run.run(Row(**row), options, out, machine)


def tree(out):
    return sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())


def test_defaults_are_those_of_the_samplesheet_and_of_the_pipeline(root):
    columns = json.loads((root / "assets" / "schema_input.json").read_text())["properties"]
    of_row = {one.name: one.default for one in fields(Row)}
    assert of_row.keys() | {"id"} == columns.keys()
    for name, rule in columns.items():
        if "default" in rule and name != "cell_type_key":  # which a prepared reference does not need
            assert of_row[name] == {"false": False}.get(rule["default"], rule["default"]), name
    groups = json.loads((root / "nextflow_schema.json").read_text())["$defs"].values()
    rules = {name: rule for group in groups for name, rule in group["properties"].items()}
    shared = {one.name: one.default for one in fields(Options) if one.name in rules}
    assert shared.keys() >= {"methods", "controls", "seed", "level", "quick", "explain", "express"}
    assert shared == {name: rules[name].get("default") for name in shared}


def test_a_method_that_cannot_be_applied_and_one_that_breaks_take_no_other_down(folder, tmp_path, monkeypatch, capsys):
    real = steps.predict

    def broken(job, model, *arguments, **given):
        if "dtangle" in model.name:
            raise ZeroDivisionError("by a fault")
        return real(job, model, *arguments, **given)

    monkeypatch.setattr(steps, "predict", broken)
    said = []
    start(folder, tmp_path, methods="daism,dtangle,nnls", truth="truth.tsv", pages=True, say=said.append)
    assert tables.read_table(tmp_path / "fractions.tsv").equals(tables.read_table(tmp_path / "nnls" / "fractions.tsv"))
    found = {name: json.loads((tmp_path / name / "skipped.json").read_text()) for name in ("daism", "dtangle")}
    assert [record["error"]["exit_code"] for record in found.values()] == [99, 1]
    page = (tmp_path / "report.html").read_text()
    assert "known fractions, and none were given" in page
    assert "by a fault" in page
    assert any(sentence.startswith("daism skipped: ") for sentence in said)
    assert any(sentence.startswith("dtangle failed: ") for sentence in said)
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "dtangle").iterdir()] == ["skipped.json"]
    results = unmix.read_results(tmp_path)
    assert set(results.skipped) == {"daism", "dtangle"}
    assert results.metrics is not None


def test_the_consensus_leads_where_the_default_is_asked_for(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("unmix.methods.PANEL", ("dtangle", "nnls"))
    start(folder, tmp_path, methods="default", truth="truth.tsv")
    assert (tmp_path / "run.json").read_bytes() == (tmp_path / "consensus" / "run.json").read_bytes()
    results = unmix.read_results(tmp_path)
    assert results.name == "consensus"
    assert list(results.methods) == ["consensus", "dtangle", "nnls"]
    written = {path.name for path in (tmp_path / "consensus").iterdir()}
    assert {"metrics.tsv", "members.tsv", "metrics.run.json", "pairs.tsv"} <= written
    assert not (tmp_path / "held_out.tsv").exists()


def test_cell_states_of_a_tissue_without_published_mrna_per_cell(folder, tmp_path, monkeypatch):
    """The counts of the reference are by state, the fractions by type: the report names both."""
    monkeypatch.setattr("unmix.methods.PANEL", ("dtangle", "nnls"))
    cells, parts = ad.read_h5ad(folder / "reference.h5ad"), {"NK": "alpha", "B cell": "alpha", "CD4+ T": "Ex_L2/3"}
    cells.obs["state"] = cells.obs["cell_type"].astype(str)
    cells.obs["part"] = cells.obs["state"].replace(parts)
    cells.write_h5ad(tmp_path / "tissue.h5ad")
    keys = {"cell_type_key": "part", "donor_key": "donor", "cell_state_key": "state"}
    start(folder, tmp_path / "out", methods="default", reference=tmp_path / "tissue.h5ad", pages=True, **keys)
    results = unmix.read_results(tmp_path / "out")
    assert list(results.methods) == ["consensus", "dtangle", "nnls"]
    assert {"alpha", "Ex_L2/3"} <= set(results.fractions)
    page = (tmp_path / "out" / "report.html").read_text()
    values = json.loads((tmp_path / "out" / "nnls" / "run.json").read_text())["mrna_per_cell"]["values"]
    assert f"B cell {values['B cell']:g}" in page
    assert "fractions_mrna.tsv holds" not in page  # those of a method alone are known


def test_expression_of_the_types_comes_from_the_fractions_of_every_method_and_of_the_consensus(
    folder, tmp_path, monkeypatch
):
    monkeypatch.setattr("unmix.methods.PANEL", ("dtangle", "nnls"))
    samples = tmp_path / "samples.csv"
    samples.write_text("sample,condition\n" + "".join(f"mix{i},{'ba'[i % 2]}\n" for i in range(6)))
    said, out = [], tmp_path / "out"
    start(
        folder, out, methods="default,estimate", controls="uniform", say=said.append, samples=samples,
        type_expression=True,
    )  # fmt: skip
    for name in ("consensus", "dtangle", "nnls"):
        found = tables.read_h5ad(out / name / "type_expression.h5ad")
        assert np.allclose(found.obsm["fractions"], tables.read_table(out / name / "fractions_mrna.tsv"))
        assert list(found.obs["group"]) == ["b", "a"] * 3
        assert set(pd.read_csv(out / name / "type_expression.groups.tsv", sep="\t")["group"]) == {"a", "b"}
    record = json.loads((out / "consensus" / "type_expression.run.json").read_text())
    assert record["inputs"]["model"]["path"].endswith(".dtangle.safetensors")
    assert any("6 samples (3 and 3) for 6 cell types" in sentence for sentence in said)
    assert not list(out.glob("type_expression*"))
    assert not (out / "uniform" / "type_expression.h5ad").exists()
    model = out / "models" / "reference.nnls.safetensors"
    given = {"fractions": unmix.read_results(out).methods["nnls"], "samples": samples}
    again = unmix.express(model, folder / "bulk.tsv", **given)
    kept = tables.read_h5ad(out / "nnls" / "type_expression.h5ad")
    assert all(np.array_equal(again.layers[name], kept.layers[name]) for name in kept.layers)


def test_an_unusable_bulk_ends_with_65_and_a_report_that_says_why(root, folder, tmp_path):
    command = [sys.executable, root / "bin" / "unmix_run.py", "negative.tsv", "reference.h5ad", "--methods", "nnls"]
    done = subprocess.run([*command, "--out-dir", tmp_path / "out"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 65
    assert "unmix run: error: " in done.stderr
    assert "Traceback" not in done.stderr
    page = (tmp_path / "out" / "report.html").read_text()
    assert "The bulk cannot be used." in page
    assert "is negative" in page
    assert tree(tmp_path / "out") == ["check/skipped.json", "report.html", "request.json"]
    with pytest.raises(DataError, match="is negative"):
        unmix.read_results(tmp_path / "out")
    start(folder, tmp_path / "out", pages=True)  # the corrected bulk into the same folder
    assert not (tmp_path / "out" / "check" / "skipped.json").exists()
    assert "is negative" not in (tmp_path / "out" / "report.html").read_text()


def test_without_any_method_that_can_be_applied_there_are_no_fractions_of_a_control(folder, tmp_path):
    with pytest.raises(NotApplicable, match="known fractions"):
        start(folder, tmp_path, methods="daism", controls="uniform", pages=True)
    assert not (tmp_path / "fractions.tsv").exists()
    assert "known fractions" in (tmp_path / "report.html").read_text()


def test_an_earlier_run_leaves_nothing_of_its_own_and_other_files_stay(folder, tmp_path):
    (tmp_path / "my own.tsv").write_text("a\tb\n")
    start(folder, tmp_path, truth="truth.tsv", controls="uniform")
    (tmp_path / "nnls" / "notes.txt").write_text("mine")
    start(folder, tmp_path, controls="uniform")
    assert not [name for name in tree(tmp_path) if "metrics" in name or "pairs" in name]
    assert (tmp_path / "my own.tsv").exists()
    assert (tmp_path / "nnls" / "notes.txt").exists()
    with pytest.raises(UsageError, match="holds results of nnls"):
        start(folder, tmp_path, methods="dtangle", controls="uniform")


def test_an_input_in_the_folder_of_the_results_is_neither_removed_nor_overwritten(folder, tmp_path):
    start(folder, tmp_path)
    with pytest.raises(UsageError, match="is an input, and stands among the results"):
        start(folder, tmp_path, bulk=tmp_path / "check" / "bulk.h5ad")
    assert (tmp_path / "check" / "bulk.h5ad").exists()
    other = tmp_path / "other"
    other.mkdir()
    known = (folder / "truth.tsv").read_text()
    (other / "fractions.tsv").write_text(known)
    with pytest.raises(UsageError, match="is the truth and an output"):
        start(folder, other, truth=other / "fractions.tsv")
    assert (other / "fractions.tsv").read_text() == known


def test_a_table_of_counts_gets_its_cell_types_from_the_table_beside_it(folder, tmp_path):
    cells = ad.read_h5ad(folder / "reference.h5ad")
    cells.to_df().T.to_csv(tmp_path / "counts.tsv", sep="\t")
    cells.obs[["cell_type", "donor"]].to_csv(tmp_path / "cells.csv")
    given = {"methods": "nnls", "controls": "none", "donor_key": "donor"}
    bulk, counts, reference = folder / "bulk.tsv", tmp_path / "counts.tsv", folder / "reference.h5ad"
    found = unmix.deconvolve(bulk, counts, cells=tmp_path / "cells.csv", **given).fractions
    known = unmix.deconvolve(bulk, reference, cell_type_key="cell_type", **given).fractions
    pd.testing.assert_frame_equal(found, known, check_exact=True)
    with pytest.raises(DataError, match="no column 'cell_type'") as error:
        unmix.deconvolve(bulk, counts, **given)
    assert "--cells" in error.value.do


def test_a_prepared_reference_keeps_its_labels(folder, tmp_path):
    start(folder, tmp_path)
    assert not (tmp_path / "references").exists()
    record = json.loads((tmp_path / "models" / "reference.nnls.run.json").read_text())
    assert record["inputs"]["reference"]["path"] == "reference.h5ad"
    with pytest.raises(UsageError, match="--donor-key is given"):
        start(folder, tmp_path, donor_key="donor")
    start(folder, tmp_path / "anew", cell_type_key="cell_type", donor_key="donor")
    assert (tmp_path / "anew" / "references" / "reference.h5ad").exists()


def test_a_missing_file_is_named_before_anything_is_written(folder, tmp_path):
    with pytest.raises(DataError, match=r"there is no file .*none\.tsv \(truth\)"):
        start(folder, tmp_path / "out", truth="none.tsv")
    with pytest.raises(UsageError, match=r"--signature: no method 'epc'"):
        start(folder, tmp_path / "out", signature="epc=truth.tsv")
    assert not (tmp_path / "out").exists()


def test_python_says_of_an_unknown_argument_which_was_meant(folder):
    with pytest.raises(UsageError, match=re.compile("no argument 'label_maps'.*label_map", re.DOTALL)):
        unmix.deconvolve(folder / "bulk.tsv", folder / "reference.h5ad", label_maps={})


def test_groups_are_compared_in_the_fractions_of_every_method_that_is_no_control(folder, tmp_path):
    samples = tables.read_table(folder / "truth.tsv").index
    (tmp_path / "samples.csv").write_text(
        "\n".join(["sample,condition", *(f"{n},{'ab'[i % 2]}" for i, n in enumerate(samples))])
    )
    start(folder, tmp_path / "out", controls="uniform", samples=tmp_path / "samples.csv", pages=True)
    made = {"effects.tsv", "groups.tsv", "covariates.tsv", "loadings.tsv"}
    assert made <= {path.name for path in (tmp_path / "out" / "nnls").iterdir()}
    assert (tmp_path / "out" / "effects.tsv").read_bytes() == (tmp_path / "out" / "nnls" / "effects.tsv").read_bytes()
    assert not (tmp_path / "out" / "uniform" / "effects.tsv").exists()
    assert "b vs a" in (tmp_path / "out" / "report.html").read_text()
    start(folder, tmp_path / "out", controls="uniform")  # without groups, none of the last run stays
    assert not list((tmp_path / "out").rglob("effects.tsv"))


def test_contrasts_without_samples_and_a_table_that_is_not_there_are_refused_before_anything_runs(folder, tmp_path):
    with pytest.raises(UsageError, match="without --samples"):
        start(folder, tmp_path / "out", contrasts=folder / "truth.tsv")
    with pytest.raises(DataError, match="no file"):
        start(folder, tmp_path / "out", samples=folder / "none.tsv")
    assert not (tmp_path / "out").exists()
