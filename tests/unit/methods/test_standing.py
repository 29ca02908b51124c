"""How methods did on real samples beside the controls, and which are for comparison only."""

from __future__ import annotations

import runpy

import pytest

import unmix
from unmix import methods


def test_the_figures_are_those_of_the_results(root):
    made = runpy.run_path(str(root / "scripts" / "standing.py"))
    assert made["OUT"].read_text("utf-8") == made["table"](), "run: python scripts/standing.py"


def test_a_method_that_is_no_better_than_a_control_says_so():
    assert methods.real_samples()["jointlog"][0][1] >= methods.real_samples()["jointlog"][0][2]
    brain = "mixtures of rat brain cells by human cells."
    assert f"but not on PBMC of Monaco and {brain}" in methods.standing("jointlog")
    assert methods.standing("dissect").partition("not on ")[2] == f"PBMC of SDY67 and {brain}"
    assert "not on" not in methods.standing("nnls")
    assert methods.standing("xcell") == ""  # scores have no error


def test_advice_reaches_the_registry():
    known = {name: methods.describe(method) for name, method in methods.all_methods().items()}
    assert "only" in known["nusvr"]["comparison"]
    assert known["nnls"]["comparison"] == ""
    assert known["nnls"]["real_samples"] == methods.standing("nnls")
    assert not [name for name in methods.PANEL if known[name]["comparison"]]


@pytest.mark.parametrize(
    ("name", "words"), [("nusvr", "90 % intervals held 69 %"), ("nmf", "81 %"), ("rnasieve", "64 %")]
)
def test_a_prediction_warns_of_intervals_that_were_too_narrow_on_real_samples(name, words):
    reference, bulk = unmix.toy(samples=6)
    said = []
    model = unmix.train(name, reference, bulk=bulk, quick=True, device="cpu")
    unmix.predict(model, bulk, device="cpu", say=said.append)
    assert any(words in sentence for sentence in said)
