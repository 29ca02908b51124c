"""Every module alone, as its tests/main.nf.test says: one small pipeline that knows no parameters of unmix."""

from __future__ import annotations

import os
import re
import textwrap

import pytest
import yaml

import unmix

from .conftest import ROOT, nextflow

MODULES = sorted(path.parent for path in (ROOT / "modules" / "local" / "unmix").glob("*/main.nf"))
STEPS = [module.name for module in MODULES]
#: The settings that a pipeline may give to a module.
CONFIG = """
process {
    withName: UNMIX_SIMULATE {
        ext.args = '--samples 5'
    }
    withName: UNMIX_EXPRESS {
        ext.when = false
    }
    withName: UNMIX_EXPLAIN {
        ext.prefix = 'other'
    }
}
"""


def said_by(module):
    """Return the inputs of a process and the outputs that its test in the format of nf-test expects: name to size."""
    text = (module / "tests" / "main.nf.test").read_text()
    assert f"process 'UNMIX_{module.name.upper()}'" in text
    block = re.search(r'when \{\s+process \{\s+"""\n(.*?)\n\s+"""', text, re.DOTALL)[1]
    inputs = re.split(r"^input\[\d\] = ", textwrap.dedent(block), flags=re.MULTILINE)[1:]
    sizes = dict(re.findall(r"process\.out\.(\w+)\.size\(\) == (\d)", text))
    sizes |= dict.fromkeys(re.findall(r"process\.out\.(\w+) == \[\]", text), "0")
    return [one.replace("${projectDir}", str(ROOT)) for one in inputs], {name: int(n) for name, n in sizes.items()}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Return what the processes gave: [step, output, text of the values], and what Nextflow printed."""
    folder = tmp_path_factory.mktemp("modules")
    first = sorted(MODULES, key=lambda module: module.name != "predict")  # others take its output
    lines = [f"include {{ UNMIX_{one.name.upper()} }} from '{one}/main.nf'" for one in first] + ["", "workflow {"]
    given = []
    for module in first:
        process = f"UNMIX_{module.name.upper()}"
        inputs, sizes = said_by(module)
        lines += textwrap.indent(f"{process}(\n" + ",\n".join(inputs) + "\n)", "    ").splitlines()
        for name in sizes:
            given.append(f'{process}.out.{name}.map {{ one -> "{module.name}\\t{name}\\t${{one}}" }}')
    mixed = ",\n            ".join(given)
    lines += [f"    channel.empty().mix(\n            {mixed}\n        )"]
    lines += ["        .collectFile(name: 'found.tsv', storeDir: workflow.launchDir, newLine: true)", "}", ""]
    (folder / "main.nf").write_text("\n".join(lines))
    (folder / "nextflow.config").write_text(CONFIG)
    path = f"{ROOT}/bin:{ROOT}/.venv/bin:{os.environ['PATH']}"
    done = nextflow(folder, "run", folder / "main.nf", env={"PATH": path})
    assert done.returncode == 0, done.out
    return [line.split("\t") for line in (folder / "found.tsv").read_text().splitlines()], done.out


@pytest.mark.parametrize("module", MODULES, ids=STEPS)
def test_a_module_alone_gives_what_its_test_expects(found, module):
    outputs = [name for step, name, _ in found[0] if step == module.name]
    expected = said_by(module)[1]
    assert expected
    if module.name == "express":  # ext.when = false
        assert outputs == []
    else:
        assert {name: outputs.count(name) for name in expected} == expected


def test_a_module_follows_ext_when_and_ext_prefix(found):
    assert "UNMIX_EXPRESS" not in found[1]
    (explained,) = [value for step, name, value in found[0] if (step, name) == ("explain", "attributions")]
    assert "/other.attributions.tsv" in explained


def test_no_module_reads_parameters_or_the_folder_of_the_pipeline(found):
    for path in (
        *(ROOT / "modules").rglob("*.nf"),
        *(ROOT / "subworkflows").rglob("*.nf"),
        *ROOT.glob("workflows/*.nf"),
    ):
        included = path.read_text().partition("\nworkflow {\n")[0]  # the entry of benchmark.nf is a pipeline of its own
        assert not re.search(r"\bparams\.(?!json)|projectDir|baseDir", included), path
    assert "WARN" not in found[1]


@pytest.mark.parametrize("module", MODULES, ids=STEPS)
def test_a_module_has_the_files_of_nf_core_and_they_agree(module):
    source = (module / "main.nf").read_text()
    about = yaml.safe_load((module / "meta.yml").read_text())
    assert about["name"] == f"unmix_{module.name}"
    inputs, outputs = re.search(r"    input:\n(.*?)\n    output:\n(.*?)\n    when:", source, re.DOTALL).groups()
    named = re.findall(r"\b(?:val|path)\(?\s*\(?(\w+)", inputs)
    assert [name for entry in about["input"] for one in entry for name in one] == named
    assert list(about["output"]) == re.findall(r"emit: (\w+)", outputs)
    environment = yaml.safe_load((module / "environment.yml").read_text())
    assert environment["dependencies"] == [f"bioconda::unmix={unmix.__version__}"]
    assert f"container 'localhost/unmix:{unmix.__version__}'" in source


def test_lines_are_short():
    files = [path for sort in ("*.nf", "*.config") for path in ROOT.rglob(sort) if ".cache" not in path.parts]
    files = [path for path in files if path.relative_to(ROOT).parts[0] not in ("work", ".venv", "results")]
    assert len(files) > 30
    long = [f"{path}: {line}" for path in files for line in path.read_text().splitlines() if len(line) > 120]
    assert long == []
