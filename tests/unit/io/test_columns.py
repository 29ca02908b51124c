import numpy as np
import pandas as pd
import pytest

from unmix.errors import DataError
from unmix.io import check, gene_tables

RNG = np.random.default_rng(8)
NAMES = sorted(set(list(gene_tables.symbols("human").values())[:700]))[:400]
LEVEL = RNG.lognormal(3, 2, (400, 1)) * (RNG.random((400, 1)) > 0.2)
COUNTS = pd.DataFrame(RNG.poisson(LEVEL * RNG.lognormal(0, 0.3, (400, 5))), index=NAMES, columns=list("abcde"))
FOREIGN = {
    "Entrez ID": RNG.permutation(90_000)[:400] + 1,
    "Gene.Length": RNG.integers(200, 9_000, 400),
    "chromosome": ["1", "2", "X", "Y"] * 100,
    "Start Position": np.sort(RNG.integers(1, 2**28, 400)),
    "% GC content": RNG.uniform(30, 65, 400),
    "V7": RNG.permutation(90_000)[:400] + 1,
    "pos_hg38": np.sort(RNG.integers(1, 2**28, 400)),
    "gc_frac": RNG.uniform(0.3, 0.65, 400),
    "bases": RNG.integers(200, 90_000, 400),
}


def write(path, table, header=True, corner="gene"):
    table.to_csv(path, sep="\t", index_label=corner, header=header)
    return path


def same(bulk, table=COUNTS):
    assert list(bulk.obs_names) == list(table.columns)
    np.testing.assert_array_equal(bulk.to_df().T.loc[table.index].to_numpy(), table.to_numpy())


@pytest.mark.parametrize("place", [0, 5])
@pytest.mark.parametrize("name", FOREIGN)
def test_columns_that_describe_genes_are_no_samples(tmp_path, name, place):
    table = COUNTS.copy()
    table.insert(place, name, FOREIGN[name])
    bulk, findings = check.examine(write(tmp_path / "t.tsv", table))
    same(bulk)
    assert bulk.uns["unmix"]["unit"] == "counts"
    assert any(name.strip() in finding.sentence for finding in findings if finding.what == "columns")


def test_a_sample_unlike_the_others_stays_a_sample(tmp_path):
    table = COUNTS.assign(f=RNG.permutation(COUNTS["a"].to_numpy()))
    same(check.read_bulk(write(tmp_path / "t.tsv", table)), table)


def test_what_describes_samples_in_rows_is_no_gene(tmp_path):
    table = COUNTS.T
    table.insert(0, "age", [50, 61, 72, 43, 39])
    table.insert(1, "total_counts", table.sum(axis=1))
    bulk = check.read_bulk(write(tmp_path / "t.tsv", table, corner="sample"))
    same(bulk)
    assert any("age, total_counts" in said for said in bulk.uns["unmix"]["messages"])


@pytest.mark.parametrize("columns", [1, 3])
def test_a_table_without_a_header_keeps_its_first_gene(tmp_path, columns):
    table = COUNTS.iloc[:, :columns]
    bulk = check.read_bulk(write(tmp_path / "P7.counts.txt", table, header=False))
    names = ["P7"] if columns == 1 else ["P7_1", "P7_2", "P7_3"]
    same(bulk, table.set_axis(names, axis=1))
    assert any("no header" in said for said in bulk.uns["unmix"]["messages"])


def test_samples_named_by_numbers_are_no_missing_header(tmp_path):
    table = COUNTS.set_axis(["1", "2", "3", "4", "5"], axis=1)
    same(check.read_bulk(write(tmp_path / "t.tsv", table)), table)


QUANTITIES = {
    "GDC": ["unstranded", "stranded_first", "stranded_second", "tpm_unstranded", "fpkm_unstranded"],
    "StringTie": ["Start", "End", "Coverage", "FPKM", "TPM"],
    "salmon": ["Length", "EffectiveLength", "TPM", "NumReads", "index"],
    "cufflinks": ["length", "coverage", "FPKM", "FPKM_conf_lo", "FPKM_conf_hi"],
    "RSEM": ["length", "effective_length", "expected_count", "TPM", "FPKM"],
    "merged": ["P1_TPM", "P1_FPKM", "P2_TPM", "P2_FPKM", "P3_TPM"],
    "before": ["count.P1", "tpm.P1", "count.P2", "tpm.P2", "tpm.P3"],
}


@pytest.mark.parametrize("tool", QUANTITIES)
def test_quantities_of_one_sample_are_no_samples(tmp_path, tool):
    table = COUNTS.set_axis(QUANTITIES[tool], axis=1)
    with pytest.raises(DataError) as error:
        check.read_bulk(write(tmp_path / "t.tsv", table))
    assert QUANTITIES[tool][-2] in error.value.found or QUANTITIES[tool][0] in error.value.found
    assert "quanti" in error.value.found


def test_stars_counts_by_strand_are_refused(tmp_path):
    head = pd.DataFrame(9, index=["N_unmapped", "N_multimapping", "N_noFeature", "N_ambiguous"], columns=list("abc"))
    with pytest.raises(DataError, match="ReadsPerGene"):
        check.read_bulk(write(tmp_path / "t.tsv", pd.concat([head, COUNTS[list("abc")]]), header=False))


def test_one_quantity_of_several_samples_is_read(tmp_path):
    table = COUNTS.set_axis([f"P{i}_counts" for i in range(5)], axis=1)
    same(check.read_bulk(write(tmp_path / "t.tsv", table)), table)


@pytest.mark.shared
def test_no_sample_of_real_tables_is_taken_for_a_description(shared):
    for path in sorted((shared / "data").glob("*/bulk*.tsv.gz")):
        _, findings = check.examine(path)
        assert not [finding for finding in findings if "no samples" in finding.sentence], path
