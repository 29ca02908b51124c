"""Inputs beyond bulk and cells reach the methods that ask for them, and no others."""

from __future__ import annotations

import json

import pytest

from unmix import methods as registry
from unmix.simulate.toy import CELL_TYPES, toy

from .conftest import ROOT, nextflow, trace

OPTIONS = ("--signature", "--gene-sets", "--pretrained")
NEEDS = ("bulk", "calibration", "malignant", "profiles")
SIGNATURE, PRETRAINED = "nnls=my signature.tsv;shared.tsv", "hascad=a/net.npz;hascad=b/net.npz"


@pytest.fixture(scope="module")
def asked():
    """Return one method for every need that some method has: need to name."""
    methods = registry.all_methods().values()
    found = {need: [method.name for method in methods if getattr(method.needs, need)] for need in NEEDS}
    return {need: names[0] for need, names in found.items() if names}


@pytest.fixture(scope="module")
def run(asked, tmp_path_factory):
    """Return a finished run in which training writes its arguments down; all but nnls are skipped after that."""
    folder = tmp_path_factory.mktemp("inputs")
    reference, bulk = toy(cells_per_type=5, samples=3)
    reference.to_df().T.to_csv(folder / "cells.tsv", sep="\t")
    reference.obs[["cell_type"]].to_csv(folder / "types.csv")
    bulk.to_df().T.to_csv(folder / "bulk.tsv", sep="\t")
    bulk.obsm["cell_fractions"].to_csv(folder / "truth.tsv", sep="\t")
    signature = reference.to_df().groupby(reference.obs["cell_type"].astype(str)).mean().T  # nnls reads it
    signature.to_csv(folder / "my signature.tsv", sep="\t")
    sizes = [f"{name}\t{number}" for number, name in enumerate(CELL_TYPES, 1)]
    (folder / "sizes.tsv").write_text("\n".join(["cell_type\tmrna", *sizes]) + "\n")
    fractions = [f"{name}\t{number}" for number, name in enumerate(CELL_TYPES, 1)]
    (folder / "usual.tsv").write_text("\n".join(["cell_type\tfraction", *fractions]) + "\n")
    gene = bulk.var_names[0]
    (folder / "names.tsv").write_text(f"name\tgene\n{gene}\t{gene}\n")
    for name in ("types.obo", "shared.tsv", "sets.gmt", "a/net.npz", "b/net.npz"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    (folder / "bin").mkdir()
    (folder / "bin" / "unmix_train.py").write_text(
        f'#!/usr/bin/env bash\nreal="{ROOT}/bin/unmix_train.py"\n'
        f'for word in "$@"; do [ ! -e "$word" ] || echo "there: $word"; echo "$word"; done > "{folder}/$$.arguments"\n'
        'case "$*" in *"--method nnls"*) exec $real "$@";; esac\n'
        'while [ "$1" != --skipped ]; do shift; done\n'
        """echo '{"step": "train", "error": {"found": "not here", "expected": "", "do": ""}}' > "$2"\nexit 99\n"""
    )
    (folder / "bin" / "unmix_train.py").chmod(0o755)
    path = f'export PATH=\\"{folder}/bin:{ROOT}/bin:{ROOT}/.venv/bin:\\$PATH\\"'
    (folder / "fake.config").write_text(f'process.beforeScript = "{path}"\n')
    malignant = f"{CELL_TYPES[1]}, {CELL_TYPES[3]}"
    (folder / "sheet.csv").write_text(
        "id,bulk,reference,cells,calibration_bulk,calibration_unit,calibration_fractions,malignant,signature,gene_sets,pretrained,ontology,mrna_per_cell,orthologs,gene_map,prior\n"
        f'first,bulk.tsv,cells.tsv,types.csv,bulk.tsv,counts,truth.tsv,"{malignant}",{SIGNATURE},sets.gmt,{PRETRAINED},types.obo,sizes.tsv,true,names.tsv,usual.tsv\n'
    )
    methods = ",".join(dict.fromkeys([*asked.values(), "hascad", "scaden", "epic", "nnls", "xcell"]))
    arguments = ("--methods", methods, "--controls", "none", "--input", "sheet.csv", "-c", "fake.config")
    done = nextflow(folder, "run", ROOT, "-profile", "test", *arguments)
    assert done.returncode == 0, done.out
    words = [path.read_text().splitlines() for path in folder.glob("*.arguments")]
    return folder, {words[words.index("--method") + 1]: words for words in words}


def given(words, option):
    """Return the name of the file that training got by an option, if it was there."""
    there, word = words[words.index(option) + 1 :][:2]
    assert there == f"there: {word}"
    return word.rpartition("/")[2]


def test_a_method_gets_what_it_asks_for(asked, run):
    words = run[1]
    options = {
        "bulk": {"--bulk": "bulk.h5ad"},
        "calibration": {
            "--calibration-bulk": "bulk.tsv",
            "--calibration-unit": "counts",
            "--calibration-fractions": "truth.tsv",
        },
        "malignant": {"--malignant": f"{CELL_TYPES[1]}, {CELL_TYPES[3]}"},
    }
    for need, expected in options.items():
        for option, value in expected.items():
            asking = {name for name in words if getattr(registry.get(name).needs, need)}
            assert {name for name in words if option in words[name]} == asking
            for name in asking:
                if option in ("--malignant", "--calibration-unit"):
                    assert words[name][words[name].index(option) + 1] == value
                else:
                    assert given(words[name], option) == value


def test_the_columns_of_gene_names_reach_the_check_and_the_calibration(run):
    checked = json.loads((run[0] / "results" / "first" / "check" / "run.json").read_text())
    assert "--orthologs" in checked["command"]
    assert checked["inputs"]["gene map"]["path"] == "names.tsv"
    for name, words in run[1].items():
        calibrated = registry.get(name).needs.calibration
        assert ("--orthologs" in words) == calibrated, name
        assert ("--gene-map" in words) == calibrated, name
        assert not calibrated or given(words, "--gene-map") == "names.tsv"


def test_a_table_of_counts_gets_its_cell_types_from_the_table_beside_it(run):
    record = json.loads((run[0] / "results" / "references" / "cells.run.json").read_text())
    assert record["inputs"]["cells"]["path"] == "types.csv"


def test_the_ontology_reaches_every_method(run):
    assert all(given(words, "--ontology") == "types.obo" for words in run[1].values())


def test_published_files_reach_the_methods_that_they_are_for(run):
    """A signature for nnls beside the two files of a network, one file for whoever takes files, and methods without."""
    published = {
        name: [(word, words[at + 2]) for at, word in enumerate(words) if word in OPTIONS]
        for name, words in run[1].items()
    }
    assert {name: files for name, files in published.items() if files} == {
        "nnls": [("--signature", "given1/my signature.tsv")],
        "hascad": [("--pretrained", "given1/net.npz"), ("--pretrained", "given2/net.npz")],
        "epic": [("--signature", "given1/shared.tsv")],
        "xcell": [("--gene-sets", "given1/sets.gmt")],
    }
    assert "scaden" in published
    assert all(f"there: {file}" in run[1][name] for name, files in published.items() for _, file in files)
    trained = json.loads((run[0] / "results" / "models" / "cells.nnls.run.json").read_text())
    assert trained["inputs"]["signature_0"]["path"] == "my signature.tsv"


def test_the_mrna_per_cell_of_a_row_makes_its_fractions_those_of_cells(run):
    row = run[0] / "results" / "first" / "nnls"
    assert (row / "fractions.tsv").read_text().startswith("sample (cell fraction)")
    assert json.loads((row / "run.json").read_text())["inputs"]["mrna_per_cell"]["path"] == "sizes.tsv"


def test_the_prior_of_a_row_moves_its_fractions_and_stands_beside_them_as_a_control(run):
    record = json.loads((run[0] / "results" / "first" / "nnls" / "run.json").read_text())
    assert record["inputs"]["prior"]["path"] == "usual.tsv"
    assert record["prior"]["before"] != record["prior"]["after"]
    assert given(run[1]["prior"], "--prior") == "usual.tsv"
    assert all("--prior" not in words for name, words in run[1].items() if name != "prior")


def test_methods_that_are_skipped_fail_nothing_and_the_others_are_reported(run):
    assert {row["exit"] for row in trace(run[0])} == {"0"}
    row = run[0] / "results" / "first"
    assert (row / "nnls" / "fractions.tsv").exists()
    page = (row / "report.html").read_text().replace(' <span class="tag">control</span>', "")
    assert all(f"{name}</dt><dd>not here." in page for name in run[1] if name != "nnls")
