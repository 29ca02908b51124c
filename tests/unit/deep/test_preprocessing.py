from __future__ import annotations

import numpy as np
import pytest

from unmix.deep.preprocessing import Transform, arranged, select_genes
from unmix.deep.recipe import Prep
from unmix.errors import DataError
from unmix.reference import Reference
from unmix.reference.markers import markers
from unmix.simulate.toy import toy


@pytest.fixture(scope="module")
def pseudobulk():
    return np.random.default_rng(0).gamma(0.5, 100, (50, 80)).astype(np.float32)


def test_published_scaden_scaling(pseudobulk):
    transform = Transform.fit(Prep(genes="all", depth=0, sample="minmax"), pseudobulk)
    logs = np.log2(pseudobulk + 1)
    low, high = logs.min(1, keepdims=True), logs.max(1, keepdims=True)
    assert np.allclose(transform(pseudobulk), (logs - low) / (high - low), atol=1e-6)


@pytest.mark.parametrize("sample", ["none", "z"])
def test_depth_does_not_matter_after_depth_scaling(pseudobulk, sample):
    transform = Transform.fit(Prep(sample=sample), pseudobulk)
    assert np.allclose(transform(pseudobulk * 9), transform(pseudobulk), atol=1e-4)


def test_gene_z_uses_training_statistics_only(pseudobulk):
    transform = Transform.fit(Prep(gene="z"), pseudobulk)
    assert np.allclose(transform(pseudobulk).mean(0), 0, atol=1e-4)
    assert np.allclose(transform(pseudobulk[:1]), transform(pseudobulk)[:1], atol=1e-6)


@pytest.mark.parametrize("gene", ["none", "z"])
def test_missing_genes_become_neutral_and_hardly_move_the_others(pseudobulk, gene):
    transform = Transform.fit(Prep(gene=gene), pseudobulk)
    present = np.arange(80) % 10 != 0
    holed = pseudobulk.copy()
    holed[:, ~present] = 0
    values = transform(holed, present)
    assert np.allclose(values[:, ~present], transform(pseudobulk).mean(0)[~present], atol=1e-4)
    assert np.abs(values[:, present] - transform(pseudobulk)[:, present]).mean() < 0.3


def test_tfidf_of_deepdecon(pseudobulk):
    """TF = count / sum; idf = ln(1 + S / (sum_s X + 1)); min-max per sample."""
    transform = Transform.fit(Prep(depth=0, tfidf=True, log="none", sample="minmax"), pseudobulk)
    values = pseudobulk / pseudobulk.sum(1, keepdims=True) * np.log(1 + 50 / (pseudobulk.sum(0) + 1))
    low, high = values.min(1, keepdims=True), values.max(1, keepdims=True)
    assert np.allclose(transform(pseudobulk), (values - low) / (high - low), atol=1e-5)


def test_markers_are_highest_in_one_type():
    cells = Reference.from_anndata(toy()[0])
    signature = 1e6 * cells.profiles()
    chosen = markers(signature, 10)
    logs = np.log2(signature[:, chosen] + 20)
    ordered = np.sort(logs, axis=0)
    assert np.median(ordered[-1] - ordered[-2]) > 1
    assert len(chosen) <= 6 * 20


def test_state_survives_the_model_file(pseudobulk):
    prep = Prep(gene="z", tfidf=True, sample="z")
    transform = Transform.fit(prep, pseudobulk)
    assert np.array_equal(Transform.from_arrays(prep, transform.arrays())(pseudobulk), transform(pseudobulk))


def test_no_gene_left_is_an_error(pseudobulk):
    with pytest.raises(DataError, match="no gene"):
        select_genes(Prep(genes="variance", min_variance=1e12), None, pseudobulk)


def test_order_of_genes_by_name_and_by_correlation():
    rng = np.random.default_rng(0)
    programmes = rng.lognormal(0, 1, (200, 3))
    programme_of = np.tile([0, 1, 2], 10)
    pseudobulk = 100 * programmes[:, programme_of] * rng.lognormal(0, 0.1, (200, 30))
    names = np.array([f"G{i}" for i in range(30)])
    chosen = np.arange(1, 30)
    assert arranged("reference", chosen, names, pseudobulk) is chosen
    assert list(names[arranged("name", chosen, names, pseudobulk)]) == sorted(names[1:])
    order = arranged("correlation", chosen, names, pseudobulk)
    assert sorted(order) == list(chosen)
    assert (np.diff(programme_of[order]) != 0).sum() == 2  # genes of one programme are neighbours
