"""Fits of a case, the store that keeps them, and the figures that are made of it."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import unmix
from unmix.benchmark import figures, fitting, running, store
from unmix.benchmark.case import Case, read_case
from unmix.errors import DataError
from unmix.io.tables import read_h5ad


@pytest.fixture(scope="module")
def done(case):
    found = fitting.fit(case, "nnls", "default", 0)
    return found.record, found.estimates


def wide(estimates, test, name="estimate"):
    own = estimates[estimates["test"] == test]
    return own.pivot(index="sample", columns="cell_type", values=name)


def test_estimates_are_those_of_the_program_in_what_the_truth_counts(case, done):
    record, estimates = done
    bulk = read_h5ad(case.path("tests/cells.h5ad"))
    model = unmix.train("nnls", case.path("reference.h5ad"), seed=0, device="cpu")
    cells = unmix.predict(model, bulk, device="cpu", mrna_per_cell="reference")
    assert record.status == "ok"
    assert record.tests["cells"]["quantity"] == "cell"
    assert record.tests["rna"]["quantity"] == "mrna"
    for name in ("values", "lower", "upper"):
        found = wide(estimates, "cells", {"values": "estimate"}.get(name, name))
        pd.testing.assert_frame_equal(found, getattr(cells, name)[list(found)], check_names=False, check_freq=False)
    first = next(iter(case.tests[1].sums))
    by_rna = wide(estimates, "rna")
    np.testing.assert_allclose(by_rna[first], cells.mrna[first], atol=1e-9)
    np.testing.assert_allclose(by_rna["rest"], 1 - cells.mrna[first], atol=1e-9)


def test_fractions_of_cells_become_those_of_mrna(case):
    """The other way round than above: a method of cells, on a truth of RNA."""
    fitted = fitting.fit(case, "music", "default", 0)
    record, estimates = fitted.record, fitted.estimates
    assert record.quantity == "cell"
    model = unmix.train("music", case.path("reference.h5ad"), seed=0, device="cpu")
    cells = unmix.predict(model, case.path("tests/cells.h5ad"), device="cpu", mrna_per_cell="none").values
    rna = cells * pd.Series(model.facts["mrna_per_cell"])
    rna = rna.div(rna.sum(axis=1), axis=0)
    found, (first, *_) = wide(estimates, "rna"), case.tests[1].sums
    np.testing.assert_allclose(found[first], rna[first], atol=1e-6)
    assert (rna[first] - cells[first]).abs().max() > 0.005


def test_figures_of_the_store_are_those_of_evaluate(case, done, tmp_path):
    record, estimates = done
    store.write(tmp_path, store.Done(record, estimates))
    full = figures.table([tmp_path])
    bulk = read_h5ad(case.path("tests/cells.h5ad"))
    model = unmix.train("nnls", case.path("reference.h5ad"), seed=0, device="cpu")
    expected = unmix.evaluate(unmix.predict(model, bulk, device="cpu", mrna_per_cell="reference"), bulk)
    found = full[full["test"] == "cells"][list(expected)].reset_index(drop=True)
    keys = ["level", "cell_type", "metric"]
    pd.testing.assert_frame_equal(
        found.set_index(keys).sort_index(), expected.set_index(keys).sort_index(), check_dtype=False, atol=1e-6
    )
    row = figures.overview(full).set_index("test").loc["cells"]
    mean = expected[expected["level"] == "mean_type"].set_index("metric")
    assert row["r"] == pytest.approx(mean.loc["pearson", "value"], abs=1e-6)
    assert row["r_lower"] == pytest.approx(mean.loc["pearson", "lower"], abs=1e-6)
    assert row["coverage"] == pytest.approx(mean.loc["coverage", "value"], abs=1e-6)
    pooled = expected[expected["level"] == "all"].set_index("metric")
    assert row["ccc"] == pytest.approx(pooled.loc["ccc", "value"], abs=1e-6)
    assert row["samples"] == len(bulk)


def test_a_method_that_cannot_be_applied_and_one_that_fails_are_recorded(case, monkeypatch):
    found = fitting.fit(case, "gbmpurity", "default", 0)
    assert found.record.status == "not applicable"
    assert "malignant" in found.record.said
    assert found.estimates is None
    monkeypatch.setattr(fitting.engine, "train", lambda *_, **__: 1 / 0)
    record = fitting.fit(case, "nnls", "default", 0).record
    assert (record.status, record.said) == ("failed", "ZeroDivisionError: division by zero")


def test_a_test_that_fails_takes_no_other_with_it(case, tmp_path):
    shutil.copytree(case.folder, tmp_path / "toy")
    table = "gene\ts1\ts2\n" + "".join(f"x{i}\t{i}\t{2 * i + i % 3}\n" for i in range(99))
    (tmp_path / "toy" / "tests" / "other.tsv").write_text(table)
    other = case.tests[0].model_copy(update={"name": "other", "bulk": "tests/other.tsv", "unit": "tpm"})
    changed = case.model_copy(update={"tests": (other, *case.tests)}).save(tmp_path / "toy")
    found = fitting.fit(changed, "nnls", "default", 0)
    assert found.record.status == "ok"
    assert "genes in common" in found.record.tests["other"]["error"]
    assert list(dict.fromkeys(found.estimates["test"])) == ["cells", "rna"] == list(found.members)


def test_scores_are_not_added(case):
    found = fitting.fit(case, "mcpcounter", "default", 0)
    assert set(found.estimates["test"]) == {"cells"}
    assert "scores of several cell types" in found.record.tests["rna"]["error"]


def test_what_is_finished_is_not_done_again_and_a_killed_fit_is_recorded(case, tmp_path, monkeypatch):
    said = []
    todo = running.jobs([case], ["nnls", "uniform"], ["default", "published"], [0, 1])
    # seed by seed; a control has no published recipe
    assert [(job.fit.seed, job.fit.recipe, job.fit.method) for job in todo] == [
        (seed, *rest)
        for seed in (0, 1)
        for rest in (("default", "nnls"), ("default", "uniform"), ("published", "nnls"))
    ]
    first = [job for job in todo if job.fit.seed == 0 and job.fit.recipe == "default"]
    running.run(first, tmp_path, 2, 1, said.append)
    assert [record.status for record in said] == ["ok", "ok"]
    running.run(first, tmp_path, 2, 1, said.append)
    assert len(said) == 2
    monkeypatch.setattr(running, "_fit", _killed)
    running.run(todo[2:3], tmp_path, 1, 1, said.append)
    assert (said[-1].status, said[-1].said) == ("failed", "its process ended by signal 9")
    rows = figures.status([tmp_path]).query("method != 'consensus'")
    assert rows["status"].tolist() == ["ok", "failed", "ok"]


def _killed(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def test_other_data_or_settings_are_another_fit(case, tmp_path):
    changed = tmp_path / "toy"
    shutil.copytree(case.folder, changed)
    assert read_case(changed).digest() == case.digest()
    words = json.loads((changed / "case.json").read_text()) | {"title": "Another title"}
    (changed / "case.json").write_text(json.dumps(words))
    assert read_case(changed).digest() == case.digest()  # for readers only
    (changed / "tests" / "rna.tsv").write_text((changed / "tests" / "rna.tsv").read_text().replace("mix0", "mix00"))
    assert read_case(changed).digest() != case.digest()
    recipe = tmp_path / "more.json"
    recipe.write_text("{}")
    assert fitting.named(str(recipe)) == "more"
    assert fitting.settings_digest("scaden", "default") != fitting.settings_digest("scaden", "published")


def test_a_folder_that_is_no_case_is_refused(case, tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_case(tmp_path)
    facts = json.loads((case.folder / "case.json").read_text())
    for wrong, said in (({"tests": []}, "tests"), ({"name": "../a"}, "name"), ({"colour": "red"}, "colour")):
        (tmp_path / "case.json").write_text(json.dumps(facts | wrong))
        with pytest.raises(DataError, match=said):
            read_case(tmp_path)
    Case.model_validate(facts).save(tmp_path)
    with pytest.raises(DataError, match=r"names reference\.h5ad, which is not there"):
        read_case(tmp_path)


def test_a_run_that_is_killed_goes_on_where_it_was(case, tmp_path):
    script = Path(__file__).resolve().parents[3] / "bin" / "unmix_benchmark.py"
    methods = [word for name in ("uniform", "random", "nnls", "ols") for word in ("--method", name)]
    command = [sys.executable, script, "fit", case.folder, *methods, "--out", tmp_path / "store"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if "uniform default 0 ok" in line:
                process.kill()
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "store" / "toy").glob("*.json")}
    assert 1 <= len(before) < 4
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"{len(before)} of 4 fits are in the store." in done.stderr
    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "store" / "toy").glob("*.json")}
    assert len(after) == 4
    assert {name: after[name] for name in before} == before
    tabulate = [sys.executable, script, "table", tmp_path / "store", "--out", tmp_path / "table.tsv"]
    subprocess.run([*tabulate, "--fits", tmp_path / "fits.tsv"], capture_output=True, check=True)
    assert set(pd.read_csv(tmp_path / "table.tsv", sep="\t")["method"]) == {"uniform", "random", "nnls", "ols"}
    fits = pd.read_csv(tmp_path / "fits.tsv", sep="\t").set_index("method")
    assert fits.drop(index="consensus")["status"].eq("ok").all()
    assert "the store has no fit of jointlog, dissect, hascad" in fits.loc["consensus", "said"]
