"""A wrapper offers what its script takes: same options, same menus, same defaults, same limits."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import click
import matplotlib.pyplot as plt
import numpy as np
import pytest

import unmix
from unmix.io.units import UNITS
from unmix.methods import all_methods
from unmix.reference.qc import PRESETS
from unmix.simulate.scenarios import SCENARIOS

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "galaxy_tools"
STEPS = sorted(path.stem.removeprefix("unmix_") for path in (ROOT / "bin").glob("unmix_*.py"))
NO_TOOL = {
    "crate": "Galaxy exports a history as an RO-Crate itself",
    "repeat": "Galaxy runs the job of a dataset again itself",
    "download": "a data manager of the administrator (data_manager/); signatures are uploaded",
    "index": "a history lists its datasets; the page lists the rows of a samplesheet",
    "methods": "the help of the tools lists them",
    "models": "the forms list the installed ones",
    "samplesheet": "a form takes its place",
}
WRAPPED = [step for step in STEPS if step not in NO_TOOL]
WRAPPERS = sorted(path.stem.removeprefix("unmix_") for path in TOOLS.glob("unmix_*.xml"))
NOT_OFFERED = {
    "skipped": "a job that cannot be applied fails with the reason",
    "checkpoint": "a Galaxy job that is interrupted starts anew in another folder",
    "genes": "the pipeline makes the list for a bulk of few genes",
    "quiet": "Galaxy keeps the messages with the job",
    "version": "the version command asks for it",
}
#: What the form of the run leaves to other tools.
LEFT_TO_TRAIN = "methods that need more than single cells are in unmix train"
NOT_OFFERED_BY = {
    "tune": {
        "storage": "a Galaxy job that is interrupted starts anew in another folder",
        **dict.fromkeys(("trial", "measured", "pending"), "for workflows/tune.nf, which has a task for every trial"),
    },
    "run": {
        **dict.fromkeys(("calibration_bulk", "calibration_unit", "calibration_fractions", "malignant"), LEFT_TO_TRAIN),
        **dict.fromkeys(("signature", "gene_sets", "pretrained", "ontology", "settings"), LEFT_TO_TRAIN),
        "cells": "tables of counts and their annotation are prepared by unmix reference",
        "reference_kind": "profiles are prepared by unmix reference",
        "cell_state_key": "states are prepared by unmix reference",
        "explain": "a tool of its own",
        "express": "a tool of its own",
        "type_expression": "unmix express takes the fractions of mRNA of any method",
    },
}
#: Options whose menu the script checks itself (it would have to import the library for --help).
MENUS = {
    "method": lambda: set(all_methods()),
    "unit": lambda: set(UNITS),
    "calibration_unit": lambda: set(UNITS),
    "preset": lambda: set(PRESETS),
    "scenario": lambda: set(SCENARIOS),
}


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def options(step):
    main = load(ROOT / "bin" / f"unmix_{step}.py").main
    parts = [main, *getattr(main, "commands", {}).values()]
    parameters = [parameter for part in parts for parameter in part.params]
    return {parameter.name: parameter for parameter in parameters if isinstance(parameter, click.Option)}


def flags(option):
    return {name for name in (*option.opts, *option.secondary_opts) if name.startswith("--")}


def offered(tree):
    """Return the wrapper's parameters that name the option they set."""
    return [(param.get("argument"), param) for param in tree.find("inputs").iter("param") if param.get("argument")]


def commands(tree):
    """Return the options that the wrapper's command gives to each script: step to flags."""
    used = {}
    for call in re.split(r"(?=unmix_[a-z]+\.py)", tree.find("command").text)[1:]:
        step = re.match(r"unmix_([a-z]+)\.py", call)[1]
        used.setdefault(step, set()).update(re.findall(r"(?<!\S)--[a-z-]+", call.split("&&")[0]))
    return used


def test_every_step_has_its_wrapper():
    assert set(WRAPPERS) == set(WRAPPED)


@pytest.mark.parametrize("name", WRAPPERS)
def test_the_command_uses_only_options_of_the_scripts(wrapper, name):
    used = commands(wrapper(name))
    assert used
    for step, found in used.items():
        assert found <= set().union(*(flags(option) for option in options(step).values()))


@pytest.mark.parametrize("step", WRAPPED)
def test_every_option_of_the_script_is_offered_or_left_out_for_a_reason(wrapper, step):
    tree = wrapper(step)
    reachable = commands(tree)[step] | {flag for flag, _ in offered(tree)}
    for name, option in options(step).items():
        left_out = {**NOT_OFFERED, **NOT_OFFERED_BY.get(step, {})}
        assert bool(flags(option) & reachable) != (name in left_out), name


@pytest.mark.parametrize("name", WRAPPERS)
def test_menus_defaults_and_limits_are_those_of_the_scripts(wrapper, name):
    tree = wrapper(name)
    known = [option for step in commands(tree) for option in options(step).values()]
    for flag, param in offered(tree):
        option = next(option for option in known if flag in flags(option))
        if param.get("type") == "select" and not param.findall("options"):
            values = {entry.get("value") for entry in param.iter("option")}
            chosen = [entry.get("value") for entry in param.iter("option") if entry.get("selected")]
            allowed = MENUS.get(option.name, lambda: set(getattr(option.type, "choices", values)))()  # noqa: B023
            assert values == allowed if name != "run" else values <= allowed, flag
            assert not isinstance(option.default, str) or chosen == [option.default], flag
        elif param.get("type") in ("integer", "float"):
            assert param.get("value") is None or float(param.get("value")) == option.default, flag
            for side in ("min", "max"):
                limit = getattr(option.type, side, None)
                assert limit is None or float(param.get(side)) == limit, flag
        elif param.get("type") == "boolean":
            assert option.is_flag, flag
            assert {param.get("truevalue"), param.get("falsevalue")} - {""} == flags(option)


def test_every_method_asks_for_what_it_needs_and_offers_its_recipes_and_numbers(wrapper):
    choice = wrapper("train").find("inputs/conditional[@name='choice']")
    cases = {case.get("value"): case for case in choice.findall("when")}
    assert set(cases) == set(all_methods())
    for name, method in all_methods().items():
        asked = {param.get("argument") or param.get("name"): param for param in cases[name].iter("param")}
        assert (asked["--bulk"].get("optional") != "true") == method.needs.bulk
        for option in ("--calibration-bulk", "--calibration-unit", "--calibration-fractions"):
            assert (option in asked) == method.needs.calibration
        assert ("--malignant" in asked) == method.needs.malignant
        assert ("--prior" in asked) == method.needs.prior
        assert ("--gene-sets" in asked) == method.needs.gene_sets
        assert {entry.get("value") for entry in asked["--recipe"].iter("option")} == set(method.recipes)
        numbers = [param for param in cases[name].iter("param") if param.get("type") in ("integer", "float")]
        assert all(param.get("min") is not None for param in numbers)


def test_menus_are_up_to_date():
    maker = load(TOOLS / "make_macros.py")
    assert maker.OUT.read_text("utf-8") == maker.macros(), "run: python galaxy_tools/make_macros.py"


@pytest.mark.parametrize(("name", "menu"), [("train", "method"), ("run", "method"), ("run", "compared")])
def test_typing_the_name_of_a_method_selects_this_method(wrapper, name, menu):
    """Galaxy's menu keeps the entries that contain what is typed, the shortest first."""
    params = wrapper(name).find("inputs").iter("param")
    (param,) = [one for one in params if menu in (one.get("name"), (one.get("argument") or "").removeprefix("--"))]
    entries = {entry.get("value"): entry.text for entry in param.iter("option")}
    for key in entries:
        found = [value for value, text in entries.items() if key in text.lower()]
        assert min(found, key=lambda value: len(entries[value])) == key


def test_the_form_asks_four_questions_and_folds_the_rest(wrapper):
    inputs = wrapper("run").find("inputs")
    assert [one.get("name") or one.get("argument") for one in inputs if one.tag != "section"] == [
        *("bulk", "source", "--samples"),
    ]
    cells = inputs.find("conditional[@name='source']/when[@value='cells']")
    assert [one.get("name") or one.get("argument") for one in cells if one.tag != "section"] == [
        *("cells", "--cell-type-key"),
    ]
    assert all(section.get("expanded") == "false" for section in inputs.iter("section"))


def test_no_table_is_taken_as_bulk_unless_it_is_chosen(wrapper):
    """Galaxy fills a required input with the newest table, which may be one of fractions."""
    for name in WRAPPERS:
        for param in wrapper(name).findall("inputs/param[@name='bulk']"):
            assert param.get("optional") == "true", name
            assert "no bulk samples are chosen" in wrapper(name).find("command").text


@pytest.mark.parametrize("name", WRAPPERS)
def test_the_command_shows_an_error_before_the_notes(wrapper, name, tmp_path):
    """What Galaxy runs, with a script that notes something and fails."""
    command = wrapper(name).find("command").text.strip()
    first = command[: command.index("EXIT &&") + len("EXIT &&")].replace("\n", " ").replace("\\$", "$")
    fails = "{ echo a note >&2; printf 'unmix x: error: bad\\n  do: mend it\\n' >&2; exit 65; }"
    done = subprocess.run(["sh", "-ec", f"{first} {fails}"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (65, "unmix x: error: bad\n  do: mend it\na note\n")


def test_the_figure_of_the_help_is_up_to_date_and_of_a_kind_that_galaxy_shows(wrapper, tmp_path):
    script = TOOLS / "static" / "images" / "make_figure.py"
    subprocess.run([sys.executable, script, tmp_path / "made.png"], check=True)
    made, kept = (plt.imread(path) for path in (tmp_path / "made.png", script.with_name("unmix_steps.png")))
    assert made.shape == kept.shape, "run: python galaxy_tools/static/images/make_figure.py"
    assert np.allclose(made, kept, atol=0.02), "run: python galaxy_tools/static/images/make_figure.py"
    assert "/static/images/unmix_steps.png" in wrapper("run").find("help").text


@pytest.mark.parametrize("name", WRAPPERS)
def test_wrapper_and_library_have_one_version(wrapper, name):
    tree = wrapper(name)
    assert tree.get("version").split("+galaxy")[0] == unmix.__version__
    assert tree.find("requirements/requirement").get("version") == unmix.__version__
    assert tree.find("requirements/container").text == f"unmix:{unmix.__version__}"


@pytest.mark.parametrize("name", WRAPPERS)
def test_every_file_of_the_wrappers_tests_is_there_and_small(wrapper, name):
    for param in wrapper(name).find("tests").iter("param"):
        if param.get("ftype"):
            assert (TOOLS / "test-data" / param.get("value")).stat().st_size < 1_000_000


def test_test_data_are_what_their_script_makes(tmp_path):
    script = TOOLS / "test-data" / "make_test_data.py"
    subprocess.run([sys.executable, script, tmp_path], check=True, capture_output=True)
    of_the_method = {
        "nnls.safetensors",
        "bayesprism.safetensors",
        "fractions.tsv",
        "fractions_long.tsv",
        "metrics.tsv",
        "pairs.tsv",
        *(f"member_{name}{end}" for name in ("nnls", "bayesprism") for end in (".tsv", ".json", "_held_out.tsv")),
    }
    for made in sorted(tmp_path.iterdir()):
        kept = script.with_name(made.name)
        if made.name not in of_the_method:  # their numbers move with the method
            assert digest(made) == digest(kept), f"run: python {script.relative_to(ROOT)}"


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_predict_takes_the_model_of_the_tests_with_every_form_of_bulk(tmp_path):
    data = TOOLS / "test-data"
    script = ROOT / "bin" / "unmix_predict.py"
    tables = []
    for bulk in ("bulk.tsv", "bulk.csv", "bulk.h5ad"):
        out = tmp_path / bulk
        command = [sys.executable, script, data / "nnls.safetensors", data / bulk, "--out-dir", out]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, f"run: python galaxy_tools/test-data/make_test_data.py\n{done.stderr}"
        tables.append((out / "fractions.tsv").read_bytes())
    assert tables[0] == tables[1] == tables[2]
