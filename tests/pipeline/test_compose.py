"""Another pipeline, in a folder of its own, takes what nf-core/rnaseq has published and calls unmix."""

from __future__ import annotations

import json
import os
import shutil

import pandas as pd
import pytest

from unmix.simulate.toy import CELL_TYPES, toy

from .conftest import ROOT, nextflow, table

EXAMPLE = ROOT / "tests" / "pipeline" / "compose"
PATH = f"{ROOT}/bin:{ROOT}/.venv/bin:{os.environ['PATH']}"


def copied(folder):
    """Copy the example into a folder that is not this repository; only its paths of unmix change."""
    shutil.copytree(EXAMPLE, folder)
    for path in folder.iterdir():
        path.write_text(path.read_text().replace("'../../../", f"'{ROOT}/"))
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return the folder of a run on a published folder of nf-core/rnaseq, and what Nextflow printed."""
    folder = tmp_path_factory.mktemp("host")
    pipeline = copied(folder / "another pipeline")
    reference, bulk = toy(genes=300, donors=3, cells_per_type=5, samples=3)
    reference.uns.pop("unmix")
    reference.write_h5ad(folder / "cells.h5ad")
    published = folder / "rnaseq results" / "star_salmon"
    published.mkdir(parents=True)
    counts = bulk.to_df().T.rename_axis("gene_id").reset_index()
    counts.insert(1, "gene_name", counts["gene_id"])
    counts.to_csv(published / "salmon.merged.gene_counts.tsv", sep="\t", index=False)
    done = nextflow(
        folder, "run", pipeline / "main.nf", "--rnaseq", folder / "rnaseq results",
        "--reference", folder / "cells.h5ad", "--methods", "nnls,music", env={"PATH": PATH},
    )  # fmt: skip
    assert done.returncode == 0, done.out
    return folder, done.out, list(bulk.obs_names)


def test_counts_of_rnaseq_become_fractions_in_the_layout_of_unmix(finished):
    folder, said, samples = finished
    row = folder / "results" / "rnaseq"
    header, rows = table(row / "fractions.tsv")
    assert header[1:] == sorted(CELL_TYPES)
    assert [line[0] for line in rows] == samples
    for _sample, *fractions in rows:
        assert sum(map(float, fractions)) == pytest.approx(1, abs=1e-6)
    assert {"nnls", "music", "check", "report.html"} <= {path.name for path in row.iterdir()}
    assert "rnaseq by music: music.fractions.tsv" in said
    assert [line[:3] for line in table(folder / "results" / "summary.tsv")[1]] == [
        ["rnaseq", "music", "done"],
        ["rnaseq", "nnls", "done"],
    ]


def test_settings_of_the_other_pipeline_reach_the_step(finished):
    record = json.loads((finished[0] / "results" / "rnaseq" / "nnls" / "run.json").read_text())
    assert (record["seed"], record["level"]) == (1, 0.8)
    assert "WARN" not in finished[1]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("[level: 0.8]", "UNMIX has no option level."),
        ("[methods: 'CIBERSORTx']", "did you mean nusvr?"),
        ("[methods: ['nnls', 'Scaden']]", "did you mean scaden?"),
    ],
)
def test_a_wrong_option_is_answered_with_what_to_write(tmp_path, options, sentence):
    pipeline = copied(tmp_path / "pipeline")
    text = (pipeline / "main.nf").read_text()
    changed = text.replace("[methods: params.methods, outdir: params.outdir]", options)
    assert changed != text
    (pipeline / "main.nf").write_text(changed)
    (tmp_path / "rnaseq" / "salmon").mkdir(parents=True)
    empty = pd.DataFrame(columns=["gene_id", "gene_name", "a"])
    empty.to_csv(tmp_path / "rnaseq" / "salmon" / "salmon.merged.gene_counts.tsv", sep="\t", index=False)
    (tmp_path / "cells.h5ad").touch()
    given = ("--rnaseq", tmp_path / "rnaseq", "--reference", tmp_path / "cells.h5ad")
    done = nextflow(tmp_path, "run", pipeline / "main.nf", *given, env={"PATH": PATH})
    assert done.returncode != 0
    assert sentence in done.out
