"""The tools in a real Galaxy: their own tests, the workflow, what a red dataset says, the bytes of the fractions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import unmix

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "galaxy_tools"
DATA = TOOLS / "test-data"
IDS = sorted(path.stem for path in TOOLS.glob("unmix_*.xml"))
LIMIT = 600  # seconds for one job, by far
#: galaxy-tool-test for some tools: it takes one of them, or all of Galaxy's own too.
TOOL_TESTS = """
import sys
from galaxy.tool_util.verify import script
tools = sys.argv.pop(1).split(",")
arguments = script.arg_parser().parse_args(sys.argv[1:])
script.run_tests(arguments, test_filters=[lambda test: test.tool_id not in tools])
"""
UPLOAD = """
import sys
from bioblend.galaxy import GalaxyInstance
url, key, history, path, kind = sys.argv[1:]
print(GalaxyInstance(url, key=key).tools.upload_file(path, history, file_type=kind)["outputs"][0]["id"])
"""


def call(*command, limit=LIMIT, **options):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    words = [str(word) for word in command]
    return subprocess.run(words, capture_output=True, text=True, env=environment, timeout=limit, check=False, **options)


def tool_tests(galaxy, tools, folder):
    """Run the tests of wrappers; return what became of each: tool to index to the record of it."""
    command = [galaxy.programs / "python", "-c", TOOL_TESTS, ",".join(tools), "-u", galaxy.url, "-k", galaxy.key]
    command += ["-a", galaxy.key, "--with-reference-data", "--parallel-tests", 2, "--test-data", DATA]
    done = call(*command, "-j", folder / "result.json", limit=LIMIT * len(tools))
    assert (folder / "result.json").exists(), done.stdout + done.stderr
    found = {tool: {} for tool in tools}
    for row in json.loads((folder / "result.json").read_text())["tests"]:
        found[row["data"]["tool_id"]][row["data"]["test_index"]] = row["data"]
    return found


@pytest.fixture(scope="module")
def tested(galaxy, tmp_path_factory):
    """Return what became of the tests of all wrappers, which ran beside each other."""
    return tool_tests(galaxy, IDS, tmp_path_factory.mktemp("tested"))


@pytest.mark.parametrize("tool", IDS)
def test_every_test_of_the_tool_passes(galaxy, tested, tool, tmp_path):
    expected = set(range(len(ET.parse(TOOLS / f"{tool}.xml").find("tests").findall("test"))))
    rows = tested[tool]
    if any((row.get("job") or {}).get("state") not in ("ok", "error") for row in rows.values()):
        rows = tool_tests(galaxy, [tool], tmp_path)[tool]  # a message between server and worker was lost; seen once
    failed = {number: row for number, row in rows.items() if row["status"] != "success"}
    assert not failed, json.dumps(failed, indent=1)[:5000]
    assert set(rows) == expected


def test_a_job_runs_in_the_image_as_an_ordinary_user(galaxy, image):
    """What :func:`test_every_test_of_the_tool_passes` did for unmix simulate, the one tool that is sent there."""
    if image is None:
        pytest.skip("containers cannot be run here")
    started = [line for line in galaxy.log("server").splitlines() if " run -e " in line]
    assert started
    for line in started:
        assert f"--user 1000:1000 {image} " in line
        assert "--net none" in line


def test_the_workflow_passes_its_test(galaxy, tmp_path):
    command = [galaxy.programs / "planemo", "test", "--engine", "external_galaxy", "--galaxy_url", galaxy.url]
    command += ["--galaxy_user_key", galaxy.key, "--galaxy_admin_key", galaxy.key, "--no_shed_install"]
    command += ["--test_output_json", tmp_path / "result.json", TOOLS / "workflow" / "unmix.ga"]
    done = call(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = json.loads((tmp_path / "result.json").read_text())["tests"]
    assert row["data"]["status"] == "success"


class History:
    """A history of its own, with what a user does there."""

    def __init__(self, galaxy):
        self.galaxy, self.id = galaxy, galaxy.call("/api/histories", {"name": "test"})["id"]

    def upload(self, path, kind):
        """Upload a file and return its dataset."""
        words = (self.galaxy.programs / "python", "-c", UPLOAD, self.galaxy.url, self.galaxy.key, self.id, path, kind)
        return self.done(call(*words).stdout.strip())["id"]

    def done(self, dataset):
        """Wait for a dataset and return it."""
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            found = self.galaxy.call(f"/api/datasets/{dataset}")
            if found["state"] in ("ok", "error"):
                return found
            time.sleep(0.5)
        pytest.fail(f"dataset {dataset} is {found['state']} after {LIMIT} s")

    def run(self, tool, inputs):
        """Run a tool and return its outputs by name."""
        data = {"history_id": self.id, "tool_id": tool, "inputs": inputs}
        made = self.galaxy.call("/api/tools", data)
        return {row["output_name"]: self.done(row["id"]) for row in made["outputs"]}, made

    def bytes_of(self, dataset):
        address = f"{self.galaxy.url}/api/datasets/{dataset}/display?raw=true&key={self.galaxy.key}"
        with urllib.request.urlopen(address, timeout=60) as answer:
            return answer.read()


def hda(identity):
    return {"src": "hda", "id": identity}


def test_a_red_dataset_says_what_was_found_what_was_expected_and_what_to_do(galaxy):
    history = History(galaxy)
    bulk = history.upload(DATA / "negative.tsv", "tabular")
    reference = history.upload(DATA / "reference.h5ad", "h5ad")
    made, _ = history.run("unmix_check", {"bulk": hda(bulk), "reference": hda(reference)})
    assert made["findings"]["state"] == "error"
    said = made["findings"]["misc_info"].strip()
    assert said.startswith("unmix check: error:"), said  # what the history shows begins here
    assert "expected:" in said
    assert "do:" in said
    assert "Traceback" not in said


def test_the_red_dataset_of_the_run_begins_with_the_error_and_not_with_a_note(galaxy):
    history = History(galaxy)
    bulk = history.upload(DATA / "negative.tsv", "tabular")
    cells = history.upload(DATA / "cells.h5ad", "h5ad")
    source = {"source|form": "cells", "source|cells": hda(cells), "source|cell_type_key": "label"}
    made, job = history.run("unmix_run", {"bulk": hda(bulk), **source})
    said = made["fractions"]["misc_info"].strip()
    assert said.startswith("unmix run: error:"), said
    whole = galaxy.call(f"/api/jobs/{job['jobs'][0]['id']}?full=true")["tool_stderr"]
    assert len(whole) > len(said)  # the notes are kept, behind it
    assert "cells" in whole.split("do:")[1]


def test_the_data_manager_builds_a_reference_and_installs_it(galaxy):
    history = History(galaxy)
    made, job = history.run("unmix_download", {"entry|what": "references", "entry|references": "pbmc-10x"})
    assert made["out_file"]["state"] == "ok", galaxy.call(f"/api/jobs/{job['jobs'][0]['id']}?full=true")["tool_stderr"]
    table = galaxy.call("/api/tool_data/unmix_references")
    (row,) = [dict(zip(table["columns"], field, strict=True)) for field in table["fields"] if "pbmc-10x" in field]
    assert (row["species"], row["version"]) == ("human", "1")
    assert Path(row["path"]).stat().st_size > 100_000
    assert str(galaxy.folder) in row["path"]  # the checkout is not written to


def test_an_entry_that_is_installed_is_not_installed_again_and_the_job_says_so(galaxy):
    asked = {"entry|what": "references", "entry|references": "pbmc-10x"}
    runs = [History(galaxy).run("unmix_download", asked) for _ in range(2)]
    assert [made["out_file"]["state"] for made, _ in runs] == ["ok", "ok"]
    said = galaxy.call(f"/api/jobs/{runs[1][1]['jobs'][0]['id']}?full=true")["tool_stdout"]
    assert "pbmc-10x is installed already" in said
    fields = galaxy.call("/api/tool_data/unmix_references")["fields"]
    assert sum("pbmc-10x" in field for field in fields) == 1


def test_galaxy_nextflow_the_scripts_and_python_give_the_same_bytes(galaxy, tmp_path):
    """One input by every way in: Galaxy's form, the steps one by one, unmix_run.py, unmix.deconvolve and Nextflow."""
    methods = ("nnls", "scaden")
    history = History(galaxy)
    bulk = history.upload(DATA / "bulk.tsv", "tabular")
    cells = history.upload(DATA / "cells.h5ad", "h5ad")
    form = {"bulk": hda(bulk), "source|form": "cells", "source|cells": hda(cells), "source|cell_type_key": "label"}
    form |= {"source|cells_options|donor_key": "patient", "training|quick": True}
    form |= {"training|method": methods[0], "training|compared": [methods[1]]}
    _, made = history.run("unmix_run", form)
    (collection,) = [row["id"] for row in made["output_collections"] if row["output_name"] == "all_fractions"]
    elements = galaxy.call(f"/api/dataset_collections/{collection}?instance_type=history")["elements"]
    by_galaxy = {row["element_identifier"]: history.bytes_of(row["object"]["id"]) for row in elements}

    def step(name, *arguments):
        done = call(sys.executable, ROOT / "bin" / f"unmix_{name}.py", *arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr

    step("reference", DATA / "cells.h5ad", "--cell-type-key", "label", "--donor-key", "patient", "--out", "r.h5ad")
    for name in methods:
        step("train", "r.h5ad", "--method", name, "--quick", "--threads", 1, "--out", f"{name}.safetensors")
        step("predict", f"{name}.safetensors", DATA / "bulk.tsv", "--out-dir", name)
    by_hand = {name: (tmp_path / name / "fractions.tsv").read_bytes() for name in methods}

    keys = ("--cell-type-key", "label", "--donor-key", "patient")
    arguments = ("--methods", ",".join(methods), "--controls", "none", "--quick", "--out-dir", "run")
    step("run", DATA / "bulk.tsv", DATA / "cells.h5ad", *keys, *arguments)
    by_run = {name: (tmp_path / "run" / name / "fractions.tsv").read_bytes() for name in methods}

    given = {"methods": methods, "controls": "none", "cell_type_key": "label", "donor_key": "patient", "quick": True}
    unmix.deconvolve(DATA / "bulk.tsv", DATA / "cells.h5ad", **given).write(tmp_path / "python")
    by_python = {name: (tmp_path / "python" / name / "fractions.tsv").read_bytes() for name in methods}

    row = f"toy,{DATA}/bulk.tsv,{DATA}/cells.h5ad,label,patient"
    (tmp_path / "sheet.csv").write_text(f"id,bulk,reference,cell_type_key,donor_key\n{row}\n")
    arguments = ("-profile", "test", "--methods", ",".join(methods), "--controls", "none", "--input", "sheet.csv")
    done = call(ROOT / "scripts" / "nextflow", "run", ROOT, *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    by_nextflow = {name: (tmp_path / "results" / "toy" / name / "fractions.tsv").read_bytes() for name in methods}

    assert by_galaxy == by_hand == by_run == by_python == by_nextflow
