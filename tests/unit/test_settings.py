from __future__ import annotations

import json
import subprocess
import sys

import jsonschema
import pytest

from unmix import engine, methods
from unmix.errors import UsageError
from unmix.settings import asdict, fromdict, override, read
from unmix.settings.words import MOST
from unmix.simulate.recipe import Composition, Simulation
from unmix.simulate.scenarios import SCENARIOS, scenario

METHODS = methods.all_methods()
#: Settings that make no sense, and what the message must say of the range.
NONSENSE = [
    ("scaden", "train.steps=0", "of 1 or more"),
    ("scaden", "train.steps=-5", "of 1 or more"),
    ("scaden", "train.steps=1.5", "a whole number"),
    ("scaden", "train.steps=many", "a whole number"),
    ("scaden", "train.steps=true", "a whole number"),
    ("scaden", f"train.steps={10**30}", f"from 1 to {MOST}"),
    ("scaden", "train.batch=0", "of 1 or more"),
    ("scaden", "train.lr=0", "above 0 and at most 1"),
    ("scaden", "train.lr=-0.001", "above 0 and at most 1"),
    ("scaden", "train.lr=1e30", "above 0 and at most 1"),
    ("scaden", "train.lr=NaN", "above 0 and at most 1"),
    ("scaden", "train.lr=Infinity", "above 0 and at most 1"),
    ("scaden", f"train.lr={'9' * 5000}", "above 0 and at most 1"),
    ("scaden", "train.eps=0", "above 0"),
    ("scaden", "train.validate_every=0", "of 1 or more"),
    ("scaden", "train.patience=-1", "of 0 or more"),
    ("scaden", "train.schedule=warm", "constant, cosine, decay"),
    ("scaden", "prep.depth=-1", "of 0 or more"),
    ("scaden", "prep.depth=1e400", "from 0 to 1e+18"),
    ("scaden", "prep.pseudocount=0", "above 0"),
    ("scaden", "prep.per_type=0", "of 1 or more"),
    ("scaden", "prep.sample=rank", "none, minmax, z, clipped"),
    ("scaden", "simulation.dropout=1.5", "from 0 to below 1"),
    ("scaden", "simulation.dropout=1", "from 0 to below 1"),
    ("scaden", "simulation.sparse=2", "from 0 to 1"),
    ("scaden", "simulation.alpha=0", "above 0"),
    ("scaden", "simulation.cells=0", "of 1 or more"),
    ("scaden", "simulation.cells_max=7", "cells_max 0, or >= cells"),
    ("scaden", "simulation.platform=-1", "from 0 to 10"),
    ("scaden", "simulation.platform=1000", "from 0 to 10"),
    ("scaden", "simulation.library=-1", "of 0 or more"),
    ("scaden", "simulation.donors=cross", "pooled, same"),
    ("scaden", "simulation.priors.NK=-0.5", "from 0 to 1"),
    ("scaden", 'simulation.priors={"NK":0.7,"B":0.7}', "sum is at most 1"),
    ("scaden", "simulation.compositions.even=1", "dirichlet, uniform"),
    ("scaden", "simulation.compositions.pure=0", "above 0"),
    ("scaden", "simulation.mrna.NK=0", "above 0"),
    ("scaden", "simulation.unknown=0.5", "hidden types"),
    ("scaden", "nets=[]", "at least 1"),
    ("scaden", 'nets=[{"hidden":[0]}]', "of 1 or more"),
    ("scaden", 'nets=[{"hidden":[8,4],"dropout":[0.1]}]', "one for each hidden layer"),
    ("scaden", 'nets=[{"hidden":[8],"normed":[3]}]', "numbers of hidden layers"),
    ("scaden", 'nets=[{"hidden":[8]},{"hidden":[8],"input_dropout":0.5}]', "the same input_dropout"),
    ("nusvr", "nu=[2.0]", "above 0 and at most 1"),
    ("nusvr", "nu=[]", "at least 1"),
    ("nusvr", "cost=0", "above 0"),
    ("nusvr", "genes.exclude=(", "a regular expression"),
    ("nusvr", "genes.least=600", "least at most per_type"),
    ("nusvr", "genes.q=0", "above 0 and at most 1"),
    ("nnls", "max_ratio=-1", "of 0 or more"),
    ("nnls", "genes.top=0", "of 1 or more"),
    ("nnls", "fractions=both", "own, cell, mrna"),
    ("epic", "max_weight=0", "above 0"),
    ("dtangle", "slope=0", "above 0"),
    ("bayesprism", "burn=1000", "burn below chain"),
    ("bayesprism", "seed=-1", "of 0 or more"),
    ("bayesprism", "outlier=1.1", "from 0 to 1"),
    ("daism", "blend=[0.9,0.1]", "the lower end first"),
    ("daism", "blend=[0.5]", "from 0 to 1"),
    ("dissect", "low=0.95", "low at most high"),
    ("dissect", "until=[0.5]", "one weight more"),
    ("nnice", "quantiles=[0.1,0.9]", "the median"),
    ("convdeconv", "heads=5", "a multiple of heads"),
    ("autoptcr", "filters=[]", "at least 1"),
    ("deepdecon", "ranges=56", "from 1 to 55"),
    ("deepdecon", "percentile=50", "from 0 to below 50"),
    ("deepdecon", "simulation.samples=0", "1 or more"),
    ("ctcrna", "simulation.samples=500", "0: this method makes every training batch anew"),
    ("gbmpurity", 'nets=[{"hidden":[8]},{"hidden":[4]}]', "one network"),
    ("digitaldlsorter", "cells=1", "from 0 to below 1"),
    ("scdc", "low=0.9", "low at most high"),
    ("hascad", "harmony.clusters=1", "of 2 or more"),
    ("tape", "rounds=0", "of 1 or more"),
    ("ucdselect", 'nets=[{"hidden":[]}]', "hidden layers"),
    ("xcell", "spillover=-0.1", "from 0 to 1"),
]


@pytest.mark.parametrize("name", METHODS)
def test_a_recipe_survives_json(name):
    for recipe in METHODS[name].recipes.values():
        assert fromdict(type(recipe), json.loads(json.dumps(asdict(recipe)))) == recipe


@pytest.mark.parametrize(("name", "setting", "words"), NONSENSE)
def test_nonsense_is_refused_with_the_range(name, setting, words):
    for recipe in METHODS[name].recipes:
        with pytest.raises(UsageError) as error:
            engine.resolve(METHODS[name](), recipe, [setting])
        assert words in error.value.expected
        assert len(str(error.value)) < 600


def test_the_nonsense_is_of_many_methods():
    assert len(NONSENSE) >= 31
    assert len({name for name, *_ in NONSENSE}) > 15


@pytest.mark.parametrize(
    ("method", "options", "words"),
    [
        ("scaden", ["--set", "simulation.dropout=1.5"], "from 0 to below 1"),
        ("scaden", ["--set", "train.lr=NaN"], "at most 1"),
        ("nnls", ["--set", "genes.exclude=("], "a regular expression"),
        ("nnls", ["--seed", "-1"], "--seed"),
        ("nnls", ["--recipe", "gone.json"], "gone.json"),
    ],
)
def test_the_script_ends_with_2_before_it_reads_the_reference(root, tmp_path, method, options, words):
    command = [sys.executable, root / "bin" / "unmix_train.py", "gone.h5ad", "--method", method, *options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert "bug" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_settings_are_typed():
    recipe = METHODS["scaden"].recipes["default"]
    changed = override(recipe, ["train.steps=1e3", "train.lr=1e-4", "prep.genes=all", "simulation.mrna.T.cells.CD4=2"])
    assert (changed.train.steps, changed.train.lr, changed.prep.genes) == (1000, 1e-4, "all")
    assert changed.simulation.mrna == {"T.cells.CD4": 2.0}
    assert changed.nets == recipe.nets
    assert override(METHODS["nnls"].recipes["default"], ["genes.exclude=7"]).genes.exclude == "7"


def test_settings_that_need_each_other_are_judged_together():
    recipe = METHODS["scaden"].recipes["default"]
    changed = override(recipe, ["simulation.cells=900", "simulation.cells_max=1000"])
    assert (changed.simulation.cells, changed.simulation.cells_max) == (900, 1000)


def test_a_change_is_validated():
    recipe = METHODS["scaden"].recipes["default"]
    assert recipe.changed(train=recipe.train.changed(steps=7)).train.steps == 7
    with pytest.raises(ValueError, match="lr"):
        recipe.train.changed(lr=2.0)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("train.step=7", ["train.step", "did you mean train.steps"]),
        ("steps=7", ["steps", "train.steps"]),
        ("train=7", ["unknown setting train", "train.steps"]),
        ("train.steps", ["--set a.b=value"]),
        ("=7", ["--set a.b=value"]),
        ("train.steps=0", ["train.steps=0", "a whole number of 1 or more", "--set train.steps=800"]),
        ("prep.genes=best", ["prep.genes=best", "markers"]),
        ("simulation.replace=1", ["simulation.replace", "true or false"]),
        ('nets=[{"hiden":[3]}]', ["nets[0].hiden", "nets[0].hidden"]),
    ],
)
def test_a_wrong_setting_is_refused_with_what_to_type(setting, words):
    with pytest.raises(UsageError) as error:
        override(METHODS["scaden"].recipes["default"], [setting])
    assert all(word in str(error.value) for word in words)


def test_a_recipe_file_is_held_to_the_same(tmp_path):
    with pytest.raises(UsageError, match="unknown setting cell"):
        fromdict(Simulation, {"cell": 5})
    with pytest.raises(UsageError, match="no nets"):
        fromdict(type(METHODS["scaden"].recipes["default"]), {"train": {"steps": 5}})
    with pytest.raises(UsageError) as error:
        fromdict(
            type(METHODS["scaden"].recipes["default"]), {"nets": [{"hidden": [8]}], "train": {"steps": 0, "lr": 2}}
        )
    assert all(word in str(error.value) for word in ("train.steps=0", "train.lr=2"))
    for text in ("[1]", "{"):
        (tmp_path / "recipe.json").write_text(text)
        with pytest.raises(UsageError, match=r"recipe\.json"):
            read(tmp_path / "recipe.json")


@pytest.mark.parametrize("name", METHODS)
def test_what_a_recipe_file_does_not_name_is_that_of_the_default_recipe(name):
    default = METHODS[name].recipes["default"]
    assert engine.resolve(METHODS[name], {}) == default
    assert engine.resolve(METHODS[name], asdict(default)) == default
    if hasattr(default, "genes"):
        assert engine.resolve(METHODS[name], {"genes": {"fold": 7.5}}) == default.changed(
            genes=default.genes.changed(fold=7.5)
        )
    if hasattr(default, "train"):
        assert engine.resolve(METHODS[name], {"train": {"lr": 0.5}}) == default.changed(
            train=default.train.changed(lr=0.5)
        )


def test_the_schema_of_a_method_says_types_ranges_and_meaning():
    described = methods.describe(METHODS["scaden"])["settings"]["properties"]
    steps = described["train"]["properties"]["steps"]
    assert (steps["type"], steps["minimum"], steps["default"]) == ("integer", 1, 800)
    assert "Batches" in steps["description"]
    assert described["nets"]["items"]["properties"]["dropout"]["items"]["exclusiveMaximum"] == 1
    assert "$ref" not in json.dumps(described)
    validator = jsonschema.Draft202012Validator(methods.describe(METHODS["scaden"])["settings"])
    assert validator.is_valid({"train": {"steps": 5}})  # a file names what differs from the default recipe
    assert validator.is_valid(asdict(METHODS["scaden"].recipes["default"]))
    assert not validator.is_valid({"train": {"steps": 0}})


def test_compositions_of_the_recipe_are_those_of_the_library():
    from unmix.simulate.compositions import COMPOSITIONS

    assert set(Composition.__args__) == set(COMPOSITIONS)


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenarios_are_in_range(name):
    assert scenario(name, 500).cells > 0
