"""UCD: preprocessing and belief propagation against what the original gave; what a user gets from an ontology."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from unmix import engine
from unmix.deep.preprocessing import Transform
from unmix.deep.recipe import Prep
from unmix.errors import DataError, NotApplicable
from unmix.io.ontology import levels
from unmix.methods.ucdbase import PUBLISHED
from unmix.simulate.toy import toy

OBO = """[Term]
id: CL:0000738
name: leukocyte

[Term]
id: CL:0000236
name: B cell
is_a: CL:0000738 ! leukocyte

[Term]
id: CL:0000084
name: T cell
is_a: CL:0000738 ! leukocyte

[Term]
id: CL:0000624
name: CD4-positive, alpha-beta T cell
is_a: CL:0000084 ! T cell

[Term]
id: CL:0000623
name: natural killer cell
synonym: "NK" EXACT []
is_a: CL:0000738 ! leukocyte
"""
NODES = ["nodes.CD4+ T=CL:0000624", "nodes.CD8+ T=T cell", "nodes.γδ T=T cell"]


@pytest.fixture(scope="module")
def vectors(shared):
    return json.loads((shared / "fixtures" / "ucd" / "reference_vectors.json").read_text())


@pytest.mark.shared
@pytest.mark.parametrize(("scaling", "name"), [(PUBLISHED.prep.sample, "full"), ("none", "no_zscore_no_minmax")])
def test_preprocessing_is_that_of_the_original(vectors, scaling, name):
    counts = np.array(vectors["counts"]["input"])
    prep = Prep(genes="all", depth=1e4, log="ln", missing="zero", sample=scaling)
    assert np.abs(Transform.fit(prep, counts)(counts) - vectors["counts"][name]).max() < 1e-6


@pytest.mark.shared
def test_propagation_is_that_of_the_original(vectors):
    case = vectors["propagation"]
    parents = {node: [a for a, b in case["edges_parent_to_child"] if b == node] for node in case["nodes"]}
    found = levels(parents, {name: name for name in case["columns"] if name in parents}, case["columns"])
    values = pd.DataFrame(np.array(case["input"]) @ found.share, columns=found.nodes)
    assert np.abs(values[case["nodes"]].to_numpy() - case["output"]).max() < 1e-6


@pytest.fixture(scope="module")
def ontology(tmp_path_factory):
    path = tmp_path_factory.mktemp("ontology") / "small.obo"
    path.write_text(OBO)
    return path


@pytest.mark.parametrize("name", ["ucdbase", "ucdselect"])
def test_terms_hold_what_lies_below_them(name, ontology):
    reference, bulk = toy()
    said = []
    model = engine.train(name, reference, ontology=ontology, settings=NODES, device="cpu", quick=True, say=said.append)
    assert any("Monocyte/Macrophage" in sentence for sentence in said)  # which has no term, and is said to be lost
    found = engine.predict(model, bulk, device="cpu")
    table = found.tables["hierarchy"].reset_index().pivot_table("value", "sample", "node").loc[bulk.obs_names]
    values = found.values
    t_cells = values[["CD4+ T", "CD8+ T", "γδ T"]].sum(axis=1)
    assert np.allclose(table.get("T cell", 0), t_cells)
    assert np.allclose(table["leukocyte"], t_cells + values["B cell"] + values["NK"])


def test_splits_share_out_the_primary_types(ontology):
    reference, bulk = toy()
    model = engine.train("ucdbase", reference, settings=["splits.nk=cancer"], device="cpu", quick=True)
    found = engine.predict(model, bulk, device="cpu")
    table = found.tables["splits"].reset_index()
    assert np.allclose(table.groupby(["sample", "split"])["share"].sum(), 1)
    cancer = table[table["split"] == "cancer"].pivot_table("share", "sample", "cell_type").loc[bulk.obs_names]
    assert list(cancer.columns) == ["NK", "rest"]
    assert np.allclose(cancer["NK"], found.values["NK"])


@pytest.mark.parametrize("head", ["false", "true"])
def test_an_embedding_of_other_types_serves_ones_own(tmp_path, head):
    """UCDSelect on six types, by an embedding that was trained on four types of other names."""
    reference, bulk = toy()
    atlas = reference[~reference.obs["cell_type"].isin(["NK", "B cell"])].copy()
    atlas.obs["cell_type"] = "atlas " + atlas.obs["cell_type"].astype(str)
    engine.train("ucdbase", atlas, device="cpu", quick=True).save(tmp_path / "atlas.safetensors")
    weights = [tmp_path / "atlas.safetensors"]
    model = engine.train(
        "ucdselect", reference, pretrained=weights, settings=[f"head={head}"], device="cpu", quick=True
    )
    truth = bulk.obsm["cell_fractions"]
    found = engine.predict(model, bulk, device="cpu").values[truth.columns]
    assert np.sqrt(((found - truth) ** 2).to_numpy().mean()) < 0.7 * np.sqrt(((1 / 6 - truth) ** 2).to_numpy().mean())
    other = reference.copy()
    other.var_names = "other" + other.var_names
    with pytest.raises(NotApplicable, match="0% of the genes of atlas"):
        engine.train("ucdselect", other, pretrained=weights, device="cpu", quick=True)


def test_an_ontology_without_the_types_says_how_to_name_them(ontology):
    reference = toy(cell_types=("hepatocyte", "cholangiocyte"))[0]
    with pytest.raises(DataError, match=r"nodes\.cholangiocyte"):
        engine.train("ucdbase", reference, ontology=ontology, device="cpu", quick=True)
