"""Inputs beyond bulk and cells reach the methods that ask for them; a method that cannot be applied ends nothing."""

from __future__ import annotations

import pytest

from unmix import registry
from unmix.toy import CELL_TYPES, toy

from .conftest import ROOT, nextflow, trace

NEEDS = ("bulk", "calibration", "malignant", "tissue")


@pytest.fixture(scope="module")
def asked():
    """Return one method for every need that some method has: need to name."""
    methods = registry.all_methods().values()
    found = {need: [method.name for method in methods if getattr(method.needs, need)] for need in NEEDS}
    return {need: names[0] for need, names in found.items() if names}


@pytest.fixture(scope="module")
def run(asked, tmp_path_factory):
    """Return a finished run in which training writes its arguments down; the methods that ask for more end with 99."""
    folder = tmp_path_factory.mktemp("inputs")
    reference, bulk = toy(cells_per_type=5, samples=3)
    reference.write_h5ad(folder / "cells.h5ad")
    bulk.to_df().T.to_csv(folder / "bulk.tsv", sep="\t")
    bulk.obsm["cell_fractions"].to_csv(folder / "truth.tsv", sep="\t")
    signature = reference.to_df().groupby(reference.obs["cell_type"].astype(str)).mean().T  # nnls reads it
    signature.to_csv(folder / "weights.tsv", sep="\t")
    (folder / "types.obo").touch()
    (folder / "bin").mkdir()
    (folder / "bin" / "unmix_train.py").write_text(
        f'#!/usr/bin/env bash\nreal="{ROOT}/bin/unmix_train.py"\ncase "$*" in *--version*) exec $real "$@";; esac\n'
        f'for word in "$@"; do [ ! -e "$word" ] || echo "there: $word"; echo "$word"; done > "{folder}/$$.arguments"\n'
        'case "$*" in *"--method nnls"*) exec $real "$@";; esac\n'
        "echo 'not here' >&2\nexit 99\n"
    )
    (folder / "bin" / "unmix_train.py").chmod(0o755)
    path = f'export PATH=\\"{folder}/bin:{ROOT}/bin:{ROOT}/.venv/bin:\\$PATH\\"'
    (folder / "fake.config").write_text(f'process.beforeScript = "{path}"\n')
    malignant = f"{CELL_TYPES[1]}, {CELL_TYPES[3]}"
    (folder / "sheet.csv").write_text(
        "id,bulk,reference,calibration_bulk,calibration_fractions,malignant,weights,ontology\n"
        f'first,bulk.tsv,cells.h5ad,bulk.tsv,truth.tsv,"{malignant}",weights.tsv,types.obo\n'
    )
    methods = ",".join(dict.fromkeys([*asked.values(), "nnls"]))
    arguments = ("--methods", methods, "--controls", "none", "--input", "sheet.csv", "-c", "fake.config")
    done = nextflow(folder, "run", ROOT, "-profile", "test", *arguments)
    assert done.returncode == 0, done.out
    words = [path.read_text().splitlines() for path in folder.glob("*.arguments")]
    return folder, {words[words.index("--method") + 1]: words for words in words}


def test_a_method_gets_what_it_asks_for(asked, run):
    words = run[1]
    options = {
        "bulk": {"--bulk": "bulk.h5ad"},
        "calibration": {
            "--calibration-bulk": "calibration/bulk.tsv",
            "--calibration-fractions": "calibration/truth.tsv",
        },
        "malignant": {"--malignant": f"{CELL_TYPES[1]}, {CELL_TYPES[3]}"},
    }
    for need, expected in options.items():
        for option, value in expected.items():
            asking = {name for name in words if getattr(registry.get(name).needs, need)}
            assert {name for name in words if option in words[name]} == asking
            for name in asking:
                given = words[name]
                assert need == "malignant" or f"there: {value}" in given
                assert value in given[given.index(option) :]


def test_weights_and_ontology_reach_every_method(run):
    for words in run[1].values():
        assert {"there: weights/weights.tsv", "there: ontology/types.obo"} <= set(words)


def test_methods_that_cannot_be_applied_are_left_out_and_the_others_are_reported(asked, run):
    folder = run[0]
    exits = {row["tag"][1:].split(":")[0]: row["exit"] for row in trace(folder) if row["process"] == "TRAIN"}
    assert exits == {**dict.fromkeys(asked.values(), "99"), "nnls": "0"}
    assert (folder / "results" / "first" / "nnls" / "fractions.tsv").exists()
    assert (folder / "results" / "first" / "report.html").exists()
