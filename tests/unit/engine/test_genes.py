"""A training on the genes that a bulk has, where these are few."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from unmix import engine, methods
from unmix.errors import DataError, NotApplicable
from unmix.reference import Reference
from unmix.simulate.toy import toy


@pytest.mark.parametrize("method", ["nnls", "nusvr"])
def test_a_method_trained_on_the_genes_of_a_panel_estimates_its_samples(method):
    """Trained on all genes, it finds less than half of its own in the panel and refuses."""
    cells, bulk = toy(samples=6)
    panel = bulk[:, ::4].copy()
    said = []
    with pytest.raises(DataError, match="genes of the model"):
        engine.predict(engine.train(method, cells, device="cpu"), panel, device="cpu")
    model = engine.train(method, cells, genes=list(panel.var_names), device="cpu", say=said.append)
    assert set(model.genes) <= set(panel.var_names)
    assert any("Learned from 150 of the 600 genes" in sentence for sentence in said)
    found = engine.predict(model, panel, device="cpu").values
    truth = bulk.obsm["mrna_fractions"][found.columns]
    assert np.sqrt(((found.to_numpy() - truth.to_numpy()) ** 2).mean()) < 0.1
    with pytest.raises(DataError, match="none of the 1 genes"):
        engine.train(method, cells, genes=["X1"], device="cpu")


def test_profiles_of_some_genes_stay_shares_of_the_whole_transcriptome():
    cells = Reference.from_anndata(toy(samples=1)[0])
    some = cells.select(genes=np.arange(0, 600, 4))
    assert (some.total_counts == cells.total_counts).all()


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Return cells, a bulk with half of their genes, and published files over the other half."""
    folder = tmp_path_factory.mktemp("published")
    cells, bulk = toy(samples=4)
    genes = list(cells.var_names)
    signature = cells.to_df().groupby(cells.obs["cell_type"].astype(str)).mean().T.iloc[::2]
    signature.to_csv(folder / "signature.tsv", sep="\t")
    sets = {"StromalSignature": genes[:20:2], "ImmuneSignature": genes[300:320:2], "seen": genes[1:101:2]}
    for name, chosen in {"unseen": list(sets)[:2], "some": list(sets)}.items():
        lines = ["\t".join([one, "", *sets[one]]) for one in chosen]
        (folder / f"{name}.gmt").write_text("\n".join(lines) + "\n")
    embedding = engine.train("nnls", cells[:, ::2].copy(), device="cpu")
    replace(embedding, method="ucdbase").save(folder / "base.safetensors")
    return folder, cells, bulk[:, 1::2].copy()


@pytest.mark.parametrize("name", ["abis", "epic", "nnls", "quantiseq"])
def test_a_published_signature_that_the_bulk_lacks_is_a_reason_to_skip_the_method(published, name):
    folder, cells, bulk = published
    settings = ["fractions=own"] if "fractions" in vars(methods.get(name).recipes["default"]) else []
    model = engine.train(name, cells, signature=[folder / "signature.tsv"], settings=settings, device="cpu")
    with pytest.raises(NotApplicable, match="published files") as error:
        engine.predict(model, bulk, device="cpu")
    assert "published file" in error.value.do


@pytest.mark.parametrize("name", [name for name, one in methods.all_methods().items() if one.takes == "gene_sets"])
def test_gene_sets_that_the_bulk_lacks_are_skipped_or_reported(published, name):
    """They were scored 0."""
    folder, cells, bulk = published
    with pytest.raises(NotApplicable, match="published files"):
        engine.predict(engine.train(name, cells, gene_sets=[folder / "unseen.gmt"], device="cpu"), bulk, device="cpu")
    said, model = [], engine.train(name, cells, gene_sets=[folder / "some.gmt"], device="cpu")
    if methods.get(name).needs_every_set:
        with pytest.raises(NotApplicable, match="no gene of the set StromalSignature"):
            engine.predict(model, bulk, device="cpu")
    else:
        engine.predict(model, bulk, device="cpu", say=said.append)
        assert any("no gene of StromalSignature, ImmuneSignature" in sentence for sentence in said)


def test_an_embedding_of_other_genes_is_a_reason_to_skip_ucdselect(published):
    folder, cells, bulk = published
    given = {"pretrained": [folder / "base.safetensors"], "quick": True, "device": "cpu"}
    with pytest.raises(NotApplicable, match="0% of the genes of base"):
        engine.train("ucdselect", cells, genes=list(bulk.var_names), **given)


def test_lengths_of_other_genes_are_a_reason_to_skip_gbmpurity(published, tmp_path):
    _, cells, _ = published
    (tmp_path / "lengths.csv").write_text("gene,length\nX1,1000\nX2,900\n")
    malignant = cells.obs["cell_type"].iloc[:1].tolist()
    with pytest.raises(NotApplicable, match="genes with lengths"):
        engine.train("gbmpurity", cells, malignant=malignant, pretrained=[tmp_path / "lengths.csv"], device="cpu")
