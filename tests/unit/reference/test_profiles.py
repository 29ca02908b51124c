"""References without single cells: what a table of profiles is read as, and what methods make of it."""

from __future__ import annotations

import re

import anndata
import numpy as np
import pandas as pd
import pytest

import unmix
from unmix import engine
from unmix.contract.model import Model
from unmix.engine.cell_fractions import mrna_per_cell_of
from unmix.errors import DataError, NotApplicable
from unmix.reference import Reference, prepare
from unmix.simulate.toy import as_profiles, toy

RNG = np.random.default_rng(3)
GENES = ["CD3D", "MS4A1", "GAPDH", "ACTB", "CD14", "MT-CO1", *(f"GENE{i}" for i in range(11994))]
TYPES = ["B", "CD4", "NK"]


def tpm(columns, genes=GENES):
    values = RNG.gamma(0.5, 10, (len(genes), len(columns))) + 0.01
    return pd.DataFrame(1e6 * values / values.sum(0), pd.Index(genes, name="gene"), columns)


def said(reference):
    return " ".join(reference.uns["unmix"]["messages"])


def test_profiles_of_a_table_are_named_by_their_types(tmp_path):
    table = tpm(TYPES)
    table.to_csv(tmp_path / "pure.csv")
    made = prepare.prepare_reference([tmp_path / "pure.csv"], kind="profiles")
    assert made.uns["unmix"]["kind"] == "profiles"
    assert list(made.obs["cell_type"]) == TYPES
    assert "there will be no intervals" in said(made)
    np.testing.assert_allclose(made[:, GENES].X.toarray(), table.T, rtol=1e-4)
    made.write_h5ad(tmp_path / "r.h5ad")
    assert prepare.is_prepared(tmp_path / "r.h5ad")
    cells = Reference.from_anndata(prepare.read_reference(tmp_path / "r.h5ad"))
    assert cells.kind == "profiles"
    assert list(cells.mrna_per_cell()) == [1, 1, 1]  # profiles do not tell the mRNA of a cell
    mitochondrial = table.loc["MT-CO1"].to_numpy()
    np.testing.assert_allclose(cells.profiles()[:, 0] * (1e6 - mitochondrial), table.loc[cells.genes[0]], rtol=1e-4)


def test_replicates_by_repeated_names_second_line_separator_map_and_annotation(tmp_path):
    table = tpm([f"s{i}" for i in range(6)])
    types = [*TYPES, *TYPES]
    lines = table.to_csv(sep="\t").splitlines()
    (tmp_path / "repeated.tsv").write_text("\n".join(["\t".join(["gene", *types]), *lines[1:]]) + "\n")
    (tmp_path / "second.tsv").write_text("\n".join([lines[0], "\t".join(["cell_type", *types]), *lines[1:]]) + "\n")
    table.T.set_axis(types).to_csv(tmp_path / "rows.tsv", sep="\t")
    numbered = [f"{name}_{1 + i // 3}" for i, name in enumerate(types)]
    table.set_axis(numbered, axis=1).to_csv(tmp_path / "numbered.tsv", sep="\t")
    table.to_csv(tmp_path / "plain.tsv", sep="\t")
    pd.DataFrame({"kind": types}, table.columns).sample(frac=1, random_state=0).to_csv(tmp_path / "labels.csv")
    anndata.AnnData(
        table.T.to_numpy(), pd.DataFrame({"kind": types}, table.columns), pd.DataFrame(index=GENES)
    ).write_h5ad(tmp_path / "profiles.h5ad")
    ways = {
        "repeated.tsv": {},
        "second.tsv": {},
        "rows.tsv": {},
        "numbered.tsv": {"replicate_separator": "_"},
        "plain.tsv": {"label_map": dict(zip(table.columns, types, strict=True))},
        "profiles.h5ad": {"cell_type_key": "kind"},
    }
    made = [prepare.prepare_reference([tmp_path / name], kind="profiles", **how) for name, how in ways.items()]
    made.append(
        prepare.prepare_reference([tmp_path / "plain.tsv"], "kind", cells=tmp_path / "labels.csv", kind="profiles")
    )
    for one in made:
        assert list(one.obs["cell_type"]) == types
        assert list(one.obs["donor"]) == ["replicate 1"] * 3 + ["replicate 2"] * 3
        np.testing.assert_allclose(one[:, GENES].X.toarray(), table.T, rtol=1e-4)


def test_numbers_in_names_are_asked_about_and_not_guessed():
    made = unmix.prepare_reference(tpm(["NK_1", "NK_2", "B"]), kind="profiles")
    assert sorted(made.obs["cell_type"]) == ["B", "NK_1", "NK_2"]
    assert "'NK_1' and 'NK_2' are types of their own" in said(made)
    assert "--replicate-separator '_'" in said(made)
    assert "types of their own" not in said(unmix.prepare_reference(tpm(["Th1", "Th17", "B"]), kind="profiles"))


def test_states_are_the_names_of_the_profiles_and_the_map_gives_the_types():
    made = unmix.prepare_reference(
        tpm(["Bnaive", "Bmemory", "NK", "plasma"]),
        kind="profiles",
        cell_state_key="profile",
        label_map={"Bnaive": "B", "Bmemory": "B", "plasma": ""},
    )
    assert list(made.obs["cell_type"]) == ["B", "B", "NK"]
    assert list(made.obs["cell_state"]) == ["Bnaive", "Bmemory", "NK"]
    assert "1 profiles dropped by the label map" in said(made)
    assert "there will be no intervals" in said(made)  # a state has one profile


def test_a_signature_of_few_genes_keeps_the_scale_of_its_types():
    signature = tpm(TYPES, GENES[:6]) * [0.001, 0.002, 0.0005]
    made = unmix.prepare_reference(signature, kind="profiles")
    ratio = made[:, GENES[:6]].X.toarray().T / signature.to_numpy()
    np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-4)
    assert "keep their scale" in said(made)
    assert "technical" not in made.var or not made.var["technical"].any()  # published signatures keep their genes
    assert Reference.from_anndata(made).total_counts == pytest.approx([1e6, 1e6, 1e6])


def test_counts_of_few_genes_are_divided_by_their_sums_with_a_warning():
    counts = pd.DataFrame(RNG.poisson(50, (800, 3)) * [1, 10, 3], pd.Index(GENES[:800], name="gene"), TYPES)
    made = unmix.prepare_reference(counts, kind="profiles", unit="counts")
    np.testing.assert_allclose(made.X.sum(1), 1e6, rtol=1e-5)
    assert "Profiles of counts are divided by their sums over these genes" in said(made)


def test_the_wrong_column_is_named(tmp_path):
    data = anndata.AnnData(tpm(TYPES).T.to_numpy(), pd.DataFrame({"organ": TYPES}, TYPES), pd.DataFrame(index=GENES))
    data.write_h5ad(tmp_path / "tpm.h5ad")
    with pytest.raises(DataError, match="no column 'tissue'"):
        prepare.prepare_reference([tmp_path / "tpm.h5ad"], "tissue", "none", kind="profiles")


@pytest.fixture(scope="module")
def cells_and_bulk():
    return toy(cells_per_type=8)


def test_profiles_of_the_cells_give_the_fractions_of_the_cells(cells_and_bulk):
    cells, bulk = cells_and_bulk
    found = [
        engine.predict(engine.train("nnls", reference, device="cpu"), bulk, device="cpu").values
        for reference in (cells, as_profiles(cells, replicates=False))
    ]
    assert np.abs(found[0] - found[1]).max(axis=None) < 0.02  # pooled by counts, and by totals of a million


def test_intervals_need_replicates_of_every_type(cells_and_bulk):
    cells, bulk = cells_and_bulk
    replicated = as_profiles(cells)
    model = engine.train("nnls", replicated, device="cpu")
    assert model.facts["intervals"]["held_out"] == "replicates"
    assert model.facts["reference"]["kind"] == "profiles"
    found = unmix.predict(model, bulk, mrna_per_cell="none")
    assert found.lower.notna().all(axis=None)
    assert found.held_out is not None
    first = replicated.obs["cell_type"] == "NK"
    one_nk = replicated[~first | (first & (replicated.obs["donor"] == "donor1"))].copy()
    sentences = []
    model = engine.train("nnls", one_nk, device="cpu", say=sentences.append)
    found = unmix.predict(model, bulk)
    assert list(found.lower.columns[found.lower.isna().any()]) == ["NK"]
    assert any("no intervals of NK" in sentence for sentence in sentences)
    assert found.held_out is None


@pytest.mark.parametrize("name", ["epic", "quantiseq", "abis"])
def test_fractions_of_profiles_are_of_mrna(name, cells_and_bulk):
    cells, bulk = cells_and_bulk
    sentences = []
    model = engine.train(name, as_profiles(cells), device="cpu", quick=True, say=sentences.append)
    assert model.quantity == "mrna"
    assert any("do not tell the mRNA of a cell" in sentence for sentence in sentences)
    assert set(mrna_per_cell_of(model).values()) == {1.0}
    found = unmix.predict(model, bulk, mrna_per_cell="reference", say=sentences.append)
    assert found.quantity == "mrna"  # the totals of profiles are no amounts of mRNA
    assert any("is not known" in sentence for sentence in sentences)


def test_a_method_of_cells_is_skipped_with_those_that_need_none(cells_and_bulk):
    with pytest.raises(NotApplicable, match="learns from single cells") as error:
        engine.train("scaden", as_profiles(cells_and_bulk[0]), device="cpu", quick=True)
    assert "nnls" in error.value.do
    assert "bisque" not in error.value.do
    with pytest.raises(NotApplicable, match="needs 2 profiles of each type"):
        engine.train("music", as_profiles(cells_and_bulk[0], replicates=False), device="cpu")
    assert engine.train("music", as_profiles(cells_and_bulk[0]), device="cpu").quantity == "mrna"


def test_genes_are_chosen_by_ratios_where_there_are_no_replicates(cells_and_bulk):
    sentences = []
    model = engine.train("dwls", as_profiles(cells_and_bulk[0], replicates=False), device="cpu", say=sentences.append)
    assert model.recipe["genes"]["rule"] == "markers"
    assert any("ratios of the profiles" in sentence for sentence in sentences)


def test_a_changed_reference_of_profiles_is_refused(tmp_path):
    made = unmix.prepare_reference(tpm(TYPES), kind="profiles")
    made.X = made.X * 2
    made.write_h5ad(tmp_path / "r.h5ad")
    with pytest.raises(DataError, match="more than a whole"):
        prepare.read_reference(tmp_path / "r.h5ad")


def test_intervals_that_are_not_known_stay_so_as_fractions_of_cells(tmp_path, cells_and_bulk):
    cells, bulk = cells_and_bulk
    signature = cells.to_df().groupby(cells.obs["cell_type"].astype(str)).mean().T.rename(columns={"NK": "Killer"})
    signature.to_csv(tmp_path / "signature.tsv", sep="\t")
    model = engine.train("nnls", cells, signature=[tmp_path / "signature.tsv"], device="cpu")
    assert isinstance(model, Model)
    sizes = pd.Series(2.0, signature.columns)
    found = unmix.predict(model, bulk, mrna_per_cell=sizes)
    assert found.lower["Killer"].isna().all()  # was [0, 0]


def test_the_default_answer_is_of_the_methods_that_profiles_are_enough_for(tmp_path, cells_and_bulk):
    cells, bulk = cells_and_bulk
    types = cells.obs["cell_type"].astype(str)
    counts = cells.to_df().groupby(types).sum().T.rename_axis("gene")
    results = unmix.deconvolve(bulk, counts, reference_kind="profiles", truth=bulk, controls="uniform,reference_mean")
    assert list(results.methods) == ["consensus", "jointlog", "nnls", "uniform"]
    assert {name: "learns from single cells" in why for name, why in results.skipped.items()} == dict.fromkeys(
        ("dissect", "hascad", "reference_mean"), True
    )
    assert results.methods["consensus"].lower.isna().all(axis=None)
    page = (results.write(tmp_path / "results") / "report.html").read_text()
    assert "6 profiles of 6 cell types" in page
    assert not re.search(r"\bnan\b", page)
