"""A wrapper offers what its script takes: same options, same menus, same defaults, same limits."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

import unmix
from unmix.registry import all_methods
from unmix.units import UNITS

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "galaxy_tools"
STEPS = sorted(path.stem.removeprefix("unmix_") for path in TOOLS.glob("unmix_*.xml"))
NOT_OFFERED = {
    "checkpoint": "a Galaxy job that is interrupted starts anew in another folder",
    "calibration_bulk": "no method takes calibration samples yet",
    "calibration_fractions": "no method takes calibration samples yet",
    "quiet": "Galaxy keeps the messages with the job",
    "version": "the version command asks for it",
}
#: Options whose menu the script checks itself (it would have to import the registry for --help).
MENUS = {
    "method": lambda: set(all_methods()),
    "recipe": lambda: {name for method in all_methods().values() for name in method.recipes},
    "unit": lambda: set(UNITS),
}


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def options(step):
    parameters = load(ROOT / "bin" / f"unmix_{step}.py").main.params
    return {parameter.name: parameter for parameter in parameters if isinstance(parameter, click.Option)}


def flags(option):
    return {name for name in option.opts if name.startswith("--")}


def offered(tree):
    """Return the wrapper's parameters that name the option they set."""
    return {param.get("argument"): param for param in tree.find("inputs").iter("param") if param.get("argument")}


@pytest.mark.parametrize("step", STEPS)
def test_the_command_uses_only_options_of_the_script(wrapper, step):
    known = set().union(*(flags(option) for option in options(step).values()))
    used = set(re.findall(r"(?<!\S)--[a-z-]+", wrapper(step).find("command").text))
    assert used
    assert used <= known


@pytest.mark.parametrize("step", STEPS)
def test_every_option_of_the_script_is_offered_or_left_out_for_a_reason(wrapper, step):
    tree = wrapper(step)
    command = tree.find("command").text
    for name, option in options(step).items():
        reachable = flags(option) & offered(tree).keys() or any(
            re.search(rf"{flag}\b", command) for flag in flags(option)
        )
        assert bool(reachable) != (name in NOT_OFFERED), name


@pytest.mark.parametrize("step", STEPS)
def test_menus_defaults_and_limits_are_those_of_the_script(wrapper, step):
    by_flag = {flag: option for option in options(step).values() for flag in flags(option)}
    for flag, param in offered(wrapper(step)).items():
        option = by_flag[flag]
        if param.get("type") == "select":
            chosen = [entry.get("value") for entry in param.iter("option") if entry.get("selected")]
            assert {entry.get("value") for entry in param.iter("option")} == MENUS[option.name](), flag
            assert chosen == ([option.default] if not option.required else chosen[:1]), flag
        elif param.get("type") in ("integer", "float"):
            assert float(param.get("value")) == option.default, flag
            limits = [getattr(option.type, side, None) for side in ("min", "max")]
            for limit, side in zip(limits, ("min", "max"), strict=True):
                assert limit is None or float(param.get(side)) == limit, flag
        elif param.get("type") == "boolean":
            assert option.is_flag, flag
            assert (param.get("truevalue"), param.get("falsevalue")) == (flag, "")


def test_menus_are_up_to_date():
    maker = load(TOOLS / "make_macros.py")
    assert maker.OUT.read_text("utf-8") == maker.macros(), "run: python galaxy_tools/make_macros.py"


@pytest.mark.parametrize("step", STEPS)
def test_wrapper_and_library_have_one_version(wrapper, step):
    tree = wrapper(step)
    assert tree.get("version").split("+galaxy")[0] == unmix.__version__
    assert tree.find("requirements/requirement").get("version") == unmix.__version__
    assert tree.find("requirements/container").text == f"unmix:{unmix.__version__}"


@pytest.mark.parametrize("step", STEPS)
def test_every_file_of_the_wrappers_tests_is_there_and_small(wrapper, step):
    for param in wrapper(step).find("tests").iter("param"):
        if param.get("ftype"):
            assert (TOOLS / "test-data" / param.get("value")).stat().st_size < 1_000_000


def test_test_data_are_what_their_script_makes(tmp_path):
    script = TOOLS / "test-data" / "make_test_data.py"
    subprocess.run([sys.executable, script, tmp_path], check=True, capture_output=True)
    for made in sorted(tmp_path.iterdir()):
        kept = script.with_name(made.name)
        if made.suffix == ".safetensors":  # names versions of packages, and its numbers move with the method
            continue
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
