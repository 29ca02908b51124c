"""Configuration: every profile reads, containers, versions, and parameters that agree wherever they stand."""

from __future__ import annotations

import json
import os
import re
import runpy

import pytest

import unmix
from unmix.io import units
from unmix.methods import PANEL

from .conftest import ROOT, nextflow, table, tasks, trace

PROCESSES = {
    *("SAMPLESHEET", "REFERENCE", "CHECK", "TRAIN", "PREDICT", "CONSENSUS"),
    *("EXPLAIN", "EXPRESS", "EVALUATE", "COMPARE", "REPORT", "INDEX"),
}


def config(text):
    """Return the parameters that nextflow.config declares, with their values as written."""
    block = re.search(r"^params \{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL)[1]
    return dict(re.findall(r"^    (\w+) += (.*)$", block, re.MULTILINE))


def schema():
    groups = json.loads((ROOT / "nextflow_schema.json").read_text())["$defs"].values()
    return {name: rule for group in groups for name, rule in group["properties"].items()}


def test_every_process_has_a_container_of_this_version(tmp_path):
    done = nextflow(tmp_path, "inspect", ROOT, "-profile", "demo,gpu", "-format", "json")
    rows = json.loads(done.out[done.out.index("{") :])["processes"]
    found = {row["name"].rpartition(":")[2].removeprefix("UNMIX_"): row["container"] for row in rows}
    assert set(found) == PROCESSES
    image = f"localhost/unmix:{unmix.__version__}"
    assert found == dict.fromkeys(PROCESSES, image) | {"TRAIN": f"{image}-cuda"}


def test_pipeline_and_library_have_one_version():
    text = (ROOT / "nextflow.config").read_text()
    assert re.search(r"version += '(.*)'\n\}", text)[1] == unmix.__version__
    assert config(text)["container"] == f"'localhost/unmix:{unmix.__version__}'"


@pytest.mark.parametrize(
    ("profiles", "settings"),
    [
        (
            "docker,slurm,gpu",
            ["docker.enabled = true", "process.executor = 'slurm'", "withLabel:process_gpu.maxForks = 1"],
        ),
        ("podman,k8s", ["podman.enabled = true", "process.executor = 'k8s'", "process.beforeScript = "]),
        (
            "singularity,awsbatch,test",
            ["singularity.enabled = true", "process.executor = 'awsbatch'", "params.quick = true"],
        ),
        ("docker,sge", ["process.executor = 'sge'", "process.penv = 'smp'"]),
        ("podman,lsf", ["process.executor = 'lsf'", "executor.perJobMemLimit = true"]),
        ("docker,google_batch", ["process.executor = 'google-batch'", "google.batch.spot = true"]),
        ("docker,azure_batch", ["process.executor = 'azurebatch'", "azure.batch.autoPoolMode = true"]),
        ("apptainer,conda,demo", ["apptainer.enabled = true", "conda.enabled = true", "/assets/demo/samplesheet.csv"]),
    ],
)
def test_every_profile_can_be_read_and_joined_with_others(tmp_path, profiles, settings):
    done = nextflow(tmp_path, "config", "-profile", profiles, "-flat", ROOT)
    assert done.returncode == 0, done.out
    assert "WARN" not in done.out
    for setting in settings:
        assert setting in done.out.replace("process.'with", "process.with").replace("'.max", ".max")


def test_units_of_the_samplesheet_are_those_of_the_library():
    rows = json.loads((ROOT / "assets" / "schema_input.json").read_text())
    for column in ("unit", "calibration_unit"):
        assert tuple(rows["properties"][column]["enum"]) == units.UNITS


def test_limits_of_the_parameters_are_those_of_the_scripts():
    options = {option.name: option.type for option in runpy.run_path(ROOT / "bin" / "unmix_predict.py")["main"].params}
    for name in ("level", "seed"):
        rule = schema()[name]
        assert (rule.get("minimum"), rule.get("maximum")) == (options[name].min, options[name].max)


def test_parameters_agree_in_config_schema_and_docs():
    declared = config((ROOT / "nextflow.config").read_text())
    assert set(declared) == set(schema())
    for name, rule in schema().items():
        default = "null" if "default" not in rule else json.dumps(rule["default"]).replace('"', "'")
        assert declared[name] == default, name
    page = (ROOT / "docs" / "parameters.md").read_text()
    assert page == runpy.run_path(ROOT / "scripts" / "parameters.py")["page"](), "docs/parameters.md is old: make sync"


@pytest.fixture(scope="module")
def stub(data, tmp_path_factory):
    """Return the folder of a stub run with all that can be asked for, in docker with a GPU.

    There is no GPU and no docker here: a stand-in for docker runs the task as it is, without a container.
    """
    folder = tmp_path_factory.mktemp("stub")
    docker = folder / "docker"
    skip = '[ "$1" = run ] || exit 0\nwhile [[ "$1" != localhost/unmix:* ]]; do shift; done\nshift'
    docker.write_text(f'#!/usr/bin/env bash\n{skip}\nPATH={ROOT}/bin:{ROOT}/.venv/bin:$PATH exec "$@"\n')
    docker.chmod(0o755)
    (folder / "samples.csv").write_text("sample,condition\n")
    arguments = ("--methods", "default,tape", "--controls", "random", "--explain", "true", "--express", "true")
    arguments += ("--type_expression", "true", "--samples", folder / "samples.csv", "--input", data / "sheet.csv")
    environment = {"PATH": f"{folder}:{os.environ['PATH']}"}
    done = nextflow(folder, "run", ROOT, "-profile", "test,docker,gpu", *arguments, "-stub-run", env=environment)
    assert done.returncode == 0, done.out
    return folder


def test_a_stub_run_walks_the_whole_pipeline(stub):
    """Only methods that can are asked for expression, and the consensus has a line in the summary."""
    able = [(row, method) for row in ("first", "second") for method in ("dissect", "tape")]
    every = [(row, method) for row in ("first", "second") for method in ("consensus", *PANEL, "tape")]
    assert sorted(tasks(stub, "EXPRESS")) == sorted(f"({row}:{method})" for row, method in able + every)
    made = (stub / "results").glob("*/*/*expression.h5ad")
    assert sorted(path.parts[-3:-1] for path in made) == sorted(able + every)
    assert {row["process"] for row in trace(stub)} == PROCESSES
    _, rows = table(stub / "results" / "summary.tsv")
    assert [row[:3] for row in rows if row[1] == "consensus"] == [
        [name, "consensus", "done"] for name in ("first", "second")
    ]


def test_deep_methods_alone_get_a_gpu_in_docker(stub):
    asked = {}
    for script in stub.glob("work/*/*/.command.run"):
        text = script.read_text()
        line = re.search(r"docker run .*", text)[0]
        asked[re.search(r"name: '(?:\w+:)*UNMIX_(.*)'", text)[1]] = line
    trained = {name: name.partition("(")[2].partition(":")[0] for name in asked if name.startswith("TRAIN ")}
    deep = [name for name, method in trained.items() if method in ("dissect", "hascad", "tape")]
    assert {"dissect", "hascad", "tape"} < {*trained.values()}
    for line in map(asked.pop, deep):
        assert "--gpus all" in line
        assert f"localhost/unmix:{unmix.__version__}-cuda" in line
    assert not [name for name, line in asked.items() if "--gpus" in line]
    assert {name.partition(" ")[0] for name in asked} == PROCESSES
