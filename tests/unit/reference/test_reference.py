from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from unmix.reference import Reference
from unmix.simulate.pseudobulk import Simulator
from unmix.simulate.recipe import Simulation
from unmix.simulate.toy import toy


def few(counts, type_of, donor_of):
    counts = csr_matrix(np.array(counts, dtype=np.float32))
    codes = np.array(type_of), np.array(donor_of)
    names = [np.array([f"G{i}" for i in range(counts.shape[1])]), ["A", "B"], ["d1", "d2"]]
    return Reference(counts, *names, *codes, counts.sum(1, dtype=np.float64).A1)


@pytest.fixture(scope="module")
def cells():
    return Reference.from_anndata(toy(genes=200)[0])


def test_profiles_are_shares_of_all_mrna_or_counts_of_a_cell():
    cells = few([[1, 3], [2, 2], [0, 5]], [0, 0, 1], [0, 1, 0])
    assert np.allclose(cells.profiles(), [[3 / 8, 5 / 8], [0, 1]])
    assert np.allclose(cells.profiles("counts_per_cell"), [[1.5, 2.5], [0, 5]])
    assert np.allclose(cells.mrna_per_cell(), [4, 5])
    assert np.allclose(cells.profiles(by="donor"), [[[1 / 4, 3 / 4], [0, 1]], [[2 / 4, 2 / 4], [0, 0]]])
    assert cells.sums(power=2).tolist() == [[5, 13], [0, 25]]
    assert np.allclose(cells.mean_cpm(), [[375_000, 625_000], [0, 1e6]])


genes = st.lists(st.integers(0, 199), min_size=1, max_size=50, unique=True).map(sorted)


@given(genes=genes)
def test_no_selection_of_genes_changes_what_is_relative(cells, genes):
    chosen = cells.select(genes=np.array(genes))
    for unit in ("share", "counts_per_cell"):
        assert np.allclose(chosen.profiles(unit), cells.profiles(unit)[:, genes])
        assert np.allclose(chosen.profiles(unit, by="donor"), cells.profiles(unit, by="donor")[:, :, genes])
    assert np.allclose(chosen.mean_cpm(), cells.mean_cpm()[:, genes])
    assert np.array_equal(chosen.mrna_per_cell(), cells.mrna_per_cell())


@given(genes=genes, aggregate=st.sampled_from(["counts", "cpm", "mean"]), single=st.booleans(), library=st.booleans())
def test_pseudobulk_of_some_genes_is_some_genes_of_the_pseudobulk(cells, genes, aggregate, single, library):
    recipe = Simulation(cells=40, aggregate=aggregate, single=single, library=1e9 if library else 0)
    whole, some = (
        Simulator(reference, recipe, np.random.default_rng(0)).draw(6, np.random.default_rng(1))
        for reference in (cells, cells.select(genes=np.array(genes)))
    )
    assert np.allclose(some.mrna_fractions, whole.mrna_fractions)
    assert np.allclose(some.cell_fractions, whole.cell_fractions)
    # A deep library is counted once more, so that its counts scatter
    assert np.allclose(some.expression, whole.expression[:, genes], rtol=1e-2 if library else 1e-4, atol=1e4 * library)


def test_cells_of_a_filled_up_type_have_the_mrna_of_all_genes(cells):
    short = cells.select(
        np.flatnonzero(cells.type_of != 0)[:5].tolist() + np.flatnonzero(cells.type_of == 0)[:3].tolist()
    )
    some = short.select(genes=np.arange(20))
    recipe = Simulation(augment=50)
    filled = Simulator(some, recipe, np.random.default_rng(0)).cells
    assert filled.cells_per_type()[0] == 50
    assert np.allclose(filled.mrna_per_cell()[0], short.mrna_per_cell()[0], rtol=0.3)
