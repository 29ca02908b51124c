import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmix.errors import DataError, UsageError
from unmix.io import tables, units

ROOT = Path(__file__).resolve().parents[3]
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
        (np.log2(TPM + 1), "lntpm"),
        (np.round(COUNTS * 1e7 / COUNTS.sum(1, keepdims=True)), "tpm"),
    ],
)
def test_a_declaration_overrides_what_is_detected_and_the_doubt_is_said(values, declared):
    found = units.decide(values, declared)
    assert (found.name, found.log) == units.parse(declared)
    assert declared in found.doubt


@pytest.mark.parametrize(
    ("values", "declared", "why"),
    [(TPM, "log2tpm", "logarithms of expression are smaller"), (TPM - TPM.mean(0), "log2tpm", "standardised")],
)
def test_an_impossible_declaration_is_refused(values, declared, why):
    with pytest.raises(DataError, match=why) as error:
        units.decide(values, declared)
    assert "--unit" in error.value.do or "before scaling" in error.value.do


@pytest.mark.parametrize(
    ("values", "declared", "name", "log"),
    [
        (COUNTS, "counts", "counts", "none"),
        (TPM, "TPM", "tpm", "none"),
        (np.log2(TPM + 1), "log2TPM", "tpm", "2"),
        (np.log1p(TPM / 100), "lncp10k", "cpm", "e"),
        (np.log2(COUNTS + 1), "log2counts", "counts", "2"),
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
    assert not found.doubt


def test_declared_base_undoes_the_offset_too():
    logged = np.log(FPKM + 0.01)
    np.testing.assert_allclose(units.linear(logged, units.decide(logged, "lnfpkm")), FPKM, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("offset", [1.0, 0.5, 0.01])
@pytest.mark.parametrize("prefix", ["log2", "ln", "log10"])
def test_a_declared_logarithm_is_undone_with_its_own_offset(offset, prefix):
    """Whatever base the numbers suggest: log(x + c) has its c read under the declared base."""
    logged = np.log(FPKM + offset) / np.log(units.BASES[units.PREFIX[prefix]])
    np.testing.assert_allclose(units.linear(logged, units.decide(logged, prefix + "fpkm")), FPKM, rtol=1e-6, atol=1e-6)


def test_offsets_that_differ_between_samples_are_undone():
    """Voom and edgeR add half a count before they divide by the depth."""
    depth = COUNTS.sum(1, keepdims=True) + 1
    logged = np.log2((COUNTS + 0.5) / depth * 1e6)
    want = COUNTS / depth * 1e6
    for declared in ("auto", "log2cpm"):
        got = units.linear(logged, units.decide(logged, declared))
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)


def test_a_cohort_in_two_units_is_refused_and_the_samples_named():
    with pytest.raises(DataError, match=r"not all in one unit.*\(b, c\)"):
        units.decide(np.vstack([TPM[:1], np.log2(TPM[1:3] + 1), TPM[3:]]), "auto", ["a", "b", "c", "d"])


def test_one_whole_value_makes_no_counts():
    logged = np.log(FPKM[:1] * RNG.uniform(0.2, 3, 2000) + 1)
    logged[0, 5] = np.log(2.0)
    with pytest.raises(DataError, match="may be logarithms") as error:
        units.detect(logged)
    assert "--unit ln" in error.value.do


def test_small_values_that_are_no_logarithms_are_not_undone():
    """Counts corrected for ambient RNA: decimals, up to 25."""
    values = np.clip(RNG.gamma(0.3, 3, (5, 2000)) - 0.2, 0, 25)
    with pytest.raises(DataError, match="may be logarithms"):
        units.detect(values)
    np.testing.assert_array_equal(units.linear(values, units.decide(values, "counts")), values)


def test_a_normalised_array_is_not_tpm():
    values = np.maximum(2 ** RNG.normal(7, 2, (6, 3000)), 20)
    assert units.detect(values / values.sum(1, keepdims=True) * 1e6).name == "microarray"


SPEC = importlib.util.spec_from_file_location("units_benchmark", ROOT / "benchmarks" / "units.py")
BENCHMARK = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(BENCHMARK)


@settings(max_examples=60, deadline=None)
@given(
    form=st.sampled_from(list(BENCHMARK.LINEAR)),
    log=st.sampled_from(list(BENCHMARK.LOGS)),
    seed=st.integers(0, 2**32 - 1),
)
def test_simulated_bulk_is_read_right_or_asked_about_never_wrong(form, log, seed):
    shown, truth = BENCHMARK.case(form, log, np.random.default_rng(seed))
    assert BENCHMARK.outcome(shown, truth) != "wrong"


@pytest.mark.parametrize("form", ["TPM", "CPM", "CP10k"])
@pytest.mark.parametrize("log", ["log2", "ln", "log10"])
def test_logarithms_of_normalised_samples_need_no_declaration(form, log):
    shown, truth = BENCHMARK.case(form, log, np.random.default_rng(4))
    assert BENCHMARK.outcome(shown, truth) == "right"


REAL = {
    "blood_deconvseq_500genes/bulk": ("counts", "none"),
    "blood_shenorr_gse20300/bulk": ("microarray", "none"),
    "brca_tcga_purity_wide/bulk_wide_1354genes": ("counts", "none"),
    "cellline_mixology_gse118767/bulk": ("counts", "none"),
    "lung_tcga_purity/bulk": ("counts", "none"),
    "pancreas_fadista_gse50244/bulk": ("counts", "none"),
    "pbmc_monaco_gse107011/bulk": ("tpm", "none"),
    "pbmc_newman_gse65133/bulk": ("microarray", "none"),
    "pbmc_newman_gse65133_allgenes/bulk": ("microarray", "none"),
    "pbmc_sdy420/bulk": ("microarray", "2"),
    "pbmc_sdy67/bulk": ("counts", "none"),
    "rat_shenorr_gse19830/bulk": ("microarray", "none"),
    "ratbrain_kuhn_gse19380/bulk": ("microarray", "2"),
    "ratliver_dili_gse239996/bulk": ("counts", "none"),
    "ref_brca_wu_states/profiles": ("tpm", "none"),
    "ref_sorted_blood_deconvseq/bulk": ("counts", "none"),
    "seqc_abcd_gse47774/bulk": ("counts", "none"),
    "tissue_deconrnaseq_readmix/bulk": ("fpkm", "none"),
    "tumourmix_becht_gse64385/bulk": ("microarray", "2"),
}


@pytest.mark.shared
@pytest.mark.parametrize("name", REAL)
def test_real_bulk_is_in_the_unit_that_its_source_states(shared, name):
    values = tables.read_table(shared / "data" / f"{name}.tsv.gz").to_numpy().T
    found = units.detect(values)
    assert (found.name, found.log) == REAL[name]


@pytest.mark.shared
@pytest.mark.parametrize("log", ["log2", "ln", "log10"])
def test_logarithms_of_real_tpm_of_a_part_of_the_genes_are_undone(shared, log):
    values = tables.read_table(shared / "data" / "pbmc_monaco_gse107011" / "bulk.tsv.gz").to_numpy().T
    shown = np.round(BENCHMARK.LOGS[log](values), 5)
    found = units.detect(shown)
    assert found.log == units.PREFIX[log]
    np.testing.assert_allclose(units.linear(shown, found), values, rtol=1e-3, atol=1e-4)


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


def upper_quartile(values):
    """Return log2(FPKM-UQ + 1), as TCGA has them: the largest are above 30, and the sums above those of any library."""
    return np.log2(values / np.quantile(values, 0.75, axis=1, keepdims=True) * 1e6 + 1)


@pytest.mark.parametrize("most", [29.5, 31, 35])
def test_logarithms_above_30_are_no_linear_values(most):
    """Read as FPKM, every gene would be alike in all samples. `most` has samples on both sides of 30, and all above."""
    logs = upper_quartile(COUNTS)
    logs = logs * most / logs.max(axis=1).min()
    assert logs.max() > 29
    with pytest.raises(DataError, match=r"logarithms") as error:
        units.detect(logs)
    assert "--unit log2" in error.value.do
    assert "two files" not in error.value.do
    declared = units.decide(logs, "log2fpkm")
    assert (declared.name, declared.log, declared.doubt) == ("fpkm", "2", "")
    assert np.allclose(units.linear(logs, declared), np.exp2(logs) - 1)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (np.sqrt(COUNTS), "whole numbers: square roots of counts"),
        (np.round(np.sqrt(COUNTS), 4), "square roots of counts"),
        (np.sqrt(TPM), "sum to a million: square roots of TPM"),
    ],
)
def test_square_roots_are_refused(values, why):
    """They were read as FPKM."""
    with pytest.raises(DataError, match=why):
        units.detect(values)


def test_ranks_are_no_expression():
    ranks = COUNTS.argsort(axis=1).argsort(axis=1) + RNG.choice([0, 0.5], COUNTS.shape)
    with pytest.raises(DataError, match="as logarithms, ranks"):
        units.detect(ranks)
    assert units.decide(ranks, "fpkm").doubt.startswith("Declared fpkm, although")


def test_linear_values_are_not_offered_for_what_varies_as_logarithms_do():
    """DESeq2's vst is near log2 of the counts, with a floor above 0. The highest gene is near the median."""
    scaled = COUNTS / RNG.uniform(0.8, 1.25, (4, 1))
    vst = np.log2((1 + 0.1 * scaled + 2 * np.sqrt(0.05 * scaled * (1 + 0.05 * scaled))) / 0.2)
    with pytest.raises(DataError, match="more than one reading") as error:
        units.detect(vst)
    assert "--unit log2tpm" in error.value.do
    assert "--unit fpkm" not in error.value.do
