"""What a release is made of agrees with the package: recipe, workflow file, versions."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

import unmix

ROOT = Path(__file__).resolve().parents[2]


def test_the_recipe_has_the_version_and_every_dependency():
    text = (ROOT / "containers" / "conda" / "meta.yaml").read_text()
    assert f'set version = "{unmix.__version__}"' in text
    listed = set(re.findall(r"^    - ([\w-]+)", text.partition("  run:")[2].partition("test:")[0], re.MULTILINE))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    renamed = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
    wanted = {re.match(r"[\w-]+", line).group() for line in project["dependencies"]}
    assert {renamed.get(name, name) for name in wanted} <= listed
    environment = (ROOT / "containers" / "environment.yml").read_text()
    assert listed - {"python"} == set(re.findall(r"^  - ([\w-]+)", environment, re.MULTILINE)) - {
        *("conda-forge", "python", "pip"),
    }


def test_the_workflow_file_runs_what_ci_runs_and_publishes_only_tags():
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    assert [step["run"] for step in jobs["test"]["steps"] if "run" in step] == [".ci/run"]
    for name, job in jobs.items():
        if name != "test":
            assert job["needs"] == "test"
            assert job["if"] == "startsWith(github.ref, 'refs/tags/v')"
