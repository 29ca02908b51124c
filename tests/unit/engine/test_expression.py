"""Expression of every type in every sample: nearer the truth than the reference's mean profile; and the script."""

from __future__ import annotations

import json
import subprocess
import sys

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from unmix import engine
from unmix.contract.blocks import SIZE
from unmix.deep.profiles import attributed
from unmix.engine.expression import express
from unmix.errors import NotApplicable
from unmix.io import tables
from unmix.io.units import per_million
from unmix.reference import Reference
from unmix.simulate.pseudobulk import Simulator
from unmix.simulate.recipe import Simulation
from unmix.simulate.toy import toy

SAMPLES = 16
#: Share of a sample below which a type's profile is not judged, and what is added per million before logarithms.
JUDGED, OFFSET = 0.1, 50.0


@pytest.fixture(scope="module")
def data():
    """A reference of four donors, and bulk of four others whose types' expression in each sample is known."""
    reference = toy(donors=8, samples=2)[0]
    held = reference.obs["donor"].isin([f"donor{i}" for i in range(5, 9)]).to_numpy()
    rng = np.random.default_rng(5)
    simulator = Simulator(Reference.from_anndata(reference[held]), Simulation(cells=500, donors="same"), rng)
    layers, cells = simulator.layers(SAMPLES, rng)
    names = [f"s{i}" for i in range(SAMPLES)]
    bulk = ad.AnnData(layers.sum(1).astype(np.float64), pd.DataFrame(index=names), reference.var[[]].copy())
    bulk.uns["unmix"] = {"kind": "bulk", "unit": "counts", "log": "none", "messages": []}
    return reference[~held].copy(), bulk, layers, cells / cells.sum(1, keepdims=True)


@pytest.fixture(scope="module")
def models(data):
    made = {}

    def model(name: str):
        if name not in made:
            settings = ["train.steps=240", "train.validate_every=80"]
            made[name] = engine.train(name, data[0], bulk=data[1], settings=settings, device="cpu")
        return made[name]

    return model


def layers_of(found: ad.AnnData, types: list[str]) -> np.ndarray:
    assert list(found.uns["unmix"]["cell_types"]) == types
    return np.stack([found.layers[name] for name in found.uns["unmix"]["layers"]], axis=1)


@pytest.mark.parametrize("name", ["tape", "dissect"])
def test_beats_the_mean_profile_of_the_reference(name, data, models):
    """By the error of the logarithm over genes, types and samples, and by how a gene varies between samples."""
    reference, bulk, layers, shares = data
    model = models(name)
    found = express(model, bulk, device="cpu").in_memory()
    genes = bulk.var_names.get_indexer(model.genes)
    cells = Reference.from_anndata(reference)
    truth = np.log2(per_million(layers[:, :, genes]) + OFFSET)
    estimate = np.log2(layers_of(found, model.cell_types) + OFFSET)
    mean = np.log2(per_million(cells.select(genes=genes).profiles("counts_per_cell")) + OFFSET)
    judged = shares >= JUDGED
    error = np.sqrt(((estimate - truth)[judged] ** 2).mean())
    error_of_mean = np.sqrt(((mean - truth)[judged] ** 2).mean())
    assert error < 0.95 * error_of_mean
    correlations = []
    for k in range(len(model.cell_types)):
        one, other = (part[judged[:, k], k] - part[judged[:, k], k].mean(0) for part in (estimate, truth))
        correlations.append(np.median((one * other).sum(0) / np.sqrt((one**2).sum(0) * (other**2).sum(0) + 1e-12)))
    assert np.mean(correlations) > 0.3


@pytest.mark.parametrize("name", ["tape", "dissect"])
def test_a_sample_alone_gets_the_same_bytes(name, data, models):
    """With a given model also those of DISSECT, which depends on the other samples at training only."""
    together = express(models(name), data[1], device="cpu").in_memory()
    alone = express(models(name), data[1][3:4].copy(), device="cpu").in_memory()
    for layer in together.layers:
        assert np.array_equal(alone.layers[layer][0], together.layers[layer][3])
    assert np.array_equal(alone.obsm["fractions"], together.obsm["fractions"][3:4])


@pytest.mark.parametrize("name", ["tape", "dissect"])
def test_is_laid_out_as_the_contract_says(name, data, models, tmp_path):
    express(models(name), data[1][:, 30:].copy(), device="cpu").write(tmp_path / "expression.h5ad")
    found = ad.read_h5ad(tmp_path / "expression.h5ad")
    assert list(found.uns["unmix"]["cell_types"]) == models(name).cell_types
    assert [layer.replace("_", "/") for layer in found.uns["unmix"]["layers"]] == models(name).cell_types
    assert set(found.layers) == set(found.uns["unmix"]["layers"])
    assert list(found.var_names) == models(name).genes
    assert np.allclose(found.obsm["fractions"].sum(1), 1)
    for profile in found.layers.values():
        assert np.isfinite(profile).all()
        assert (profile >= 0).all()
        assert np.allclose(profile.sum(1), 1e6, rtol=1e-3)
    assert found.uns["unmix"]["kind"] == "expression"
    assert found.uns["unmix"]["transductive"] == (name == "dissect")
    assert found.var["in_bulk"].sum() == found.n_vars - sum(gene in data[1].var_names[:30] for gene in found.var_names)


def test_layers_of_many_samples_are_made_and_written_in_blocks(tmp_path):
    """All of them are samples x types x genes large: 16 GB for 10,000 samples x 20 types x 20,000 genes."""
    reference, bulk = toy(donors=2, samples=2 * SIZE + 3)
    model = engine.train("bayesprism", reference, quick=True, device="cpu")
    assert [len(values) for _, values in express(model, bulk).blocks] == [SIZE, SIZE, 3]
    express(model, bulk).write(tmp_path / "expression.h5ad")
    written, made = ad.read_h5ad(tmp_path / "expression.h5ad"), express(model, bulk).in_memory()
    assert set(written.layers) == set(written.uns["unmix"]["layers"])
    alone = express(model, bulk[-1:].copy()).in_memory()
    for name, layer in written.layers.items():
        assert np.array_equal(layer, made.layers[name])
        assert np.array_equal(layer[-1:], alone.layers[name])
    assert np.array_equal(written.X, made.X)
    assert np.array_equal(written.obsm["fractions"], engine.predict(model, bulk).values)


def test_a_sample_that_the_reference_explains_keeps_its_profiles():
    cells = np.random.default_rng(0).gamma(1.0, 100.0, (3, 50))
    fractions = np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]])
    expression = fractions @ cells * np.array([[7.0], [0.0]])  # another depth; a sample without expression
    found = attributed(fractions, cells, expression, np.ones(50, bool))
    assert np.allclose(found, per_million(cells), rtol=1e-6)


def test_what_a_sample_has_more_of_goes_to_the_type_that_expresses_it():
    cells = np.full((2, 100), 100.0)
    cells[:, 0] = 5.0, 200.0
    fractions = np.array([[0.6, 0.4]])
    expression = fractions @ cells * np.array([3.0] + [1.0] * 99)
    change = attributed(fractions, cells, expression, np.ones(100, bool))[0] / per_million(cells)
    assert change[1, 0] > change[0, 0] > 1.2
    assert np.allclose(change[:, 1:], 1, atol=0.1)


def test_a_method_that_cannot_is_not_applicable(data):
    with pytest.raises(NotApplicable, match="tape"):
        express(engine.train("nnls", data[0], device="cpu"), data[1], device="cpu")


def test_adapting_to_a_sample_starts_from_the_trained_network(data):
    """In high resolution a sample's result does not depend on the samples before it; with `overall` it may."""
    settings = ["train.steps=20", "rounds=1", "steps=2", "lr=0.001"]
    own = engine.train("tape", data[0], settings=[*settings, "adaptive=high_resolution"], quick=True, device="cpu")
    together = engine.predict(own, data[1], device="cpu").values.to_numpy()
    alone = engine.predict(own, data[1][2:3].copy(), device="cpu").values.to_numpy()
    assert np.array_equal(alone[0], together[2])
    said = []
    engine.predict(own, data[1], device="cpu", say=said.append)
    assert not any("other samples" in sentence for sentence in said)
    joint = engine.train("tape", data[0], settings=[*settings, "adaptive=overall"], quick=True, device="cpu")
    engine.predict(joint, data[1], device="cpu", say=said.append)
    assert any("depends on the other samples" in sentence for sentence in said)


def test_the_script(data, models, tmp_path, root):
    models("tape").save(tmp_path / "tape.safetensors")
    bulk = data[1]
    table = pd.DataFrame(bulk.X.T.astype(int), index=bulk.var_names, columns=bulk.obs_names)
    tables.write_table(table, tmp_path / "bulk.tsv", index_label="gene")
    command = [sys.executable, root / "bin" / "unmix_express.py"]
    done = subprocess.run(
        [*command, "tape.safetensors", "bulk.tsv"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = ad.read_h5ad(tmp_path / "expression.h5ad")
    assert list(found.obs_names) == list(bulk.obs_names)
    assert json.loads((tmp_path / "expression.run.json").read_text())["step"] == "express"
    engine.train("nnls", data[0], device="cpu").save(tmp_path / "nnls.safetensors")
    done = subprocess.run(
        [*command, "nnls.safetensors", "bulk.tsv", "--out", "no.h5ad"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 99
    assert "a model of" in done.stderr
    assert not (tmp_path / "no.h5ad").exists()
