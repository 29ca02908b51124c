"""Tests of what is particular to abis, quantiseq, mead, rnasieve, nmf, nusvr and bayesprism."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from unmix import engine, methods
from unmix.classical.base import standard_errors
from unmix.classical.batch import combat
from unmix.classical.solvers import moderated
from unmix.engine import alignment
from unmix.errors import NotApplicable
from unmix.methods.abis import Recipe as ABIS
from unmix.methods.abis import huber
from unmix.methods.mead import regress
from unmix.methods.nmf import Recipe as NMF
from unmix.methods.nmf import anonymous, matched
from unmix.methods.nusvr import Recipe as NuSVR
from unmix.methods.nusvr import goodness
from unmix.methods.quantiseq import Recipe as QuanTIseq
from unmix.methods.quantiseq import cell_fractions
from unmix.methods.rnasieve import Recipe as RNASieve
from unmix.methods.rnasieve import sieve
from unmix.simulate.toy import toy

QUICK = {"quick": True, "device": "cpu"}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def data():
    return toy()


def rmse(found, truth):
    return float(np.sqrt(((found - truth[list(found)]) ** 2).to_numpy().mean()))


def test_huber_lets_a_few_wrong_genes_pass_by(rng):
    signature, fractions = rng.lognormal(0, 1.5, (200, 4)), np.array([0.4, 0.3, 0.2, 0.1])
    sample = signature @ fractions + 0.01 * rng.standard_normal(200)
    sample[:10] += 50
    assert np.allclose(huber(signature, sample, ABIS()), fractions, atol=0.01)
    assert not np.allclose(np.linalg.lstsq(signature, sample, rcond=None)[0], fractions, atol=0.05)
    assert np.allclose(huber(signature, signature @ fractions, ABIS()), fractions)


def test_quantiseq_leaves_room_for_other_cells(data):
    known = data[0][data[0].obs["cell_type"] != "NK"].copy()
    model = engine.train("quantiseq", known, recipe="published", **QUICK)
    found = engine.predict(model, data[1], device="cpu")
    assert list(found.values)[-1] == "Other"
    assert np.corrcoef(found.values["Other"], data[1].obsm["cell_fractions"]["NK"])[0, 1] > 0.5
    assert found.lower["Other"].isna().all()


def test_hidden_regulatory_cells_are_looked_for_without_their_helpers(rng):
    names, size = ["T.cells.CD4", "Tregs", "B"], np.ones(3)
    signature = rng.lognormal(0, 1, (3, 60))
    signature[1] = signature[0] * np.exp(0.05 * rng.standard_normal(60))  # hardly told apart
    sample, used = signature.T @ [0.6, 0.0, 0.4], np.arange(60)
    samples = np.append(sample, 1e6 - sample.sum())[None]  # a million over all genes
    found = cell_fractions(signature, used, samples, size, names, QuanTIseq())[0]
    plain = cell_fractions(signature, used, samples, size, ["a", "b", "c"], QuanTIseq())[0]
    assert plain[1] < 0.02
    assert found[1] > 0.2
    assert np.isclose(found.sum(), plain.sum(), atol=0.01)


def test_measurement_error_is_taken_out_and_told(rng):
    genes, f = 400, np.array([0.7, 0.2, 0.1])
    true = rng.lognormal(0, 1, (3, genes))
    error = np.full((3, genes), 0.5)
    mead, plain, inside = [], [], []
    for _ in range(60):
        seen = true + np.sqrt(error) * rng.standard_normal(true.shape)
        learned = {"profile": seen, "error": error, "noise": np.ones((3, genes))}
        beta, covariance = regress(learned, f @ true)
        mead.append(beta / beta.sum())
        other = regress(learned | {"error": 0 * error}, f @ true)[0]
        plain.append(other / other.sum())
        inside.append(np.abs(mead[-1] - f) < 1.96 * standard_errors(beta, covariance))
    assert np.abs(np.mean(mead, axis=0) - f).max() < 0.5 * np.abs(np.mean(plain, axis=0) - f).max()
    assert 0.88 < np.mean(inside) <= 1


def test_moderated_variances_are_drawn_to_what_they_share(rng):
    true = 3 * rng.chisquare(10, 500) ** -1.0 * 10
    seen = true * rng.chisquare(3, 500) / 3
    found = moderated(seen, 3)
    assert ((np.log(found) - np.log(true)) ** 2).mean() < 0.5 * ((np.log(seen) - np.log(true)) ** 2).mean()
    assert np.ptp(moderated(np.full(50, 2.0), 3)) < 1e-9


def test_rnasieve_recovers_what_its_likelihood_draws(rng):
    mean, f, n = rng.lognormal(0, 1.2, (5, 500)), np.array([0.45, 0.3, 0.15, 0.08, 0.02]), 400
    variance, number = 3 * mean, np.full(5, 80.0)
    seen = np.clip(mean + np.sqrt(variance / number[:, None]) * rng.standard_normal(mean.shape), 0, None)
    drawn = f @ (mean**2 + variance) - (f @ mean) ** 2
    bulk = np.clip(n * (f @ mean) + np.sqrt(n * drawn) * rng.standard_normal(500), 0, None)
    learned = {"mean": seen, "variance": variance, "number": number}
    found, covariance = sieve(learned, bulk, RNASieve())
    assert np.abs(found - f).max() < 0.015
    assert (np.abs(found - f) < 5 * np.sqrt(np.diag(covariance))).all()
    assert np.allclose(sieve(learned, 7 * bulk, RNASieve())[0], found)


def test_anonymous_components_find_their_types(rng):
    profiles = rng.lognormal(0, 0.3, (4, 300)) * np.where(np.arange(300) // 75 == np.arange(4)[:, None], 6, 1)
    fractions = rng.dirichlet(np.full(4, 0.5), 40)
    weights, found = anonymous(fractions @ profiles, 4, NMF(rounds=3, informative=200))
    order = matched(found, profiles)
    estimate = (weights * found.sum(1))[:, order]
    estimate /= estimate.sum(1, keepdims=True)
    assert min(np.corrcoef(a, b)[0, 1] for a, b in zip(estimate.T, fractions.T, strict=True)) > 0.9


@pytest.mark.parametrize(("recipe", "least"), [("default", 3), ("published", 7)])
def test_nmf_needs_a_cohort(data, recipe, least):
    model = engine.train("nmf", data[0], recipe=recipe, settings=["rounds=0", "iterations=20"], **QUICK)
    with pytest.raises(NotApplicable, match=f"at least {least} samples"):
        engine.predict(model, data[1][: least - 1].copy(), device="cpu")
    assert engine.predict(model, data[1][:least].copy(), device="cpu").values.shape == (least, 6)


def test_combat_takes_a_gene_wise_factor_away(rng):
    first, second = rng.lognormal(5, 0.3, (20, 100)), rng.lognormal(5, 0.3, (30, 100))
    factor = rng.lognormal(0, 1, 100)
    a, b = combat(first, second * factor)
    before = np.abs(np.log2(first.mean(0) / (second * factor).mean(0))).mean()
    assert np.abs(np.log2(a.mean(0) / b.mean(0))).mean() < 0.1 * before


def test_nusvr_tells_fit_from_chance(data, rng):
    model = engine.train("nusvr", data[0], settings=["permutations=19"], **QUICK)
    few = data[1][:2].copy()
    few.X = few.X.copy()
    few.X[1] = rng.permutation(few.X[1])
    told = engine.predict(model, few, device="cpu").tables["goodness"]
    assert list(told) == ["r", "rmse", "p"]
    assert told["p"].iloc[0] == 0.05
    assert told["p"].iloc[1] > 0.05
    assert told["r"].iloc[0] > 0.8
    perfect = goodness(np.eye(5) + 0.1, (np.eye(5) + 0.1) @ [0.5, 0.3, 0.2, 0, 0], NuSVR(permutations=0))
    assert perfect["p"] == 1


def test_absolute_nusvr_gives_scores(data):
    model = engine.train("nusvr", data[0], settings=["absolute=true"], **QUICK)
    plain = engine.predict(engine.train("nusvr", data[0], **QUICK), data[1], device="cpu").values
    found = engine.predict(model, data[1], device="cpu")
    assert found.quantity == "score"
    assert found.lower.isna().all(axis=None)
    assert np.allclose(found.values.div(found.values.sum(axis=1), axis=0), plain, atol=1e-9)


def test_batch_correction_meets_a_platform(data):
    bulk, rng = data[1].copy(), np.random.default_rng(1)
    bulk.X = bulk.X * rng.lognormal(0, 0.5, bulk.n_vars)
    truth, errors = bulk.obsm["mrna_fractions"], {}
    for mode, weights in (("none", "root"), ("cells", "root"), ("none", "none"), ("bulk", "none")):
        model = engine.train(
            "nusvr", data[0], bulk=bulk, settings=[f"batch={mode}", f"gene_weights={weights}"], **QUICK
        )
        errors[mode, weights] = rmse(engine.predict(model, bulk, device="cpu").values, truth)
        assert alignment.transductive(model) == (mode != "none")
    assert errors["cells", "root"] < errors["none", "root"]
    assert errors["bulk", "none"] < errors["none", "none"]


def test_batch_correction_says_what_it_needs(data):
    with pytest.raises(NotApplicable, match="--bulk BULK"):
        engine.train("nusvr", data[0], settings=["batch=cells"], **QUICK)
    with pytest.raises(NotApplicable, match="2 bulk samples"):
        engine.train("nusvr", data[0], bulk=data[1][:2].copy(), settings=["batch=cells"], **QUICK)
    model = engine.train("nusvr", data[0], settings=["batch=bulk"], **QUICK)
    with pytest.raises(NotApplicable, match="1 bulk sample"):
        engine.predict(model, data[1][:1].copy(), device="cpu")


def test_malignant_cells_have_a_profile_of_their_own_in_every_sample(data):
    reference, rng = data[0].copy(), np.random.default_rng(0)
    own = reference.obs["cell_type"].to_numpy() == "NK"
    changed = rng.lognormal(0, 1.0, reference.n_vars)  # tumours differ from the one in the reference
    factors = np.where(own[:, None], changed, 1.0)
    reference.X = csr_matrix(reference.X.multiply(factors), dtype=np.float32)
    truth = data[1].obsm["mrna_fractions"]
    errors = {}
    for malignant in ((), ("NK",)):
        model = engine.train("bayesprism", reference, malignant=malignant, settings=["outlier=1"], **QUICK)
        errors[malignant] = rmse(engine.predict(model, data[1], device="cpu").values, truth)
    assert errors["NK",] < errors[()]


def test_bayesprism_expresses_the_types(data):
    from unmix import methods

    model = engine.train("bayesprism", data[0], settings=["reads=fitted"], **QUICK)
    samples = np.asarray(data[1][:, model.genes].X, dtype=float)
    found = methods.get("bayesprism").express(model, samples, np.ones(len(model.genes), bool), "cpu")
    assert found.shape == (24, 6, len(model.genes))
    assert np.allclose(found.sum(2), 1e6)
    share = methods.get("bayesprism").estimate(model, samples, np.ones(len(model.genes), bool), "cpu")
    whole = (share[:, :, None] * found).sum(1)  # the types' expression adds up to the sample's
    assert np.allclose(whole, 1e6 * samples / samples.sum(1, keepdims=True), rtol=1e-3, atol=1)


@pytest.mark.parametrize("name", ["mead", "rnasieve"])
def test_a_sample_is_fitted_once_for_estimate_and_errors(data, name, monkeypatch):
    method, model = methods.get(name), engine.train(name, data[0], **QUICK)
    fitted, times = type(method).fitted, []

    def counted(self, learned, sample, recipe):
        times.append(1)
        return fitted(self, learned, sample, recipe)

    monkeypatch.setattr(type(method), "fitted", counted)
    found = engine.predict(model, data[1], device="cpu")
    assert len(times) == len(found.values)


@pytest.mark.parametrize("name", ["mead", "rnasieve"])
@pytest.mark.parametrize("fractions", ["cell", "mrna"])
def test_fractions_of_either_kind_have_standard_errors(data, name, fractions):
    model = engine.train(name, data[0], settings=[f"fractions={fractions}"], **QUICK)
    bulk, present = data[1].to_df()[model.genes].to_numpy(float), np.ones(len(model.genes), bool)
    bulk[0] = 0  # a sample without expression has none
    estimate, (lower, upper) = methods.get(name).estimate_with_bounds(model, bulk, present, "cpu")
    assert np.array_equal(methods.get(name).estimate(model, bulk, present, "cpu"), estimate)
    assert ((upper - lower)[1:] > 0).all()
    assert (upper == lower)[0].all()


def test_scaled_cells_leave_rnasieve_its_errors(data):
    """Cells that were scaled give fractions of mRNA, and these had no standard errors."""
    scaled = data[0].copy()
    scaled.uns["unmix"] = {**scaled.uns.get("unmix", {}), "counts": "normalised"}
    model = engine.train("rnasieve", scaled, **QUICK)
    assert model.quantity == "mrna"
    bulk, present = data[1].to_df()[model.genes].to_numpy(float), np.ones(len(model.genes), bool)
    lower, upper = methods.get("rnasieve").estimate_with_bounds(model, bulk, present, "cpu")[1]
    assert (upper > lower).all()
