"""Bad input through the real scripts: corrected and said, or exit 65 with a message and no output."""

import importlib.resources
import json
import os
import resource
import subprocess
import sys

import anndata
import numpy as np
import pandas as pd
import pytest

from unmix.io import gene_tables

CHECK, REFERENCE = "unmix_check.py", "unmix_reference.py"
HEAVY = ("torch", "scanpy", "anndata", "pandas", "numpy")


@pytest.fixture(scope="module")
def script(root):
    def run(name, *arguments):
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, root / "bin" / name, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)

    return run


@pytest.fixture(scope="module")
def cells():
    with importlib.resources.as_file(importlib.resources.files("scanpy") / "datasets") as folder:
        return folder / "10x_pbmc68k_reduced.h5ad"


@pytest.fixture(scope="module")
def prepared(script, cells, tmp_path_factory):
    out = tmp_path_factory.mktemp("reference") / "reference.h5ad"
    done = script(REFERENCE, cells, "--cell-type-key", "bulk_labels", "--donor-key", "none", "--out", out)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def bulk(prepared):
    """Sums of real cells: counts of 765 genes x 6 samples."""
    reference = anndata.read_h5ad(prepared)
    rng = np.random.default_rng(0)
    sums = [reference.X[rng.choice(reference.n_obs, 80)].sum(0).A1 for _ in range(6)]
    return pd.DataFrame(sums, index=[f"s{i}" for i in range(6)], columns=reference.var_names).T.astype(int)


@pytest.fixture(scope="module")
def canonical(script, bulk, prepared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("canonical")
    bulk.to_csv(folder / "bulk.tsv", sep="\t")
    done = script(CHECK, folder / "bulk.tsv", "--reference", prepared, "--out-dir", folder / "out")
    assert done.returncode == 0, done.stderr
    return anndata.read_h5ad(folder / "out" / "bulk.h5ad")


def nothing_left(folder):
    return [path.name for path in folder.iterdir() if path.name != "input"] == []


def assert_refused(done, folder, *words):
    assert done.returncode == 65, done.stderr
    for word in (*words, "expected:", "do:"):
        assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert nothing_left(folder)


def with_a_gene_twice(table):
    part = table.iloc[[9]] // 2
    table.iloc[[9]] -= part
    return pd.concat([table, part])


def with_a_hole(table):
    table = table.astype(object)
    table.iloc[3, 2] = ""
    return table


MENDED = {
    "transposed": (lambda t: t.T.to_csv(sep="\t"), "samples in rows", None),
    "Windows line ends": (lambda t: t.to_csv(sep="\t", lineterminator="\r\n"), "Windows", None),
    "duplicate genes": (lambda t: with_a_gene_twice(t.copy()).to_csv(sep="\t"), "summed", None),
    "a NaN": (
        lambda t: with_a_hole(t).to_csv(sep="\t"),
        "without a value in some samples were dropped (first: gene",
        (3, 2),
    ),
    "semicolons": (lambda t: t.to_csv(sep=";"), "counts", None),
}


@pytest.mark.parametrize("case", MENDED)
def test_what_can_be_mended_is_mended_and_said(script, bulk, canonical, prepared, tmp_path, case):
    write, sentence, hole = MENDED[case]
    path = tmp_path / "input"
    path.write_bytes(write(bulk).encode())
    out = tmp_path / "out"
    done = script(CHECK, path, "--reference", prepared, "--out-dir", out)
    assert done.returncode == 0, done.stderr
    assert sentence in done.stderr
    table = pd.read_csv(out / "check.tsv", sep="\t")
    assert list(table.columns) == ["level", "what", "sentence"]
    assert set(table["level"]) <= {"ok", "corrected", "warning"}
    assert table["sentence"].str.contains(sentence, regex=False).any()
    assert sentence in " ".join(json.loads((out / "run.json").read_text())["messages"])
    want = canonical.to_df().copy()
    if hole:
        want = want.drop(columns=bulk.index[hole[0]])
    pd.testing.assert_frame_equal(anndata.read_h5ad(out / "bulk.h5ad").to_df(), want)


def negative(table):
    table.iloc[4, 1] = -7
    return table


REFUSED = {
    "counts declared log": (
        lambda t: t,
        ["--unit", "log2tpm"],
        ["declared log2tpm", "logarithms of expression are smaller"],
    ),
    "no common genes": (lambda t: t.set_axis([f"X{i}" for i in range(len(t))]), [], ["0 genes in common"]),
    "mouse": (
        lambda t: t.set_axis(t.index.str.title()),
        [],
        ["holds mouse genes", "the reference human genes", "--orthologs"],
    ),
    "a negative": (lambda t: negative(t.copy()), [], ["negative (-7", "'s1'"]),
    "duplicate samples": (lambda t: t.set_axis(list("abcdea"), axis=1), [], ["more than once: a"]),
    "a word": (lambda t: t.astype(object).replace({t.iloc[5, 0]: "many"}), [], ["'many'", "not a number"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_mended_is_refused(script, bulk, prepared, tmp_path, case):
    change, options, words = REFUSED[case]
    change(bulk).to_csv(tmp_path / "input", sep="\t")
    done = script(CHECK, tmp_path / "input", "--reference", prepared, "--out-dir", tmp_path / "out", *options)
    assert_refused(done, tmp_path, *words)


def test_an_empty_file_is_refused(script, tmp_path):
    (tmp_path / "input").touch()
    assert_refused(script(CHECK, tmp_path / "input", "--out-dir", tmp_path / "out"), tmp_path, "is empty")


def test_a_truncated_h5ad_is_refused_by_both_steps(script, prepared, tmp_path):
    folder = tmp_path / "input"
    folder.mkdir()
    raw = prepared.read_bytes()
    for share in (0.2, 0.95):
        path = folder / "cut.h5ad"
        path.write_bytes(raw[: int(len(raw) * share)])
        done = script(CHECK, path, "--out-dir", tmp_path / "out")
        assert_refused(done, tmp_path, "truncated")
        done = script(REFERENCE, path, "--cell-type-key", "cell_type", "--out", tmp_path / "r.h5ad")
        assert_refused(done, tmp_path, "truncated")


def test_unlabelled_and_unprepared_references_are_refused(script, cells, bulk, tmp_path):
    done = script(REFERENCE, cells, "--cell-type-key", "cell_type", "--out", tmp_path / "r.h5ad")
    assert_refused(done, tmp_path, "no column 'cell_type'", "bulk_labels")
    data = anndata.AnnData(np.ones((5, 4), dtype=np.float32), var=pd.DataFrame(index=["CD4", "CD8A", "CD14", "CD19"]))
    data.write_h5ad(tmp_path / "input")
    done = script(REFERENCE, tmp_path / "input", "--cell-type-key", "cell_type", "--out", tmp_path / "r.h5ad")
    assert_refused(done, tmp_path, "unlabelled")
    (tmp_path / "input").write_text(bulk.to_csv(sep="\t"))
    done = script(CHECK, tmp_path / "input", "--reference", cells, "--out-dir", tmp_path / "out")
    assert_refused(done, tmp_path, "not a prepared reference", "unmix_reference.py")


def test_a_misspelt_unit_or_preset_is_a_usage_error(script, cells, bulk, tmp_path):
    bulk.to_csv(tmp_path / "input", sep="\t")
    done = script(CHECK, tmp_path / "input", "--unit", "rpkm", "--out-dir", tmp_path / "out")
    assert done.returncode == 2
    assert "log2tpm" in done.stderr
    done = script(REFERENCE, cells, "--cell-type-key", "bulk_labels", "--preset", "best", "--out", tmp_path / "r.h5ad")
    assert done.returncode == 2
    assert "dissect" in done.stderr
    assert nothing_left(tmp_path)


def test_the_same_input_gives_the_same_bytes(script, cells, prepared, bulk, tmp_path):
    again = tmp_path / "again.h5ad"
    done = script(REFERENCE, cells, "--cell-type-key", "bulk_labels", "--donor-key", "none", "--out", again)
    assert done.returncode == 0
    assert again.read_bytes() == prepared.read_bytes()
    bulk.to_csv(tmp_path / "bulk.tsv", sep="\t")
    for out in ("a", "b"):
        script(CHECK, tmp_path / "bulk.tsv", "--out-dir", tmp_path / out)
    for name in ("bulk.h5ad", "check.tsv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize("name", [CHECK, REFERENCE])
def test_help_answers_at_once(root, name):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-X", "importtime", root / "bin" / name, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.5
    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert not imported & set(HEAVY)


def test_genes_of_another_species_become_orthologs_in_every_step_that_reads_the_bulk(script, bulk, prepared, tmp_path):
    mouse = gene_tables.orthologs("human", "mouse")
    known = bulk.index.isin(list(mouse))
    human, mice = bulk[known], bulk[known].rename(index=mouse)
    model = tmp_path / "nnls.safetensors"
    assert script("unmix_train.py", prepared, "--method", "nnls", "--out", model).returncode == 0
    for name, table, options in (("human", human, []), ("mouse", mice, ["--orthologs"])):
        table.to_csv(tmp_path / f"{name}.tsv", sep="\t")
        done = script("unmix_predict.py", model, tmp_path / f"{name}.tsv", "--out-dir", tmp_path / name, *options)
        assert done.returncode == 0, done.stderr
    assert "replaced by their one-to-one human orthologs" in done.stderr
    assert "Dropped, because they have none in the reference" in done.stderr
    want, found = (pd.read_csv(tmp_path / name / "fractions.tsv", sep="\t", index_col=0) for name in ("human", "mouse"))
    pd.testing.assert_frame_equal(found, want)
    out = tmp_path / "checked"
    done = script(CHECK, tmp_path / "mouse.tsv", "--reference", prepared, "--orthologs", "--out-dir", out)
    assert done.returncode == 0, done.stderr
    done = script("unmix_predict.py", model, out / "bulk.h5ad", "--out-dir", tmp_path / "again")
    assert done.returncode == 0, done.stderr
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "again/fractions.tsv", sep="\t", index_col=0), want)


def test_a_table_of_gene_names_is_read(script, bulk, canonical, prepared, tmp_path):
    names = [f"{row}_at" for row in range(len(bulk))]
    bulk.set_axis(names).to_csv(tmp_path / "input", sep="\t")
    pd.Series(bulk.index, index=names).to_csv(tmp_path / "map.csv")
    options = ("--reference", prepared, "--out-dir", tmp_path / "out")
    refused = script(CHECK, tmp_path / "input", *options)
    assert refused.returncode == 65
    assert "--gene-map" in refused.stderr
    done = script(CHECK, tmp_path / "input", *options, "--gene-map", tmp_path / "map.csv")
    assert done.returncode == 0, done.stderr
    assert "765 of 765 gene names were replaced" in done.stderr
    pd.testing.assert_frame_equal(anndata.read_h5ad(tmp_path / "out/bulk.h5ad").to_df(), canonical.to_df())
