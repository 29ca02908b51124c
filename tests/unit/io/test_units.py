import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmix.errors import DataError, UsageError
from unmix.io import units

RNG = np.random.default_rng(7)


def expression(n_samples=4, n_genes=2000):
    """Skewed expression with zeros, samples of different depth."""
    level = RNG.lognormal(2, 2, n_genes) * (RNG.random(n_genes) > 0.3)
    return level * RNG.lognormal(0, 0.3, (n_samples, n_genes)) * RNG.uniform(5, 20, (n_samples, 1))


COUNTS = np.round(expression())
TPM = COUNTS / COUNTS.sum(axis=1, keepdims=True) * 1e6
FPKM = TPM * RNG.uniform(0.2, 0.6, (4, 1))
ARRAY = RNG.uniform(5, 14, (4, 2000))


@pytest.mark.parametrize(
    ("values", "name", "log"),
    [
        (COUNTS, "counts", "none"),
        (TPM, "tpm", "none"),
        (np.round(TPM, 3), "tpm", "none"),
        (FPKM, "fpkm", "none"),
        (2**ARRAY, "microarray", "none"),
        (ARRAY, "microarray", "2"),
        (np.log2(TPM + 1), "tpm", "2"),
        (np.log1p(TPM), "tpm", "e"),
        (np.log10(TPM + 1), "tpm", "10"),
        (np.log2(TPM + 0.001), "tpm", "2"),
        (np.round(np.log2(TPM + 1), 4), "tpm", "2"),
        (np.log2(COUNTS + 1), "counts", "2"),
        (np.log1p(COUNTS), "counts", "e"),
        (np.where(COUNTS % 7 == 3, np.nan, COUNTS), "counts", "none"),
    ],
)
def test_units_and_logarithms_are_recognised(values, name, log):
    found = units.detect(values)
    assert (found.name, found.log) == (name, log)
    assert found.sentence.endswith(".")


def test_estimated_counts_are_counts():
    values = COUNTS.copy()
    values[:, ::3] *= 1.173
    assert units.detect(values).name == "counts"


@settings(max_examples=30, deadline=None)
@given(base=st.sampled_from(["2", "e", "10"]), offset=st.sampled_from([1.0, 0.5, 0.001]))
def test_a_logarithm_undone_gives_the_values_back(base, offset):
    logged = np.log(TPM + offset) / np.log(units.BASES[base])
    found = units.detect(logged)
    np.testing.assert_allclose(units.linear(logged, found), TPM, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("values", "declared"),
    [
        (np.log2(TPM + 1), "counts"),
        (np.log2(TPM + 1), "tpm"),
        (TPM, "counts"),
        (TPM, "log2tpm"),
        (COUNTS, "lnfpkm"),
        (np.round(COUNTS * 1e7 / COUNTS.sum(1, keepdims=True)), "tpm"),
    ],
)
def test_a_declaration_that_the_numbers_contradict_is_refused(values, declared):
    with pytest.raises(DataError) as error:
        units.decide(values, declared)
    assert declared in error.value.found
    assert "--unit" in error.value.do


@pytest.mark.parametrize(
    ("values", "declared", "name", "log"),
    [
        (COUNTS, "counts", "counts", "none"),
        (TPM, "cpm", "cpm", "none"),
        (FPKM, "tpm", "tpm", "none"),
        (np.log2(FPKM + 1), "log2fpkm", "fpkm", "2"),
        (np.log1p(FPKM), "lnfpkm", "fpkm", "e"),
        (ARRAY, "microarray", "microarray", "2"),
        (ARRAY, "log2microarray", "microarray", "2"),
    ],
)
def test_a_declaration_that_fits_is_taken(values, declared, name, log):
    found = units.decide(values, declared)
    assert (found.name, found.log) == (name, log)


def test_declared_base_undoes_the_offset_too():
    logged = np.log(FPKM + 0.01)
    np.testing.assert_allclose(units.linear(logged, units.decide(logged, "lnfpkm")), FPKM, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "values",
    [
        (TPM - TPM.mean(0)) / np.maximum(TPM.std(0), 1e-9),
        np.random.default_rng(0).random((4, 300)),
        np.zeros((3, 5)),
        np.full((3, 5), np.nan),
    ],
)
def test_values_that_hold_no_expression_are_refused(values):
    with pytest.raises(DataError):
        units.detect(values)


def test_unknown_unit_is_a_usage_error():
    with pytest.raises(UsageError, match="rpkm"):
        units.parse("rpkm")
