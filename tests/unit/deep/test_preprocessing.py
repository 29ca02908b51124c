from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata

from unmix.deep.preprocessing import Transform, arranged, select_genes
from unmix.deep.recipe import Prep
from unmix.errors import DataError
from unmix.reference import Reference
from unmix.reference.markers import markers
from unmix.simulate.toy import toy


@pytest.fixture(scope="module")
def mixes():
    return np.random.default_rng(0).gamma(0.5, 100, (50, 80)).astype(np.float32)


def test_published_scaden_scaling(mixes):
    transform = Transform.fit(Prep(genes="all", depth=0, sample="minmax"), mixes)
    logs = np.log2(mixes + 1)
    low, high = logs.min(1, keepdims=True), logs.max(1, keepdims=True)
    assert np.allclose(transform(mixes), (logs - low) / (high - low), atol=1e-6)


@pytest.mark.parametrize("sample", ["none", "z", "center", "rank"])
def test_depth_does_not_matter_after_depth_scaling(mixes, sample):
    transform = Transform.fit(Prep(sample=sample), mixes)
    assert np.allclose(transform(mixes * 9), transform(mixes), atol=1e-4)


def test_rank_is_that_of_scipy(mixes):
    expected = rankdata(mixes, axis=1) / 80 - 0.5
    assert np.allclose(Transform.fit(Prep(sample="rank"), mixes)(mixes), expected, atol=1e-6)


def test_gene_z_uses_training_statistics_only(mixes):
    transform = Transform.fit(Prep(gene="z"), mixes)
    assert np.allclose(transform(mixes).mean(0), 0, atol=1e-4)
    assert np.allclose(transform(mixes[:1]), transform(mixes)[:1], atol=1e-6)


@pytest.mark.parametrize("gene", ["none", "z"])
def test_missing_genes_become_neutral_and_hardly_move_the_others(mixes, gene):
    transform = Transform.fit(Prep(gene=gene), mixes)
    present = np.arange(80) % 10 != 0
    holed = mixes.copy()
    holed[:, ~present] = 0
    values = transform(holed, present)
    assert np.allclose(values[:, ~present], transform(mixes).mean(0)[~present], atol=1e-4)
    assert np.abs(values[:, present] - transform(mixes)[:, present]).mean() < 0.3


def test_tfidf_of_deepdecon(mixes):
    """TF = count / sum; idf = ln(1 + S / (sum_s X + 1)); min-max per sample."""
    transform = Transform.fit(Prep(depth=0, tfidf=True, log="none", sample="minmax"), mixes)
    values = mixes / mixes.sum(1, keepdims=True) * np.log(1 + 50 / (mixes.sum(0) + 1))
    low, high = values.min(1, keepdims=True), values.max(1, keepdims=True)
    assert np.allclose(transform(mixes), (values - low) / (high - low), atol=1e-5)


def test_markers_are_highest_in_one_type():
    cells = Reference.from_reference(toy()[0])
    signature = cells.signature()
    chosen = markers(signature, 10)
    logs = np.log2(signature[:, chosen] + 20)
    ordered = np.sort(logs, axis=0)
    assert np.median(ordered[-1] - ordered[-2]) > 1
    assert len(chosen) <= 6 * 20


def test_state_survives_the_model_file(mixes):
    prep = Prep(gene="z", tfidf=True, sample="z")
    transform = Transform.fit(prep, mixes)
    assert np.array_equal(Transform.from_arrays(prep, transform.arrays())(mixes), transform(mixes))


def test_no_gene_left_is_an_error(mixes):
    with pytest.raises(DataError, match="no gene"):
        select_genes(Prep(genes="variance", min_variance=1e12), None, mixes)


def test_order_of_genes_by_name_and_by_correlation():
    rng = np.random.default_rng(0)
    programmes = rng.lognormal(0, 1, (200, 3))
    programme_of = np.tile([0, 1, 2], 10)
    mixes = 100 * programmes[:, programme_of] * rng.lognormal(0, 0.1, (200, 30))
    names = np.array([f"G{i}" for i in range(30)])
    chosen = np.arange(1, 30)
    assert arranged("reference", chosen, names, mixes) is chosen
    assert list(names[arranged("name", chosen, names, mixes)]) == sorted(names[1:])
    order = arranged("correlation", chosen, names, mixes)
    assert sorted(order) == list(chosen)
    assert (np.diff(programme_of[order]) != 0).sum() == 2  # genes of one programme are neighbours
