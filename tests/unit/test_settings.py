from __future__ import annotations

import json

import pytest

from unmix import methods
from unmix.errors import UsageError
from unmix.settings import asdict, fromdict, override
from unmix.simulate.recipe import Simulation


@pytest.mark.parametrize("name", methods.all_methods())
def test_a_recipe_survives_json(name):
    for recipe in methods.get(name).recipes.values():
        assert fromdict(type(recipe), json.loads(json.dumps(asdict(recipe)))) == recipe


def test_settings_are_typed():
    recipe = methods.get("scaden").recipes["default"]
    changed = override(recipe, ["train.steps=7", "train.lr=1e-4", "prep.genes=all", "simulation.mrna.NK=2"])
    assert (changed.train.steps, changed.train.lr, changed.prep.genes) == (7, 1e-4, "all")
    assert changed.simulation.mrna == {"NK": 2.0}


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("train.step=7", ["train.step", "train.steps"]),
        ("steps=7", ["steps", "train.steps"]),
        ("train.steps", ["--set a.b=value"]),
        ("train.steps=many", ["train.steps=many", "int"]),
        ("train.steps=1.5", ["train.steps=1.5", "int"]),
        ("prep.genes=best", ["prep.genes=best", "markers"]),
        ("simulation.replace=1", ["simulation.replace", "bool"]),
    ],
)
def test_a_wrong_setting_is_refused_with_the_valid_ones(setting, words):
    with pytest.raises(UsageError) as error:
        override(methods.get("scaden").recipes["default"], [setting])
    assert all(word in str(error.value) for word in words)


def test_unknown_key_of_a_recipe_file_is_refused():
    with pytest.raises(UsageError, match="unknown setting cell"):
        fromdict(Simulation, {"cell": 5})
