"""Tests of unmix.signature."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.stats import ttest_ind

from unmix.classical.signature import (
    Genes,
    choose,
    condition,
    differences,
    differential,
    donor_profiles,
    filled,
)
from unmix.errors import DataError
from unmix.reference import Reference
from unmix.simulate.toy import toy


@pytest.fixture(scope="module")
def cells():
    return Reference.from_anndata(toy()[0])


def few(counts, type_of, donor_of) -> Reference:
    names = np.array([f"GENE{i}" for i in range(np.shape(counts)[1])])
    matrix = csr_matrix(np.array(counts, dtype=np.float32))
    types, donors = [f"type{k}" for k in np.unique(type_of)], [f"donor{d}" for d in np.unique(donor_of)]
    return Reference(matrix, names, types, donors, np.array(type_of), np.array(donor_of), matrix.sum(1).A1)


def test_donor_profiles_are_moments_over_donors(cells):
    found = donor_profiles(cells)
    for k in range(len(cells.cell_types)):
        shares, sizes = [], []
        for d in range(len(cells.donors)):
            own = cells.counts[(cells.type_of == k) & (cells.donor_of == d)].toarray().astype(float)
            shares.append(own.sum(0) / own.sum())
            sizes.append(own.sum() / len(own))
        assert np.allclose(found.mean[k], np.mean(shares, axis=0))
        assert np.allclose(found.variance[k], np.var(shares, axis=0, ddof=1))
        assert np.isclose(found.size[k], np.mean(sizes))


def test_variance_of_a_type_of_one_donor_is_unknown_and_filled_with_that_of_the_others():
    found = donor_profiles(few([[1, 3], [2, 2], [4, 0], [1, 1]], [0, 0, 1, 1], [0, 1, 0, 0]))
    assert np.isfinite(found.variance[0]).all()
    assert np.isnan(found.variance[1]).all()
    assert np.allclose(filled(found.variance)[1], found.variance[0])
    assert (filled(np.full((2, 3), np.nan)) == 0).all()


def test_differences_are_those_of_a_welch_test_on_log_cpm(cells):
    q, fold = differences(cells)
    counts = cells.counts.toarray().astype(float)
    logs = np.log2(1e6 * counts / counts.sum(1, keepdims=True) + 1)
    inside, outside = logs[cells.type_of == 2], logs[cells.type_of != 2]
    assert np.allclose(fold[2], inside.mean(0) - outside.mean(0))
    p = ttest_ind(inside, outside, equal_var=False).pvalue
    assert np.array_equal(np.argsort(p, kind="stable")[:5], np.argsort(q[2], kind="stable")[:5])
    expressed = logs.any(0)
    assert (q[2] >= p - 1e-12)[expressed].all()
    assert (q[:, ~expressed] == 1).all()


def test_single_cells_of_a_type_are_survived():
    q, fold = differences(few([[9, 0, 1], [0, 9, 1], [0, 8, 2]], [0, 1, 1], [0, 0, 0]))
    assert np.isfinite(q).all()
    assert np.isfinite(fold).all()
    assert (q == 1).all()  # of type 1 there are two cells, of the rest one


def test_a_type_of_one_cell_has_no_gene_that_differs(cells):
    kept = (cells.type_of != 2) | (np.cumsum(cells.type_of == 2) == 1)
    one = cells.select(kept)
    q, _ = differences(one)
    assert (q[2] <= 0.01).sum() == 0
    assert (q[0] <= 0.01).sum() > 10
    assert len(differential(one, Genes(rule="differential"))) > 50


def test_no_evidence_at_all_is_said(cells):
    first = np.unique(cells.type_of, return_index=True)[1]
    with pytest.raises(DataError, match="no gene is higher") as error:
        choose(Genes(rule="differential"), cells.select(first))
    assert "genes.rule=markers" in str(error.value)


def test_signature_takes_the_number_of_genes_with_the_least_condition_number(cells):
    recipe = Genes(rule="differential", least=3, per_type=12)
    chosen, profiles = differential(cells, recipe), (1e6 * cells.profiles())
    q, fold = differences(cells)
    conditions = {}
    for number in range(3, 13):
        genes = set()
        for k in range(len(cells.cell_types)):
            order = np.argsort(-np.where((q[k] <= 0.01) & (fold[k] > 0), fold[k], -np.inf), kind="stable")
            genes |= set(order[:number].tolist())
        conditions[number] = condition(profiles[:, sorted(genes)]), sorted(genes)
    assert chosen.tolist() == min(conditions.values())[1]


def test_condition_is_numpys_and_infinite_for_equal_types():
    signature = np.array([[1.0, 2, 3], [3, 1, 0]])
    assert np.isclose(condition(signature), np.linalg.cond(signature))
    assert condition(np.array([[1.0, 2], [0, 0]])) == np.inf


@pytest.mark.parametrize("rule", ["markers", "differential", "variance", "expressed", "all"])
def test_every_rule_gives_sorted_genes_without_the_excluded(cells, rule):
    chosen = choose(Genes(rule=rule, exclude="GENE00", top=50), cells)
    assert (np.diff(chosen) > 0).all()
    assert not any(gene.startswith("GENE00") for gene in cells.genes[chosen])


def test_only_all_takes_genes_that_the_reference_does_not_express():
    cells = few([[5, 0, 1], [1, 0, 9]], [0, 1], [0, 0])
    assert choose(Genes(rule="expressed"), cells).tolist() == [0, 2]
    assert choose(Genes(rule="all"), cells).tolist() == [0, 1, 2]


def test_excluding_everything_is_said(cells):
    with pytest.raises(DataError, match="no gene") as error:
        choose(Genes(exclude="GENE"), cells)
    assert "exclude" in str(error.value)
