from __future__ import annotations

import numpy as np
import pytest

from unmix import engine
from unmix.io import check
from unmix.simulate.pseudobulk import pseudobulk
from unmix.simulate.recipe import Simulation
from unmix.simulate.toy import toy
from unmix.uncertainty import domain_shift


def test_distance_is_zero_for_a_mix_and_grows_with_what_is_foreign():
    rng = np.random.default_rng(0)
    signature = rng.gamma(0.3, 100, (4, 500))
    mix = np.array([0.1, 0.2, 0.3, 0.4]) @ signature
    foreign = rng.gamma(0.3, 100, 500)
    samples = np.stack([mix, mix * 0.8 + foreign * 0.2, mix * 0.4 + foreign * 0.6, mix * 7])
    values = domain_shift.distance(samples, signature)
    assert values[0] == pytest.approx(0, abs=1e-6)
    assert values[0] < values[1] < values[2]
    assert values[3] == pytest.approx(values[0], abs=1e-9)


def test_a_foreign_sample_is_flagged_and_an_own_one_is_not():
    reference, bulk = toy()
    model = engine.train("nnls", reference, device="cpu")
    foreign = toy(seed=5)[1]
    near, far = domain_shift.distances(model, bulk), domain_shift.distances(model, foreign)
    assert not domain_shift.unlike_reference(model, near).any()
    assert domain_shift.unlike_reference(model, far).all()
    assert domain_shift.distance_ratio(model, near).mean() < 1.2
    assert (domain_shift.distance_ratio(model, far) > 1.5).all()
    assert set(engine.predict(model, foreign, device="cpu").flags) == {"unlike_reference"}


def test_how_much_of_an_unknown_type_is_noticed_is_measured_on_the_reference():
    reference, _ = toy()
    model = engine.train("nnls", reference, device="cpu")
    detected = model.arrays["domain_shift.detected"]
    assert (np.diff(detected) >= 0).all()
    limit = domain_shift.detection_limit(model)
    assert model.facts["intervals"]["unknown_from"] == limit
    assert limit in domain_shift.UNKNOWN
    kept = reference[reference.obs["cell_type"] != "NK"].copy()
    without = engine.train("nnls", kept, device="cpu")
    flagged = {}
    for share in (0.0, limit + 0.1):
        recipe = Simulation(cells=300, platform=1.0, unknown=share, hidden=("NK",))
        samples = pseudobulk(reference, recipe, 20, 3)
        flagged[share] = domain_shift.unlike_reference(without, domain_shift.distances(without, samples)).mean()
    assert flagged[0.0] <= 0.1
    assert flagged[limit + 0.1] >= domain_shift.DETECTED


def test_real_bulk_of_the_tissue_passes_and_of_another_is_flagged(shared):
    reference = _newman(shared)
    model = engine.train("nnls", reference, device="cpu")
    flagged = {
        name: domain_shift.unlike_reference(
            model, distances_of(model, shared / "data" / name / "bulk.tsv.gz", unit)
        ).mean()
        for name, unit in (("pbmc_monaco_gse107011", "tpm"), ("pancreas_fadista_gse50244", "counts"))
    }
    assert flagged["pbmc_monaco_gse107011"] == 0
    assert flagged["pancreas_fadista_gse50244"] == 1


def distances_of(model, path, unit):
    return domain_shift.distances(model, check.read_bulk(path, unit))


def _newman(shared):
    import anndata as ad

    reference = ad.read_h5ad(shared / "data" / "sc_newman_nsclc_pbmc" / "counts.h5ad")
    reference.obs["donor"] = "all"
    return reference
