import tracemalloc

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from unmix.errors import DataError, UsageError
from unmix.io import gene_tables, tables
from unmix.reference import Reference, columns, prepare, single_cells

RNG = np.random.default_rng(2)
GENES = ["CD3D", "MS4A1", "GAPDH", "MT-CO1", "MT-ND1", *(f"GENE{i}" for i in range(2995))]
DEPTH = np.exp(np.linspace(-0.5, 0.5, 200))[RNG.permutation(200)]
COUNTS = RNG.poisson(DEPTH[:, None] * RNG.lognormal(-1, 1, 3000)).astype(np.float32)
LABELS = np.array(["B cell", "CD4+ T/NK", "rare", "Ünsure"])[np.r_[np.arange(190) % 2, [2] * 6, [3] * 4]]
DONORS = np.array(["d1", "d2"])[np.arange(200) // 100]


def made(path, matrix=COUNTS, genes=GENES, **obs):
    data = anndata.AnnData(sparse.csr_matrix(matrix))
    data.obs_names, data.var_names = [f"c{i}" for i in range(len(matrix))], genes
    for key, values in (obs or {"cell_type": LABELS, "donor_id": DONORS}).items():
        data.obs[key] = pd.Categorical(values)
    data.write_h5ad(path)
    return path


def said(data):
    return "\n".join(data.uns["unmix"]["messages"])


def test_a_reference_holds_counts_labels_donors_and_reads_back(tmp_path):
    path = made(tmp_path / "a.h5ad")
    data = prepare.prepare_reference([path], "cell_type", "donor_id", preset="none")
    assert list(data.var_names) == sorted(GENES)
    np.testing.assert_array_equal(data[:, GENES].X.toarray(), COUNTS)
    assert data.X.dtype == np.float32
    assert list(data.obs["cell_type"]) == list(LABELS)
    assert list(data.obs["donor"]) == list(DONORS)
    data.write_h5ad(tmp_path / "r.h5ad")
    again = prepare.read_reference(tmp_path / "r.h5ad")
    assert again.uns["unmix"] == data.uns["unmix"]
    assert again.uns["unmix"]["counts"] == "raw"


def test_cells_without_zeros_are_told_to_be_smoothed(tmp_path):
    """Imputed cells were said to be normalised only; means of cells leave hardly a zero, and are no counts."""
    logs = np.log1p(1e4 * COUNTS / COUNTS.sum(1, keepdims=True))
    smoothed = np.stack([logs[RNG.integers(0, 200, 60)].mean(0) for _ in logs])
    warning = "hardly any value of the cells is 0"
    assert warning in said(prepare.prepare_reference([made(tmp_path / "s.h5ad", smoothed)], "cell_type", preset="none"))
    for name, matrix in {"counts": COUNTS, "tpm": TPM, "logs": logs}.items():
        data = prepare.prepare_reference([made(tmp_path / f"{name}.h5ad", matrix)], "cell_type", preset="none")
        assert warning not in said(data)


def test_donors_that_are_cells_are_told(tmp_path):
    """Barcodes as donors: nothing was said, and methods took every cell for a person."""
    path = made(tmp_path / "a.h5ad", cell_type=LABELS, barcode=np.arange(200).astype(str), person=DONORS)
    warning = "200 donors of 1 cell in the median"
    assert warning in said(prepare.prepare_reference([path], "cell_type", "barcode", preset="none"))
    assert "in the median" not in said(prepare.prepare_reference([path], "cell_type", "person", preset="none"))


TPM = COUNTS / RNG.uniform(0.3, 9, 3000)


@pytest.mark.parametrize(
    ("matrix", "kind"),
    [
        (RNG.binomial(COUNTS.astype(int), (COUNTS.sum(1).min() / COUNTS.sum(1))[:, None]), "normalised"),
        (np.log2(TPM / TPM.sum(1, keepdims=True) * 1e6 + 1), "normalised"),
        (20 * COUNTS * RNG.uniform(0.8, 1, COUNTS.shape), "corrected"),
    ],
    ids=["thinned to one sum", "log2 TPM", "ambient RNA removed"],
)
def test_cells_whose_sums_do_not_tell_their_mrna_are_told_apart(tmp_path, matrix, kind):
    """Equal sums were made by scaling, whole numbers or not; those of counts differ, and of corrected counts too."""
    data = prepare.prepare_reference([made(tmp_path / "a.h5ad", matrix)], "cell_type", "donor_id", preset="none")
    assert data.uns["unmix"]["counts"] == kind
    assert ("how much mRNA a cell has cannot be told" in said(data)) == (kind == "normalised")


def test_one_file_of_scaled_cells_is_enough_to_know_no_mrna_per_cell(tmp_path):
    paths = [made(tmp_path / "a.h5ad"), made(tmp_path / "b.h5ad", TPM / TPM.sum(1, keepdims=True) * 1e6)]
    data = prepare.prepare_reference(paths, "cell_type", "donor_id", preset="none")
    assert data.uns["unmix"]["counts"] == "normalised"
    assert "the cells of b.h5ad were scaled" in said(data)
    totals = Reference.from_anndata(data).total_counts
    assert np.allclose(totals, np.median(totals))


@pytest.mark.parametrize(
    "label", ["-1", "low quality cells", "Low_Quality", "mixed", "unknown 3", "_unassigned", "Contaminated"]
)
def test_labels_that_name_no_cell_type_are_told(tmp_path, label):
    path = made(tmp_path / "a.h5ad", cell_type=np.where(LABELS == "rare", label, LABELS))
    told = said(prepare.prepare_reference([path], "cell_type", preset="none"))
    assert f"Warning: {label!r} (6 cells) may be no cell type" in told
    assert "'CD4+ T/NK' (" not in told


def test_the_best_matrix_of_a_file_is_taken(tmp_path):
    data = anndata.AnnData(COUNTS - COUNTS.mean(0))
    data.obs_names, data.var_names = [f"c{i}" for i in range(200)], GENES
    data.obs["cell_type"] = pd.Categorical(LABELS)
    data.write_h5ad(tmp_path / "scaled.h5ad")
    with pytest.raises(DataError, match="scaled"):
        prepare.prepare_reference([tmp_path / "scaled.h5ad"], "cell_type")
    data.raw = anndata.AnnData(
        sparse.csr_matrix(np.log1p(COUNTS / COUNTS.sum(1, keepdims=True) * 1e4)), data.obs, data.var
    )
    data.write_h5ad(tmp_path / "raw.h5ad")
    made = prepare.prepare_reference([tmp_path / "raw.h5ad"], "cell_type", preset="none")
    assert made.uns["unmix"]["counts"] == "recovered"
    assert "ln(x + 1)" in said(made)
    np.testing.assert_array_equal(made[:, GENES].X.toarray(), COUNTS)
    data.layers["counts"] = sparse.csr_matrix(COUNTS)
    data.write_h5ad(tmp_path / "layer.h5ad")
    made = prepare.prepare_reference([tmp_path / "layer.h5ad"], "cell_type", preset="none")
    assert made.uns["unmix"]["counts"] == "raw"
    np.testing.assert_array_equal(made[:, GENES].X.toarray(), COUNTS)


def test_label_map_renames_drops_and_says_what_it_did_not_know(tmp_path):
    (tmp_path / "map.tsv").write_text("from\tto\nB cell\tB\nrare\t\nghost\tG\n")
    mapping = tables.read_label_map(tmp_path / "map.tsv")
    data = prepare.prepare_reference([made(tmp_path / "a.h5ad")], "cell_type", "none", label_map=mapping)
    assert set(data.obs["cell_type"]) == {"B", "CD4+ T/NK", "Ünsure"}
    assert "ghost" in said(data)
    assert "6 cells dropped by the label map: rare" in said(data)
    assert "are kept unchanged: CD4+ T/NK, Ünsure" in said(data)
    (tmp_path / "bad.tsv").write_text("old\tnew\nB cell\tB\n")
    with pytest.raises(DataError, match="old, new"):
        tables.read_label_map(tmp_path / "bad.tsv")


def test_names_in_a_label_map_stay_names_in_tsv_and_csv(tmp_path):
    (tmp_path / "map.csv").write_text("from,to\r\n0,1\r\nNA,NK\r\nB,\r\n")
    assert tables.read_label_map(tmp_path / "map.csv") == {"0": "1", "NA": "NK", "B": ""}


def test_missing_keys_are_answered_with_the_ones_there_are(tmp_path):
    path = made(tmp_path / "a.h5ad")
    with pytest.raises(DataError) as error:
        prepare.prepare_reference([path], "celltype")
    assert "cell_type, donor_id" in error.value.found
    assert error.value.do == "--cell-type-key cell_type"
    with pytest.raises(DataError, match="--donor-key"):
        prepare.prepare_reference([path], "cell_type", "patient")
    with pytest.raises(DataError, match="unlabelled"):
        prepare.prepare_reference([made(tmp_path / "b.h5ad", donor=DONORS)], "cell_type")
    with pytest.raises(UsageError, match="preset"):
        prepare.prepare_reference([path], "cell_type", preset="best")


def test_absent_donors_are_said_and_candidates_named(tmp_path):
    data = prepare.prepare_reference([made(tmp_path / "a.h5ad")], "cell_type")
    assert set(data.obs["donor"]) == {"all"}
    assert "optimistic" in said(data)
    assert "donor_id" in said(data)
    assert "fewer than 10 cells of rare, Ünsure" in said(data)


def test_quality_control_says_what_each_threshold_removed(tmp_path):
    matrix = COUNTS.copy()
    matrix[:3] = 0
    matrix[3:5, 200:] = 0
    matrix[5, 3:5] = 1e6
    path = made(tmp_path / "a.h5ad", matrix)
    data = prepare.prepare_reference([path], "cell_type")
    assert data.n_obs == 194
    assert "3 cells without any count" in said(data)
    assert "2 with fewer than 200 genes, 1 with more than 20% mitochondrial" in said(data)
    assert prepare.prepare_reference([path], "cell_type", preset="none").n_obs == 197
    small = made(tmp_path / "b.h5ad", matrix[:, :50], GENES[:50])
    assert "not applied to a panel of 50 genes" in said(prepare.prepare_reference([small], "cell_type"))


def test_several_inputs_meet_on_their_common_genes(tmp_path):
    first = made(tmp_path / "a.h5ad", COUNTS[:, :2000], GENES[:2000])
    second = made(tmp_path / "b.h5ad", COUNTS[:, :999:-1], GENES[:999:-1])
    data = prepare.prepare_reference([first, second], "cell_type", "donor_id", preset="none")
    assert data.shape == (400, 1000)
    assert data.obs_names.is_unique
    np.testing.assert_array_equal(data[:200, GENES[1000:2000]].X.toarray(), COUNTS[:, 1000:2000])
    np.testing.assert_array_equal(data[200:, GENES[1000:2000]].X.toarray(), COUNTS[:, 1000:2000])
    with pytest.raises(DataError, match="0 genes in common"):
        prepare.prepare_reference([first, made(tmp_path / "c.h5ad", COUNTS[:, 2000:], GENES[2000:])], "cell_type")


def test_several_inputs_keep_their_types_donors_and_batches_apart(tmp_path):
    first = made(tmp_path / "a.h5ad", COUNTS[:100], cell_type=LABELS[:100], donor=["d1"] * 100)
    second = made(tmp_path / "b.h5ad", COUNTS[100:], cell_type=LABELS[100:], donor=["d1"] * 50 + ["d2"] * 50)
    data = prepare.prepare_reference([first, second], "cell_type", "donor", preset="none")
    assert set(data.obs["cell_type"]) == set(LABELS)  # rare and Ünsure are in the second file only
    assert set(data.obs["donor"]) == {"a:d1", "b:d1", "d2"}
    assert list(data.obs["batch"]) == ["a"] * 100 + ["b"] * 100
    assert "donor of the same name (d1)" in said(data)


def test_identifiers_meet_symbols_of_another_file(tmp_path):
    symbols = [symbol for symbol in dict.fromkeys(gene_tables.symbols("human").values()) if symbol != "CD3D"][:2999]
    ids = {symbol: gene_id for gene_id, symbol in gene_tables.symbols("human").items()}
    names = ["CD3D", *symbols]
    first = made(tmp_path / "a.h5ad", COUNTS, names)
    second = made(tmp_path / "b.h5ad", COUNTS[:, ::-1], [f"{ids[name]}.4" for name in names[::-1]])
    data = prepare.prepare_reference([first, second], "cell_type", "donor_id", preset="none")
    assert data.n_vars > 2990
    np.testing.assert_array_equal(data[:200, "CD3D"].X.toarray(), data[200:, "CD3D"].X.toarray())
    assert data.var.loc["CD3D", "gene_id"] == "ENSG00000167286"


@pytest.mark.parametrize(
    ("genes", "why"),
    [
        ([*GENES[:100]], "panel or a choice of variable genes"),
        ([f"Gene{i}x" for i in range(3000)], "species|names differ"),
        ([*GENES[:3], *(f"OTHER{i}" for i in range(2997))], "3 genes in common"),
    ],
)
def test_inputs_with_few_genes_in_common_are_refused_with_the_reason(tmp_path, genes, why):
    first, second = made(tmp_path / "a.h5ad"), made(tmp_path / "b.h5ad", COUNTS[:, : len(genes)], genes)
    with pytest.raises(DataError, match=why):
        prepare.prepare_reference([first, second], "cell_type", "donor_id", preset="none")


def test_identifiers_become_symbols_and_duplicates_are_summed(tmp_path):
    data = anndata.AnnData(COUNTS[:, :4])
    data.var_names = ["ENSG00000167286.1", "ENSG00000156738.2", "ENSG00000111640", "ENSG00000111641"]
    data.var["feature_name"] = ["CD3D", "MS4A1", "GAPDH", "GAPDH"]
    data.obs["cell_type"] = pd.Categorical(LABELS)
    data.write_h5ad(tmp_path / "a.h5ad")
    made = prepare.prepare_reference([tmp_path / "a.h5ad"], "cell_type", preset="none")
    assert list(made.var_names) == ["CD3D", "GAPDH", "MS4A1"]
    assert list(made.var["gene_id"]) == ["ENSG00000167286", "ENSG00000111640", "ENSG00000156738"]
    kept = COUNTS[COUNTS[:, :4].sum(1) > 0]
    np.testing.assert_array_equal(made[:, "GAPDH"].X.toarray().ravel(), kept[:, 2] + kept[:, 3])


def test_the_cap_holds_per_donor_and_type_and_follows_the_seed(tmp_path):
    path = made(tmp_path / "a.h5ad")

    def capped(seed):
        return prepare.prepare_reference(
            [path], "cell_type", "donor_id", preset="none", max_cells_per_type=7, seed=seed
        )

    first, again, other = capped(0), capped(0), capped(1)
    sizes = first.obs.groupby(["donor", "cell_type"], observed=True).size()
    assert sizes.max() == 7
    assert sizes["d2", "rare"] == 6
    assert list(first.obs_names) == list(again.obs_names)
    assert list(first.obs_names) != list(other.obs_names)
    rows = [int(name[1:]) for name in first.obs_names]
    np.testing.assert_array_equal(first.X.toarray(), COUNTS[rows][:, np.argsort(GENES)])


def test_memory_follows_what_is_kept_not_what_the_file_holds(tmp_path, monkeypatch):
    """40,000 cells x 400 values (128 MB on disk), 1,600 kept: an atlas passes in the same way."""
    n_cells, n_genes, filled = 40_000, 1_000, 400
    path = tmp_path / "atlas.h5ad"
    shell = anndata.AnnData(
        sparse.csr_matrix((n_cells, n_genes), dtype=np.float32),
        obs=pd.DataFrame(
            {"cell_type": pd.Categorical.from_codes(np.arange(n_cells) % 8, list("abcdefgh"))},
            index=np.arange(n_cells).astype(str),
        ),
        var=pd.DataFrame(index=[f"G{i}" for i in range(n_genes)]),
    )
    shell.write_h5ad(path)
    with h5py.File(path, "a") as file:
        for key in ("data", "indices", "indptr"):
            del file["X"][key]
        data = file["X"].create_dataset("data", (n_cells * filled,), "float32")
        indices = file["X"].create_dataset("indices", (n_cells * filled,), "int32")
        columns = np.tile(np.arange(0, 2 * filled, 2, dtype=np.int32), 1000)
        for start in range(0, data.size, columns.size):
            data[start : start + columns.size] = 1 + columns % 3
            indices[start : start + columns.size] = columns
        file["X"]["indptr"] = np.arange(n_cells + 1, dtype=np.int64) * filled
    monkeypatch.setattr(single_cells, "CHUNK_VALUES", 1 << 18)
    prepare.prepare_reference([made(tmp_path / "warm.h5ad")], "cell_type")  # imports do not count
    tracemalloc.start()
    kept = prepare.prepare_reference([path], "cell_type", "none", max_cells_per_type=200)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert kept.shape == (1600, filled)
    assert peak < 60e6


def test_unprepared_reference_is_refused_with_the_command_to_type(tmp_path):
    with pytest.raises(DataError) as error:
        prepare.read_reference(made(tmp_path / "a.h5ad"))
    assert "unmix_reference.py" in error.value.do
    assert "--cell-type-key cell_type" in error.value.do
    (tmp_path / "t.tsv").write_text("gene\ts\nA\t1\n")
    with pytest.raises(DataError, match="not a prepared reference"):
        prepare.read_reference(tmp_path / "t.tsv")


def test_single_cells_of_scanpy_become_counts():
    """The log-normalised values of pbmc68k_reduced, in .raw of a file of an old format."""
    import importlib.resources

    file = importlib.resources.files("scanpy") / "datasets" / "10x_pbmc68k_reduced.h5ad"
    with importlib.resources.as_file(file) as path:
        data = prepare.prepare_reference([path], "bulk_labels", "none")
    assert data.shape == (700, 765)
    assert data.uns["unmix"]["counts"] == "recovered"
    assert (data.X.data == np.round(data.X.data)).all()
    assert np.median(data.X.min(axis=1).toarray()) == 0
    assert (data.X.data == 1).mean() > 0.3


REFERENCES = {
    "sc_newman_nsclc_pbmc/counts.h5ad": ("raw", 6, None),
    "sc_pbmc_facs_zheng/counts.h5ad": ("raw", 6, None),
    "sc_pbmc_kang_muscat/counts.h5ad": ("raw", 5, "donor"),
    "sc_pbmc_symphony_3donor/lognorm.h5ad": ("recovered", 9, "donor"),
    "sc_pbmc_hao_small/counts.h5ad": ("raw", 11, None),
    "sc_pancreas_baron_cider/counts_human.h5ad": ("raw", 5, "donor"),
    "cellline_mixology_gse118767/sc_counts.h5ad": ("raw", 3, None),
}


@pytest.mark.shared
@pytest.mark.parametrize("name", REFERENCES)
def test_real_references_go_through(shared, name):
    counts, types, donor = REFERENCES[name]
    data = prepare.prepare_reference([shared / "data" / name], "cell_type", donor)
    assert data.uns["unmix"]["counts"] == counts
    assert data.obs["cell_type"].nunique() == types
    assert (data.X.data == np.round(data.X.data)).all()


@pytest.mark.shared
def test_recovered_counts_agree_with_the_known_depth_of_the_cells(shared):
    path = shared / "data" / "sc_pbmc_symphony_3donor" / "lognorm.h5ad"
    data = prepare.prepare_reference([path], "cell_type", "donor")
    source = anndata.read_h5ad(path)
    truth = np.expm1(source.X.toarray()) / 1e4 * source.obs["nUMI"].to_numpy()[:, None]
    np.testing.assert_allclose(data[:, source.var_names].X.toarray(), truth, rtol=1e-3, atol=0.05)


def written(path, X=None, raw=None, layers=None, uns=None):
    obs = pd.DataFrame({"cell_type": pd.Categorical(LABELS)}, index=[f"c{i}" for i in range(200)])
    data = anndata.AnnData(X, obs=obs, var=pd.DataFrame(index=GENES))
    for name, layer in (layers or {}).items():
        data.layers[name] = layer
    data.uns.update(uns or {})
    if raw is not None:
        data.raw = anndata.AnnData(raw, data.obs, data.var)
    data.write_h5ad(path)
    return path


SPLICED = np.floor(COUNTS * 0.7)
LOGGED = np.log1p(COUNTS / COUNTS.sum(1, keepdims=True) * 1e4)


@pytest.mark.parametrize(
    "held",
    [
        {"X": COUNTS, "layers": {"spliced": SPLICED, "unspliced": COUNTS - SPLICED}},
        {"X": SPLICED, "layers": {"counts": COUNTS}},
        {"X": LOGGED, "layers": {"seen": (COUNTS > 0).astype(np.float32), "counts": COUNTS}},
        {"X": COUNTS, "layers": {"mask": COUNTS > 0}},
        {"X": LOGGED, "raw": COUNTS, "layers": {"downsampled": np.floor(COUNTS / 2)}},
        {"layers": {"counts": sparse.csr_matrix(COUNTS)}},
        {"X": COUNTS.astype(np.float16)},
        {"X": LOGGED, "uns": {"log1p": {"base": None}}},
    ],
    ids=["velocity", "fuller layer", "seen or not", "bool", "downsampled", "no X", "float16", "log1p"],
)
def test_the_fullest_counts_of_a_file_are_taken(tmp_path, held):
    made = prepare.prepare_reference([written(tmp_path / "a.h5ad", **held)], "cell_type", preset="none")
    np.testing.assert_array_equal(made[:, GENES].X.toarray(), COUNTS)


def holed():
    X = COUNTS.copy()
    X[3, 4] = np.nan
    return X


@pytest.mark.parametrize(
    ("held", "why"),
    [
        ({"X": holed()}, "missing or infinite"),
        ({"X": COUNTS > 0}, "zeros and ones"),
        (
            {"X": np.clip(COUNTS * RNG.uniform(0.2, 1, (200, 1)) - RNG.uniform(0, 0.3, COUNTS.shape), 0, 25)},
            "corrected counts",
        ),
    ],
)
def test_matrices_without_counts_are_refused_by_name(tmp_path, held, why):
    with pytest.raises(DataError, match=why) as error:
        prepare.prepare_reference([written(tmp_path / "a.h5ad", **held)], "cell_type", preset="none")
    assert error.value.do


def test_labels_that_differ_by_blanks_are_one_and_by_case_are_reported(tmp_path):
    labels = np.array(["T cell", "T cell ", "T\u00a0cell", "B cell", "b cell"])[np.arange(200) % 5]
    data = prepare.prepare_reference([made(tmp_path / "a.h5ad", cell_type=labels)], "cell_type", preset="none")
    assert sorted(set(data.obs["cell_type"])) == ["B cell", "T cell", "b cell"]
    assert "'T cell '" in said(data)
    assert "'B cell', 'b cell' differ only" in said(data)
    assert "from 'b cell' to 'B cell'" in said(data)


def test_columns_are_proposed_by_name_and_content_and_never_batches(tmp_path):
    obs = {
        "batch": np.array(["batch_1", "NA"])[np.arange(200) % 2],
        "n_counts": np.arange(200),
        "leiden": np.arange(200) % 4,
        "assigned": LABELS,
        "sample_type": ["blood"] * 200,
    }
    path = made(tmp_path / "a.h5ad", **obs)
    assert columns.type_columns(single_cells.read_cells(path)) == ["assigned", "leiden"]
    with pytest.raises(DataError, match="NA, batch_1") as error:
        prepare.prepare_reference([path], "batch")
    assert error.value.do == "--cell-type-key assigned"
    data = prepare.prepare_reference([path], "leiden", "none", preset="none")
    assert sorted(set(data.obs["cell_type"])) == ["0", "1", "2", "3"]
    assert "may hold donors" not in said(data)
