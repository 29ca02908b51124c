"""planemo accepts tools and workflow, Galaxy the tour and TPV the rules, without warnings and without network."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "galaxy_tools"


def call(*command):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_planemo_accepts_the_tools(programs):
    call(programs / "planemo", "lint", "--fail_level", "warn", *sorted(TOOLS.rglob("unmix_*.xml")))


def test_planemo_accepts_the_workflow(programs):
    call(programs / "planemo", "workflow_lint", "--fail_level", "error", TOOLS / "workflow" / "unmix.ga")


def test_planemo_accepts_the_folder_of_the_workflow_by_the_rules_of_iwc(programs):
    call(programs / "planemo", "workflow_lint", "--iwc", "--fail_level", "error", TOOLS / "workflow")


def test_the_diagram_is_the_workflow(programs, tmp_path):
    call(programs / "gxwf-mermaid", TOOLS / "workflow" / "unmix.gxwf.yml", tmp_path / "unmix.mmd")
    kept = (TOOLS / "workflow" / "README.md").read_text()
    assert (tmp_path / "unmix.mmd").read_text().strip() in kept, "put the output of gxwf-mermaid into the README"


def test_the_exported_workflow_is_the_one_in_readable_form(programs, tmp_path):
    call(programs / "gxwf-to-native", TOOLS / "workflow" / "unmix.gxwf.yml", tmp_path / "unmix.ga")
    made, kept = (json.loads((folder / "unmix.ga").read_text()) for folder in (tmp_path, TOOLS / "workflow"))
    assert made | {"uuid": ""} == kept | {"uuid": ""}, (
        "run: .cache/galaxy/bin/gxwf-to-native galaxy_tools/workflow/unmix.gxwf.yml (in its folder)"
    )


def test_the_tour_is_one(programs):
    call(programs / "gx-validate-tours", TOOLS / "tours" / "unmix.yaml")


@pytest.mark.parametrize(
    ("tool", "size", "destination"), [("unmix_train", 1, "unmix_gpu"), ("unmix_predict", 0, "unmix_cpu")]
)
def test_tpv_sends_training_to_the_gpu_and_the_rest_elsewhere(programs, tmp_path, tool, size, destination):
    rules = TOOLS / "tpv"
    (tmp_path / "job_conf.yml").write_text(
        "runners: {local: {load: 'galaxy.jobs.runners.local:LocalJobRunner'}}\n"
        "execution:\n  default: tpv\n  environments:\n    tpv:\n      runner: dynamic\n      type: python\n"
        "      function: map_tool_to_destination\n      rules_module: tpv.rules\n"
        f"      tpv_config_files: ['{rules}/tools.yml', '{rules}/destinations.yml']\n"
    )
    said = call(
        *(programs / "tpv", "dry-run", "--job-conf", tmp_path / "job_conf.yml", "--tool", tool),
        *("--input-size", size, rules / "tools.yml", rules / "destinations.yml"),
    )
    assert f"\nid: {destination}\n" in said
