"""The Harmony-Symphony correction: the numbers of symphonypy, and no sample depends on another."""

import numpy as np
import pandas as pd
import pytest

from unmix import engine
from unmix.contract.model import Model
from unmix.deep.harmony import Correction, Harmony
from unmix.errors import NotApplicable
from unmix.simulate.toy import toy

RNG = np.random.default_rng(0)
DONORS = np.repeat([0, 1, 2], 60)
SIGNAL, SHIFTS = RNG.normal(size=(180, 12)) @ RNG.normal(size=(12, 80)), RNG.normal(size=(3, 80))
VALUES = (SIGNAL + 3 * SHIFTS[DONORS]).astype(np.float32)
QUERY = (RNG.normal(size=(5, 12)) @ RNG.normal(size=(12, 80))).astype(np.float32)


@pytest.mark.filterwarnings("ignore")  # of symphonypy, about logarithms and missing annotations
def test_a_sample_maps_as_symphonypy_maps_a_file_of_that_sample():
    anndata, symphonypy = pytest.importorskip("anndata"), pytest.importorskip("symphonypy")
    ours = Correction.fit(VALUES, DONORS, Harmony(components=20), seed=0)
    genes = pd.DataFrame(index=[f"g{i}" for i in range(80)])
    reference = anndata.AnnData(VALUES, pd.DataFrame({"donor": DONORS.astype(str)}, [f"m{i}" for i in range(180)]))
    reference.var = genes.assign(mean=ours.mean, std=ours.deviation, highly_variable=True)
    reference.varm["PCs"] = ours.loadings
    reference.obsm["X_pca"] = (VALUES - ours.mean) / ours.deviation @ ours.loadings
    symphonypy.pp.harmony_integrate(reference, "donor", theta=3, nclust=6, max_iter_harmony=20, random_seed=0)
    for row in QUERY:
        query = anndata.AnnData(row[None].copy(), var=genes)
        symphonypy.tl.map_embedding(query, reference)
        assert np.allclose(query.obsm["X_pca_harmony"], ours.map(row[None]), atol=1e-3)


def test_a_corrected_model_treats_every_sample_alone_and_keeps_its_bytes(tmp_path):
    reference, bulk = toy()
    settings = ["correction=harmony", "harmony.components=20"]
    models = [engine.train("hascad", reference, settings=settings, quick=True, device="cpu") for _ in range(2)]
    for number, model in enumerate(models):
        model.save(tmp_path / f"{number}.safetensors")
    assert (tmp_path / "0.safetensors").read_bytes() == (tmp_path / "1.safetensors").read_bytes()
    together = engine.predict(Model.load(tmp_path / "0.safetensors"), bulk, device="cpu").values
    alone = engine.predict(models[0], bulk[3:4].copy(), device="cpu").values
    assert np.array_equal(alone, together[3:4])
    truth = bulk.obsm["cell_fractions"][list(together)].to_numpy()
    assert np.sqrt(((together - truth) ** 2).to_numpy().mean()) < 0.7 * truth.std()


def test_one_donor_cannot_be_aligned():
    reference, _ = toy()
    one = reference[reference.obs["donor"] == "donor1"].copy()
    with pytest.raises(NotApplicable, match="aligns donors"):
        engine.train("hascad", one, settings=["correction=harmony"], quick=True, device="cpu")
