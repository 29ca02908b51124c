import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from unmix.io.units import BASES
from unmix.reference import count_recovery

RNG = np.random.default_rng(5)
COUNTS = RNG.poisson(RNG.lognormal(-1.5, 1.5, 400), (60, 400)).astype(float)
COUNTS[COUNTS.sum(1) == 0, 0] = 1


def logged(values, base, decimals=None):
    out = np.log1p(values) / np.log(BASES[base])
    return sparse.csr_matrix(out if decimals is None else np.round(out, decimals))


def normalised(total):
    return COUNTS / COUNTS.sum(1, keepdims=True) * total


@settings(max_examples=40, deadline=None)
@given(
    base=st.sampled_from(["e", "2", "10"]),
    total=st.sampled_from([1e4, 1e6, 3333.3]),
    decimals=st.sampled_from([None, 3, 4]),
)
def test_counts_are_recovered_from_logarithms(base, total, decimals):
    matrix = logged(normalised(total), base, 4 if base == "10" and decimals else decimals)
    scale = count_recovery.recognise(matrix)
    assert scale == count_recovery.Scale("recovered", base)
    np.testing.assert_array_equal(count_recovery.recover(matrix, scale).toarray(), COUNTS)


def test_counts_are_recovered_from_cp10k_without_logarithm():
    matrix = sparse.csr_matrix(normalised(1e4))
    scale = count_recovery.recognise(matrix)
    assert scale == count_recovery.Scale("recovered", "none")
    np.testing.assert_array_equal(count_recovery.recover(matrix, scale).toarray(), COUNTS)


def test_counts_stay_counts():
    matrix = sparse.csr_matrix(COUNTS)
    scale = count_recovery.recognise(matrix)
    assert scale.kind == "raw"
    np.testing.assert_array_equal(count_recovery.recover(matrix, scale).toarray(), COUNTS)


@pytest.mark.parametrize("base", ["e", "2"])
def test_where_counts_are_lost_linear_values_are_kept(base):
    """Full-length protocols: values divided by gene lengths are no multiples of a molecule."""
    tpm = COUNTS / RNG.uniform(0.3, 9, 400)
    tpm = tpm / tpm.sum(1, keepdims=True) * 1e6
    matrix = logged(tpm, base)
    scale = count_recovery.recognise(matrix)
    assert scale == count_recovery.Scale("normalised", base)
    np.testing.assert_allclose(count_recovery.recover(matrix, scale).toarray(), tpm, rtol=1e-5, atol=1e-4)
    assert "cannot be recovered" in count_recovery.say(scale, "X")


def test_scaled_values_are_told():
    assert count_recovery.recognise(sparse.csr_matrix(COUNTS - COUNTS.mean(0))).kind == "scaled"


AMBIENT = np.clip(COUNTS * RNG.uniform(0.5, 1, COUNTS.shape) - RNG.uniform(0, 0.4, COUNTS.shape), 0, 25)


def test_counts_corrected_for_ambient_rna_are_not_undone_as_logarithms():
    assert count_recovery.recognise(sparse.csr_matrix(AMBIENT)).kind == "unclear"


def test_the_base_that_a_file_states_decides_where_values_do_not():
    tpm = COUNTS / RNG.uniform(0.3, 9, 400)
    part = (tpm / tpm.sum(1, keepdims=True) * 1e6)[:, :120]  # a part of the genes: sums differ
    part = part[part.any(1)]
    assert count_recovery.recognise(logged(part, "e")).kind == "unclear"
    scale = count_recovery.recognise(logged(part, "e"), "e")
    assert scale == count_recovery.Scale("normalised", "e")
    np.testing.assert_allclose(count_recovery.recover(logged(part, "e"), scale).toarray(), part, rtol=1e-5, atol=1e-4)


def test_zeros_and_ones_are_no_counts():
    assert count_recovery.recognise(sparse.csr_matrix((COUNTS > 0).astype(float))).kind == "mask"
