"""Tests of the joint log-scale model: what it is there for, and where it could go wrong."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from unmix import engine
from unmix.classical import cohort, mapping
from unmix.simulate.pseudobulk import pseudobulk
from unmix.simulate.recipe import Simulation
from unmix.simulate.toy import CELL_TYPES, toy


@pytest.fixture(scope="module")
def data():
    return toy(cells_per_type=30)


@pytest.fixture(scope="module")
def model(data):
    return engine.train("jointlog", data[0], quick=True, device="cpu")


def rmse(found, truth):
    return float(np.sqrt(((found.to_numpy() - truth[found.columns].to_numpy()) ** 2).mean()))


def test_a_platform_that_changes_genes_in_all_samples_alike_is_tolerated(data, model):
    reference, bulk = data
    other = bulk.copy()
    other.X = other.X * np.random.default_rng(0).lognormal(0, 0.7, bulk.n_vars)
    truth = bulk.obsm["mrna_fractions"]
    least_squares = engine.train("nnls", reference, quick=True, device="cpu")
    plain = [rmse(engine.predict(m, bulk, device="cpu").values, truth) for m in (model, least_squares)]
    moved = [rmse(engine.predict(m, other, device="cpu").values, truth) for m in (model, least_squares)]
    assert plain[0] < 0.05
    assert moved[0] < 0.7 * moved[1]


def test_one_sample_alone_is_estimated(data, model):
    bulk, said = data[1], []
    truth = bulk.obsm["mrna_fractions"]
    alone = [engine.predict(model, bulk[i : i + 1].copy(), device="cpu", say=said.append).values for i in range(6)]
    assert max(rmse(values, truth.loc[values.index]) for values in alone) < 0.1
    assert any("depends on the other samples" in sentence for sentence in said)


def absent(cap: bool) -> tuple[float, float]:
    """Return the mean estimates of a type that no sample has and of the rarest other type, without its bulk genes."""
    reference = toy(cells_per_type=30, genes=3000)[0]
    name = CELL_TYPES[0]
    bulk = pseudobulk(reference[reference.obs["cell_type"] != name].copy(), Simulation(platform=0.5), 12, 0)
    learned = engine.train("jointlog", reference, settings=[f"cap_absent={str(cap).lower()}"], quick=True, device="cpu")
    found = engine.predict(learned, bulk, device="cpu").values
    return found[name].mean(), found.drop(columns=name).to_numpy().mean(0).min()


def test_a_type_that_no_sample_has_is_capped():
    capped, plain = absent(cap=True), absent(cap=False)
    assert capped[0] < 0.01 < plain[0]
    assert capped[1] > 0.05


def test_types_that_are_there_are_not_capped(data):
    profiles = np.random.default_rng(0).lognormal(3, 1.5, (4, 2000))
    profiles *= 1e6 / profiles.sum(1, keepdims=True)
    fractions = np.random.default_rng(1).dirichlet([1, 4, 8, 12], 20)
    assert np.array_equal(cohort.without_absent(fractions, (fractions @ profiles).mean(0), profiles), fractions)


def test_few_samples_have_no_factor_of_their_own():
    """Between two samples, a factor of gene and sample would take up their difference in composition."""
    errors = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        profiles = rng.lognormal(3, 1.5, (4, 1500))
        profiles *= 1e6 / profiles.sum(1, keepdims=True)
        truth = rng.dirichlet(np.full(4, 3), 2)
        samples = truth @ profiles * rng.lognormal(0, 0.5, 1500) * rng.lognormal(0, 0.4, (2, 1500))
        found = cohort.estimate(mapping.Mapped(samples, profiles), profiles)
        errors.append(np.abs((found[0] - found[1]) - (truth[0] - truth[1])).mean())
    assert np.mean(errors) < 0.03


def test_blocks_of_samples_change_no_fraction(monkeypatch):
    rng = np.random.default_rng(0)
    profiles = rng.lognormal(3, 1.5, (4, 600))
    profiles *= 1e6 / profiles.sum(1, keepdims=True)
    samples = rng.dirichlet(np.ones(4), 20) @ profiles * rng.lognormal(0, 0.3, (20, 600))
    whole = cohort.estimate(mapping.Mapped(samples, profiles), profiles)
    monkeypatch.setattr(mapping, "BLOCK", 7)
    assert np.abs(cohort.estimate(mapping.Mapped(samples, profiles), profiles) - whole).max() < 1e-9


def test_a_row_is_interpolated_as_numpy_does():
    rng = np.random.default_rng(0)
    values, levels, others = rng.gamma(0.5, 10, (3, 500)), np.sort(rng.gamma(0.5, 10, 500)), np.sort(rng.random(500))
    values[0, :50] = values[0, 0]  # ties
    assert np.array_equal(mapping._interpolated(values, levels, others), np.interp(values, levels, others))


def test_steps_go_through_the_genes_of_a_sample_as_they_lie(monkeypatch):
    rng, seen, misfits = np.random.default_rng(0), [], cohort._misfits
    profiles = rng.lognormal(4, 1, (4, 300))
    samples = rng.dirichlet(np.ones(4), 8) @ profiles

    def watched(values, f, profiles, logs, room):
        seen.append(logs.flags.c_contiguous)
        return misfits(values, f, profiles, logs, room)

    monkeypatch.setattr(cohort, "_misfits", watched)
    cohort.estimate(mapping.Mapped(samples, profiles), profiles)
    assert seen
    assert all(seen)  # a choice of genes lies gene by gene, by which a step took twice the time


def cohort_of(samples: int, genes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    profiles = rng.lognormal(3, 1.5, (4, genes))
    profiles *= 1e6 / profiles.sum(1, keepdims=True)
    return rng.dirichlet(np.ones(4), samples) @ profiles * rng.lognormal(0, 0.3, (samples, genes)), profiles


def test_large_cohorts_have_single_precision_which_changes_no_fraction(monkeypatch):
    samples, profiles = cohort_of(300, 600)
    double = cohort.estimate(mapping.Mapped(samples, profiles), profiles)
    monkeypatch.setattr(mapping, "SINGLE", 299)
    mapped = mapping.Mapped(samples, profiles)
    assert mapped.values(np.arange(3)).dtype == np.float32
    assert 0 < np.abs(cohort.estimate(mapped, profiles) - double).max() < 2e-6


def test_the_mean_of_a_mapped_cohort_is_that_of_its_values():
    samples, profiles = cohort_of(300, 600)
    mapped = mapping.Mapped(samples, profiles)
    values = mapped.values(np.arange(600))
    assert np.allclose(mapped.mean, values.mean(0))
    assert np.allclose(values.sum(1), profiles.sum(1).mean())
    assert np.array_equal(mapped.values(np.array([7, 5])), values[:, [7, 5]])


def test_a_large_cohort_is_not_copied(monkeypatch):
    samples, profiles = cohort_of(2000, 4000)
    monkeypatch.setattr(cohort, "STEPS", 1)
    tracemalloc.start()
    cohort.estimate(mapping.Mapped(samples, profiles), profiles)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < samples.nbytes  # four times that before
