"""The methods text says what was done: the recipe by its name, and which part of an interval is conformal."""

from __future__ import annotations

import pandas as pd
import pytest

from unmix import methods
from unmix.report import methods_text
from unmix.report.results import Result, Results
from unmix.settings import asdict

SCADEN = {"name": "scaden", "title": "Scaden", "family": "deep", "citation": "Menden K et al. (2020).", "doi": "10.1/x"}
LEARNED = {
    "recipe_name": "default",
    "settings": [],
    "seed": 3,
    "reference": {"cells": 12345, "genes": 18000, "donors": 4, "cells_per_type": {"B": 1, "T": 2}},
    "intervals": {"held_out": "donors", "pseudobulk": 1000},
}
VALUES = pd.DataFrame([[0.4, 0.6]], ["s"], ["B", "T"])


def text(recipe="default", *, method=SCADEN, bounds=True, inputs=(), evaluation=None, **learned):
    """Return the methods text of one method, trained with one of its recipes or with data."""
    known = methods.get(method["name"]).recipes
    data = recipe if isinstance(recipe, dict) else asdict(known[recipe])
    name = recipe if isinstance(recipe, str) else "own"
    run = {
        "unmix": "0.1.0",
        "level": 0.9,
        "method": method,
        "recipe": data,
        "inputs": {name: {} for name in inputs},
        "model": {**LEARNED, "recipe_name": name, **learned},
    }
    ends = {"lower": VALUES - 0.1, "upper": VALUES + 0.1} if bounds else {}
    lead = Result(name=method["name"], run=run, values=VALUES, quantity="cell", evaluation=evaluation or {}, **ends)
    return methods_text.citing(Results([lead], [], [], []))["text"]


def test_default_settings_are_not_called_those_of_the_publication():
    said = text()
    assert "Scaden [1] and the default settings of unmix, as implemented in unmix 0.1.0 (seed 3)." in said
    assert "with the network of Scaden [1]" in said
    assert "Settings that differ from those of the publication: " in said
    assert "prep.genes markers (published: variance), prep.per_type 60 (published: 100)" in said
    assert "The reference contained 12,345 cells of 2 cell types from 4 donors and 18,000 genes." in said


def test_published_settings_are_named_and_have_no_differences():
    said = text("published")
    assert "estimated with Scaden [1] and the settings of the publication" in said
    assert "differ from those" not in said


def test_recipes_of_the_user_and_changed_settings_are_listed():
    said = text(asdict(methods.get("scaden").recipes["published"]), settings=["train.steps=10"])
    assert "user-supplied settings" in said
    assert "Settings changed by the user: train.steps=10." in said


@pytest.mark.parametrize(
    ("held_out", "said"),
    [
        ("donors", "on pseudobulk of held-out donors of the reference (n = 1,000)"),
        ("cells", "on pseudobulk of held-out cells of the same donors (n = 1,000)"),
    ],
)
def test_what_is_conformal_is_told_from_what_is_not(held_out, said):
    full = text(intervals={"held_out": held_out, "pseudobulk": 1000})
    assert f"90% intervals: split-conformal [2] {said}" in full
    assert "multiplied by the distance of the sample from the reference" in full
    assert "A between-laboratory error of s.d. 0 to 0.22" in full
    assert "Both the factor and this term are choices of unmix and not conformal." in full


def test_intervals_of_calibration_samples_have_no_error_between_laboratories():
    full = text(intervals={"held_out": "calibration samples", "pseudobulk": 30})
    assert "on bulk samples with known fractions that were held out of the training (n = 30)" in full
    assert "between-laboratory" not in full


def test_without_intervals_nothing_is_said_of_them():
    assert "conformal" not in text(bounds=False)


def test_several_references_are_told():
    assert "means over 3 references, weighted by exp(-d / 0.1)" in text(inputs=("model", "bulk", "also_0", "also_1"))


def test_notes_of_the_evaluation_stay_out_of_a_manuscript():
    assert "label map" not in text(evaluation={"notes": ["No label map was given."]})


def test_sentences_are_short_enough_to_read():
    for sentence in text("published").split(". "):
        assert len(sentence.split()) <= 30, sentence
