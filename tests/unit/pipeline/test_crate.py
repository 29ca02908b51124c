"""unmix_crate.py: what a Process Run Crate must hold, and that all of it is there."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(__file__).resolve().parents[3] / "bin"


def call(folder, *arguments):
    command = [sys.executable, str(BIN / "unmix_crate.py"), str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def results(tmp_path):
    """Return a folder with a check, a prediction from its bulk, and a method that was skipped."""
    common = {"unmix": "0.1.0", "versions": {"python": "3.11.7", "numpy": "2.4.6"}, "started": "2026-11-28T22:59:59Z"}
    given = {"bulk": {"path": "my bulk.tsv", "sha256": "a" * 64, "bytes": 12}}
    checked = {"bulk.h5ad": {"path": "bulk.h5ad", "sha256": digest("checked"), "bytes": 7}}
    error = {"exit_code": 99, "found": "no donors", "expected": "donors", "do": "name them"}
    steps = {
        "check/run.json": {"step": "check", "inputs": given, "outputs": checked, "seconds": 2.4},
        "nnls/run.json": {
            "step": "predict",
            "command": ["unmix_run.py", "my bulk.tsv"],
            "inputs": {"bulk": checked["bulk.h5ad"]},
            "outputs": {"fractions.tsv": {"path": "fractions.tsv", "sha256": digest("half"), "bytes": 4}},
            "seconds": 1,
        },
        "music/skipped.json": {"step": "train", "error": error, "seconds": 0},
    }
    texts = {name: json.dumps(common | step) for name, step in steps.items()}
    texts |= {"check/bulk.h5ad": "checked", "nnls/fractions.tsv": "half", ".unmix.lock": ""}
    texts["request.json"] = json.dumps({"parameters": {"seed": "3", "samples": ""}})
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_steps_files_parameters_and_versions_are_told_as_the_profile_asks(results):
    done = call(results, "--licence", "https://spdx.org/licenses/CC-BY-4.0")
    assert done.returncode == 0, done.stderr
    graph = json.loads((results / "ro-crate-metadata.json").read_text())["@graph"]
    entities = {one["@id"]: one for one in graph}
    assert len(entities) == len(graph)
    assert entities["ro-crate-metadata.json"]["about"] == {"@id": "./"}
    assert entities["ro-crate-metadata.json"]["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    root = entities["./"]
    assert root["conformsTo"] == {"@id": "https://w3id.org/ro/wfrun/process/0.5"}
    assert root["license"] == {"@id": "https://spdx.org/licenses/CC-BY-4.0"}
    assert {"name", "description", "datePublished"} <= set(root)
    assert {one["@id"] for one in root["mentions"]} == {
        "#check/run.json",
        "#nnls/run.json",
        "#music/skipped.json",
    }
    for one in [*root["hasPart"], *root["mentions"]]:
        assert one["@id"] in entities
    assert ".unmix.lock" not in entities
    assert entities["nnls/fractions.tsv"]["sha256"] == digest("half")
    bulk = f"hash://sha256/{'a' * 64}"
    seed = {"@id": "#parameter/seed"}
    assert entities[bulk]["name"] == "my bulk.tsv"
    assert entities["#check/run.json"]["object"] == [{"@id": bulk}, seed]
    action = entities["#nnls/run.json"]
    assert action["object"] == [{"@id": "check/bulk.h5ad"}, seed]
    assert action["result"] == [{"@id": "nnls/fractions.tsv"}]
    assert (action["startTime"], action["endTime"]) == ("2026-11-28T22:59:59Z", "2026-11-28T23:00:00Z")
    assert action["description"] == "unmix_run.py my bulk.tsv"
    failed = entities["#music/skipped.json"]
    assert (failed["error"], failed["actionStatus"]["@id"]) == ("no donors", "http://schema.org/FailedActionStatus")
    software = entities[action["instrument"]["@id"]]
    assert (software["@type"], software["softwareVersion"]) == ("SoftwareApplication", "0.1.0")
    assert entities["#numpy-2.4.6"]["softwareVersion"] == "2.4.6"
    assert entities["#parameter/seed"]["value"] == "3"
    assert "#parameter/samples" not in entities


def test_the_same_folder_gives_the_same_crate(results):
    crates = []
    for _ in range(2):
        assert call(results).returncode == 0
        crates.append((results / "ro-crate-metadata.json").read_bytes())
    assert crates[0] == crates[1]


def test_a_folder_without_records_is_refused(tmp_path):
    done = call(tmp_path)
    assert done.returncode == 2
    assert "holds no record of a step" in done.stderr
