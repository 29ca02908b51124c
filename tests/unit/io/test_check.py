import gzip

import anndata
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from unmix.errors import DataError, UsageError
from unmix.io import check, gene_tables

RNG = np.random.default_rng(3)
ONCE = {symbol: gene_id for gene_id, symbol in list(gene_tables.symbols("human").items())[:400]}
NAMES, IDS = list(ONCE)[:300], list(ONCE.values())[:300]
SAMPLES = ["s 1", "s-2", "patient/3", "4"]
COUNTS = pd.DataFrame(
    np.round(RNG.lognormal(3, 2, (300, 4)) * (RNG.random((300, 4)) > 0.2)), index=NAMES, columns=SAMPLES
)
REFERENCE = pd.DataFrame({"gene_id": IDS}, index=NAMES)


def write(path, table, separator="\t", end="\n", corner="gene", gz=False):
    raw = table.to_csv(sep=separator, index_label=corner, lineterminator=end).encode()
    path.write_bytes(gzip.compress(raw) if gz else raw)
    return path


def expected(table=COUNTS):
    return table.groupby(level=0).sum().T


def same(bulk, table=COUNTS):
    want = expected(table)
    assert list(bulk.obs_names) == list(want.index)
    assert list(bulk.var_names) == list(want.columns)
    np.testing.assert_allclose(bulk.X, want.to_numpy())


@settings(max_examples=40, deadline=None)
@given(
    transposed=st.booleans(),
    separator=st.sampled_from("\t,;"),
    end=st.sampled_from(["\n", "\r\n"]),
    gz=st.booleans(),
    known=st.sampled_from([None, "names", "var"]),
    ids=st.sampled_from(["symbol", "ensembl", "versions"]),
    order=st.randoms(use_true_random=False),
    twice=st.integers(0, 5),
)
def test_the_same_bulk_comes_out_however_it_was_written(
    tmp_path_factory, transposed, separator, end, gz, known, ids, order, twice
):
    table = COUNTS.copy()
    parts = table.iloc[:twice] // 3
    table.iloc[:twice] -= parts
    table = pd.concat([table, parts])
    if ids != "symbol":
        version = {"ensembl": "", "versions": ".7"}[ids]
        back = {symbol: gene_id + version for symbol, gene_id in zip(NAMES, IDS, strict=True)}
        table.index = [back[name] for name in table.index]
        known = known or "var"  # without a reference, identifiers stay what they are
    rows = list(range(len(table)))
    order.shuffle(rows)
    table = table.iloc[rows]
    path = tmp_path_factory.getbasetemp() / "bulk.txt"
    write(path, table.T if transposed else table, separator, end, gz=gz)
    bulk = check.read_bulk(path, genes={None: None, "names": NAMES, "var": REFERENCE}[known])
    same(bulk)
    assert bulk.uns["unmix"]["unit"] == "counts"
    said = " ".join(bulk.uns["unmix"]["messages"])
    assert ("samples in rows" in said) == transposed
    assert ("summed" in said) == bool(twice)
    assert ("Windows" in said) == (end == "\r\n")


@settings(max_examples=15, deadline=None)
@given(other=st.integers(0, 10**6), which=st.integers(1, 3))
def test_a_sample_does_not_depend_on_its_neighbours(tmp_path_factory, other, which):
    path = tmp_path_factory.getbasetemp() / "bulk.tsv"
    logged = np.log2(COUNTS / COUNTS.sum() * 1e6 + 1)
    alone = check.read_bulk(write(path, logged)).X[0]
    logged.iloc[:, which] = np.random.default_rng(other).permutation(logged.iloc[:, which])
    np.testing.assert_array_equal(check.read_bulk(write(path, logged)).X[0], alone)


def annotated(**columns):
    table = COUNTS.copy()
    for place, (name, values) in enumerate(columns.items()):
        table.insert(place, name, values)
    return table


@pytest.mark.parametrize("known", [None, NAMES])
@pytest.mark.parametrize(
    ("table", "corner"),
    [
        (annotated(gene_name=NAMES).set_axis([f"{name}.3" for name in IDS]), "gene_id"),
        (
            annotated(Chr="chr1;chr1", Start="1;5", End="2;9", Strand="+;+", Length=range(1, 301)),
            "Geneid",
        ),
        (annotated(Description=NAMES).set_axis(IDS), "Name"),
        (annotated(SYMBOL=NAMES, entrez=range(300)).set_axis(IDS), "#ID"),
    ],
    ids=["nf-core/rnaseq", "featureCounts", "GCT", "Galaxy"],
)
def test_tables_of_quantification_tools_are_taken_as_they_are(tmp_path, table, corner, known):
    path = write(tmp_path / "t.tsv", table, corner=corner)
    if corner == "Geneid":
        path.write_text("# Program:featureCounts v2.0.1; Command: featureCounts\n" + path.read_text())
    bulk = check.read_bulk(path, genes=known)
    same(bulk)
    if corner == "Geneid":
        assert bulk.var["length"][NAMES[4]] == 5


def test_rows_of_htseq_and_star_that_are_no_genes_are_left_out(tmp_path):
    extra = pd.DataFrame(9e6, index=["__no_feature", "N_unmapped"], columns=SAMPLES)
    same(check.read_bulk(write(tmp_path / "t.tsv", pd.concat([COUNTS, extra]))))


def test_an_h5ad_is_read_like_a_table_and_a_checked_one_as_it_is(tmp_path):
    data = anndata.AnnData(sparse.csr_matrix(COUNTS.T.to_numpy()))
    data.obs_names, data.var_names = SAMPLES, NAMES
    for name, matrix in (("upright", data), ("turned", data.T.copy())):
        matrix.write_h5ad(tmp_path / f"{name}.h5ad")
        same(check.read_bulk(tmp_path / f"{name}.h5ad"))
    first = check.read_bulk(write(tmp_path / "log.tsv", np.log2(COUNTS + 1)))
    first.write_h5ad(tmp_path / "bulk.h5ad")
    again = check.read_bulk(tmp_path / "bulk.h5ad", genes=NAMES)
    np.testing.assert_array_equal(again.X, first.X)
    assert again.uns["unmix"]["unit"] == "counts"
    assert again.uns["unmix"]["log"] == "2"
    assert set(first.uns["unmix"]["messages"]) <= set(again.uns["unmix"]["messages"])
    with pytest.raises(UsageError, match="checked before"):
        check.read_bulk(tmp_path / "bulk.h5ad", unit="tpm")


def test_microarray_duplicates_are_averaged(tmp_path):
    table = pd.DataFrame(RNG.uniform(50, 9000, (300, 4)), index=NAMES, columns=SAMPLES)
    table.index = [NAMES[0], *NAMES[:-1]]
    bulk = check.read_bulk(write(tmp_path / "t.tsv", table), unit="microarray")
    np.testing.assert_allclose(bulk[:, NAMES[0]].X.ravel(), table.iloc[:2].mean())
    assert any("averaged" in said for said in bulk.uns["unmix"]["messages"])


def test_genes_with_missing_values_and_bad_samples_go(tmp_path):
    table = COUNTS.copy()
    table.iloc[5, 1] = np.nan
    table.iloc[:40, 2] = np.nan
    table["4"] = 0
    bulk, findings = check.examine(write(tmp_path / "t.tsv", table))
    assert list(bulk.obs_names) == ["s 1", "s-2"]
    assert NAMES[5] not in bulk.var_names  # not measured there: 0 would be a wrong number
    assert bulk.n_vars == 299
    said = [f.sentence for f in findings if f.level == "corrected"]
    assert any("patient/3" in sentence and "dropped" in sentence for sentence in said)
    assert any(repr(NAMES[5]) in sentence and "'s-2'" in sentence for sentence in said)
    assert any("without any expression dropped: 4" in sentence for sentence in said)


def edit(change):
    table = COUNTS.copy()
    return change(table)


def negative(table):
    table.iloc[7, 2] = -3
    return table


FRACTIONS = pd.DataFrame([[0.3, 0.2], [0.7, 0.8]], index=["B", "T"], columns=["s1", "s2"])
RSEM = COUNTS.set_axis(["length", "effective_length", "expected_count", "TPM"], axis=1)


@pytest.mark.parametrize(
    ("table", "known", "found", "do"),
    [
        (edit(negative), None, f"gene {NAMES[7]!r} in sample 'patient/3' is negative (-3", "counts or TPM"),
        (COUNTS.set_axis(["a", "b", "a", "c"], axis=1), None, "sample names occur more than once: a", "rename"),
        (FRACTIONS, None, "table of fractions", "expression matrix"),
        (FRACTIONS.T, None, "table of fractions", "expression matrix"),
        (RSEM, None, "one sample", "tximport"),
        (COUNTS * 0, None, "zeros", "check"),
        (COUNTS * np.nan, None, "no value", "check"),
        (COUNTS.set_axis([name.title() for name in NAMES]), NAMES, "mouse genes", "--orthologs"),
        (COUNTS.set_axis([f"{i}_at" for i in range(300)]), NAMES, "genes in common", "array probe"),
        (COUNTS.set_axis([f"{i}" for i in range(300)]), NAMES, "genes in common", "Entrez"),
    ],
)
def test_what_cannot_be_mended_is_refused_with_the_reason(tmp_path, table, known, found, do):
    with pytest.raises(DataError) as error:
        check.read_bulk(write(tmp_path / "t.tsv", table), genes=known)
    assert found in error.value.found
    assert do in error.value.do
    assert error.value.expected


def test_low_coverage_warns_with_names_of_both_sides(tmp_path):
    path = write(tmp_path / "t.tsv", COUNTS)
    _, findings = check.examine(path, genes=[*NAMES[:100], *(f"OTHER{i}" for i in range(200))])
    (found,) = [f for f in findings if f.what == "coverage"]
    assert found.level == "warning"
    assert "100 of the 300 genes of the reference (33%)" in found.sentence
    assert "OTHER0" in found.sentence


def test_transcripts_of_one_gene_are_summed_and_said(tmp_path):
    transcripts = pd.Series(gene_tables.refseq("human")).reset_index().groupby(0)["index"].apply(list)
    several = transcripts[transcripts.map(len) > 1][:100]
    counts = COUNTS.iloc[:100].set_axis(several.index)
    part = counts // 3
    split = pd.concat([part.set_axis(several.str[0]), (counts - part).set_axis(several.str[1])])
    bulk = check.read_bulk(write(tmp_path / "t.tsv", split), genes=list(several.index))
    pd.testing.assert_frame_equal(bulk.to_df().T, counts.sort_index(), check_dtype=False, check_names=False)
    said = " ".join(bulk.uns["unmix"]["messages"])
    assert "100 gene names occur more than once; their 200 rows were summed" in said


def test_species_is_said_and_a_wrong_one_refused(tmp_path):
    path = write(tmp_path / "t.tsv", COUNTS)
    assert any("human" in f.sentence for f in check.examine(path, species="human")[1])
    with pytest.raises(DataError, match="mouse was declared"):
        check.examine(path, species="mouse")


def test_names_that_a_spreadsheet_turned_into_dates_are_reported(tmp_path):
    names = ["1-Mar", "2-Sep", *NAMES[2:]]
    _, findings = check.examine(write(tmp_path / "t.tsv", COUNTS.set_axis(names)))
    assert any(f.level == "warning" and "1-Mar" in f.sentence for f in findings)


BULKS = {
    "pbmc_monaco_gse107011": ("tpm", "none", (12, 17487)),
    "cellline_mixology_gse118767": ("counts", "none", (55, 14389)),
    "pbmc_sdy420": ("microarray", "2", (104, 12027)),
    "pbmc_newman_gse65133": ("microarray", "none", (20, 511)),
    "rat_shenorr_gse19830": ("microarray", "none", (21, 10000)),
    "pancreas_fadista_gse50244": ("counts", "none", (77, 32581)),
}


def test_probes_that_the_reference_has_too_are_no_reason_to_warn(tmp_path):
    probes = COUNTS.set_axis([f"{row}_at" for row in range(300)])
    probes.to_csv(tmp_path / "bulk.tsv", sep="\t", index_label="probe")
    alone, both = (check.examine(tmp_path / "bulk.tsv", genes=genes)[1] for genes in (None, list(probes.index)))
    warned = [[one for one in found if "named by array probes" in one.sentence] for found in (alone, both)]
    assert [len(found) for found in warned] == [1, 0]


@pytest.mark.shared
@pytest.mark.parametrize("name", BULKS)
def test_real_bulk_files_go_through(shared, name):
    bulk = check.read_bulk(shared / "data" / name / "bulk.tsv.gz")
    facts = bulk.uns["unmix"]
    assert (facts["unit"], facts["log"], bulk.shape) == BULKS[name]
    assert np.isfinite(bulk.X).all()
    assert (bulk.X >= 0).all()


@pytest.mark.shared
def test_real_truth_is_not_taken_for_bulk(shared):
    for path in (shared / "data").glob("*/truth.tsv"):
        with pytest.raises(DataError):
            check.read_bulk(path)


def test_a_bulk_h5ad_gives_its_fullest_counts(tmp_path):
    counts = COUNTS.T.to_numpy()
    obs, var = pd.DataFrame(index=SAMPLES), pd.DataFrame(index=NAMES)
    only_layer = anndata.AnnData(obs=obs, var=var, layers={"counts": counts})
    scaled = anndata.AnnData(counts - counts.mean(0), obs=obs, var=var, layers={"counts": counts})
    velocity = anndata.AnnData(counts, obs=obs, var=var, layers={"spliced": np.floor(counts / 2), "seen": counts > 0})
    half = anndata.AnnData(np.minimum(counts, 2000).astype(np.float16), obs=obs, var=var)
    for data in (only_layer, scaled, velocity):
        data.write_h5ad(tmp_path / "b.h5ad")
        same(check.read_bulk(tmp_path / "b.h5ad"))
    half.write_h5ad(tmp_path / "b.h5ad")
    same(check.read_bulk(tmp_path / "b.h5ad"), COUNTS.clip(upper=2000))
    anndata.AnnData(obs=obs, var=var, layers={"seen": counts > 0}).write_h5ad(tmp_path / "b.h5ad")
    with pytest.raises(DataError, match="no layer that holds expression"):
        check.read_bulk(tmp_path / "b.h5ad")


def test_genes_without_any_value_are_unmeasured_not_zero(tmp_path):
    table = COUNTS.copy()
    table.iloc[10:90] = np.nan
    bulk = check.read_bulk(write(tmp_path / "t.tsv", table))
    same(bulk, table.drop(index=NAMES[10:90]))
    assert any("80 genes without a value in any sample" in said for said in bulk.uns["unmix"]["messages"])


def test_many_genes_with_holes_are_refused(tmp_path):
    table = COUNTS.copy()
    for sample in range(4):
        table.iloc[sample * 25 : sample * 25 + 25, sample] = np.nan
    with pytest.raises(DataError, match="100 of 300 genes have no value in some samples"):
        check.read_bulk(write(tmp_path / "t.tsv", table))


def test_totals_and_means_are_no_samples(tmp_path):
    table = COUNTS.copy()
    table["Total"], table["Mean"], table["SD"] = COUNTS.sum(axis=1), COUNTS.mean(axis=1), COUNTS.std(axis=1)
    bulk = check.read_bulk(write(tmp_path / "t.tsv", table))
    same(bulk)
    assert any("Total, Mean, SD" in said for said in bulk.uns["unmix"]["messages"])
    _, findings = check.examine(write(tmp_path / "t.tsv", COUNTS.rename(columns={"4": "Mean"})))
    assert any(f.level == "warning" and "Mean" in f.sentence for f in findings)


def test_columns_named_like_the_mean_of_a_group_are_warned_of(tmp_path):
    """They were samples like any other, and part of a cohort."""
    rng = np.random.default_rng(0)
    genes = list(gene_tables.approved("human"))[:60]
    table = pd.DataFrame(rng.integers(0, 900, (60, 4)), sorted(genes), ["a", "b", "c", "d"])
    table.assign(mean_control=table[["a", "b"]].mean(axis=1)).to_csv(tmp_path / "b.tsv", sep="\t", index_label="gene")
    said = check.read_bulk(tmp_path / "b.tsv", "counts").uns["unmix"]["messages"]
    assert any("named like a summary of others: mean_control" in sentence for sentence in said)


def test_constant_samples_and_impossible_values_are_seen(tmp_path):
    table = COUNTS.copy()
    table["4"] = 7
    bulk, findings = check.examine(write(tmp_path / "t.tsv", table))
    same(bulk, table.drop(columns="4"))
    assert any("same value for every gene dropped: 4" in f.sentence for f in findings)
    table.iloc[3, 0] = 1e30
    with pytest.raises(DataError, match=f"{NAMES[3]!r} in sample 's 1' is 1e.30"):
        check.read_bulk(write(tmp_path / "t.tsv", table))


def test_a_checked_bulk_is_verified(tmp_path):
    bulk = check.read_bulk(write(tmp_path / "t.tsv", COUNTS))
    for change in ("unit", "value"):
        changed = bulk.copy()
        if change == "unit":
            changed.uns["unmix"]["unit"] = "log2"
        else:
            changed.X[0, 0] = np.nan
        changed.write_h5ad(tmp_path / "b.h5ad")
        with pytest.raises(DataError, match="says that it was checked"):
            check.read_bulk(tmp_path / "b.h5ad")


def test_a_sample_under_two_names_and_a_gene_that_is_nearly_all_of_a_sample_are_warned_of(tmp_path):
    """Both were silent."""
    table = COUNTS.assign(again=COUNTS["s 1"])
    table.iloc[5, 2] = 2e9
    findings = check.examine(write(tmp_path / "bulk.tsv", table))[1]
    warned = [finding.sentence for finding in findings if finding.level == "warning"]
    assert any("hold the same values: s 1 and again" in sentence for sentence in warned)
    assert any(f"patient/3 ({NAMES[5]}, 100%)" in sentence for sentence in warned)


def test_values_that_agree_by_chance_are_not_a_repeated_row(tmp_path):
    twice = pd.DataFrame([[0, 1, 0, 1], [0, 1, 0, 1], [3, 5, 0, 9], [3, 5, 0, 9]], ["X", "X", "Y", "Y"], SAMPLES)
    bulk = check.read_bulk(write(tmp_path / "bulk.tsv", pd.concat([COUNTS, twice.astype(float)])))
    assert bulk[:, ["X", "Y"]].X.tolist() == [[0, 3], [2, 5], [0, 0], [2, 9]]
