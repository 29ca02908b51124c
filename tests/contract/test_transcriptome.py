"""Fractions of mRNA are of the whole transcriptome: no gene that a method passes over moves them.

The reference has types with very different shares of their mRNA in genes that mark no type, as muscle and lymphocytes
have; pseudobulk is made of its own cells, without noise, so that all that is left is a bias.
"""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from scipy.sparse import csr_matrix, hstack

from unmix import engine, methods
from unmix.simulate.pseudobulk import pseudobulk
from unmix.simulate.recipe import Simulation
from unmix.simulate.toy import as_profiles, toy

METHODS = methods.all_methods()
#: Methods of a reference of single cells that estimate fractions; those of tumours and of calibration samples, and the
#: ontology's, have types of their own.
PLAIN = [
    name
    for name, method in METHODS.items()
    if method.info.family != "control"
    and method.quantity in ("cell", "mrna")
    and not (method.needs.calibration or method.needs.malignant or name.startswith("ucd"))
]
CLASSICAL = [name for name in PLAIN if METHODS[name].info.family == "classical"]
TARGETED = [name for name in PLAIN if METHODS[name].info.family == "deep"]
#: Steps that bring a network near enough, and how near the others come (its divergence draws to the middle).
STEPS, BOUNDS = {"nnice": 400, "convdeconv": 300, "ctcrna": 600}, {"digitaldlsorter": 0.09}


@pytest.fixture(scope="module")
def housekeeping():
    rng, cells = np.random.default_rng(0), toy()[0]
    types = np.unique(cells.obs["cell_type"], return_inverse=True)[1]
    level = np.linspace(0.3, 3, types.max() + 1)[types] * cells.X.sum(1).A1 / 300
    counts = csr_matrix(hstack([cells.X, rng.poisson(level[:, None] * np.ones(300))]), dtype=np.float32)
    reference = ad.AnnData(counts, cells.obs.copy(), uns=cells.uns.copy())
    reference.var_names = [*cells.var_names, *(f"HOUSE{i}" for i in range(300))]
    return reference, pseudobulk(reference, Simulation(cells=500), 30, 1)


def bias(name, housekeeping, bulk=None, settings=()):
    """Return the largest mean error of a type, and what was estimated."""
    reference, samples = housekeeping
    method = METHODS[name]
    if method.needs.profiles:
        reference = as_profiles(reference)
    given = samples if bulk is None and method.needs.bulk else bulk
    model = engine.train(name, reference, bulk=given, settings=settings, device="cpu")
    found = engine.predict(model, samples if bulk is None else bulk, device="cpu").values
    known = [column for column in found if column in samples.obsm["cell_fractions"]]
    errors = found[known] - samples.obsm[f"{model.quantity}_fractions"][known].to_numpy()
    return errors.mean().abs().max(), model.quantity


@pytest.mark.parametrize("name", CLASSICAL)
def test_no_type_gains_by_the_share_of_its_markers_in_its_mrna(housekeeping, name):
    assert bias(name, housekeeping)[0] < 0.04


@pytest.mark.parametrize(
    ("name", "target"),
    [(name, target) for name in TARGETED for target in ("cell", "mrna") if target == "mrna" or name != "ctcrna"],
)  # whole tissues, per million, have no cells to count
def test_networks_learn_the_mrna_of_all_genes(housekeeping, name, target):
    steps = STEPS.get(name, 150)
    settings = [f"simulation.target={target}", f"train.steps={steps}", "simulation.platform=0"]
    found, quantity = bias(name, housekeeping, settings=settings)
    assert quantity == target
    assert found < BOUNDS.get(name, 0.04)


@pytest.mark.parametrize("name", CLASSICAL)
def test_a_panel_of_genes_is_enough_where_the_method_knows_it(housekeeping, name):
    """A bulk of a third of the genes, given at training: markers are chosen among its genes."""
    samples = housekeeping[1]
    panel = samples[:, np.random.default_rng(1).permutation(samples.n_vars)[:300]].copy()
    assert bias(name, housekeeping, bulk=panel)[0] < (0.09 if name == "dtangle" else 0.05)  # logarithms of few markers
