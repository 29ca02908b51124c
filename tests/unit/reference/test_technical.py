"""Technical genes: which they are, and that they move no fraction."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from unmix import engine
from unmix.errors import UsageError
from unmix.io import gene_groups, quality
from unmix.reference import Reference, qc
from unmix.reference.prepare import prepare_reference
from unmix.simulate.toy import toy

HB = ["HBA1", "HBA2", "HBB"]


@pytest.mark.parametrize(
    ("group", "genes"),
    [
        ("haemoglobin", ["HBA1", "HBB", "Hbb-bs", "Hba-a1", "HBG2"]),
        ("ribosomal", ["RPL3", "RPS27A", "RPS4X", "RPLP0", "RPSA", "RPL13A", "Rpl10", "RPS2P5", "RPL36AL"]),
        ("mitochondrial", ["MT-CO1", "mt-Nd1", "MT.ND1", "MTRNR2L8"]),
        ("sex", ["XIST", "DDX3Y", "Eif2s3y", "TTTY15"]),
        ("nuclear", ["MALAT1", "Neat1", "RN7SL1"]),
        ("", ["HBEGF", "HBP1", "RPS6KA1", "RPL3L", "RPS27L", "MTOR", "MT1X", "MRPL3", "KDM5C", "CD3D", "RPS19BP1"]),
    ],
)
def test_genes_by_group(group, genes):
    assert list(gene_groups.groups(genes)) == [group] * len(genes)


def test_ensembl_identifiers_are_known_too():
    assert list(gene_groups.groups(["ENSG00000244734", "ENSG00000167286"])) == ["haemoglobin", ""]


def test_identifiers_among_symbols_are_known_too():
    """A bulk whose names were matched with a reference without these genes is such a mixture."""
    names = ["CD3D", "LYZ", "NKG7", "ENSG00000244734", "ENSG00000167286.3", "MT-CO1"]
    assert list(gene_groups.groups(names)) == ["", "", "", "haemoglobin", "", "mitochondrial"]


def test_quality_of_samples_and_of_cells_know_the_same_genes():
    genes = ["MT.CO1", "MTRNR2L8", "RPL36AL", "RPS2P5", "HBB.BS", "RPL3L", "CD3D", "CD4", "LYZ", "NKG7"]
    counts = sparse.csr_matrix(np.ones((1, len(genes)), np.float32))
    measured = quality.measure(counts.toarray(), genes, pd.Index(["s"]), "counts").iloc[0]
    assert measured[["mitochondrial", "ribosomal", "globin"]].tolist() == pytest.approx([0.2, 0.2, 0.1])
    assert qc.mito_share(counts, pd.DataFrame(index=genes)) == pytest.approx([0.2])


def made(path, types=None, spilt=0.02):
    """Write the toy's cells with haemoglobins from lysed blood, more of them in the first type."""
    reference, _ = toy()
    data = reference.copy()
    data.var_names = [*HB, "RPL3", "MT-CO1", *data.var_names[5:]]
    if types:
        data.obs["cell_type"] = data.obs["cell_type"].astype(str).replace(types)
    first = (data.obs["cell_type"] == sorted(set(data.obs["cell_type"]))[0]).to_numpy()
    counts = data.X.toarray()
    counts[:, :3] = counts.sum(1, keepdims=True) * np.where(first, 5 * spilt, spilt)[:, None]
    data.X = sparse.csr_matrix(np.round(counts).astype(np.float32))
    data.write_h5ad(path)
    return path


def bulks(reference):
    """Return mixtures of the cells, without and with 70 % haemoglobins."""
    rng = np.random.default_rng(3)
    mixed = np.stack([reference.X[rng.choice(reference.n_obs, 60)].toarray().sum(0) for _ in range(6)]).astype(float)
    blood = mixed.copy()
    at = reference.var_names.get_indexer(HB)
    blood[:, at] += mixed.sum(1, keepdims=True) * 0.7 / 0.3 / 3
    obs = pd.DataFrame(index=[f"s{i}" for i in range(6)])
    return [ad.AnnData(values, obs=obs, var=pd.DataFrame(index=reference.var_names)) for values in (mixed, blood)]


@pytest.mark.parametrize("method", ["nnls", "nusvr"])
def test_blood_in_the_bulk_moves_no_fraction_unless_asked_for(tmp_path, method):
    path = made(tmp_path / "a.h5ad")
    moved = {}
    for used in ((), ("all",)):
        reference = prepare_reference([path], "cell_type", "donor", preset="none", use_genes=used)
        without, blood = (
            engine.predict(engine.train(method, reference, quick=True), bulk, device="cpu").values
            for bulk in bulks(reference)
        )
        moved[used] = float(np.abs(without - blood).to_numpy().max())
    assert moved[()] < 1e-6
    assert moved["all",] > 0.01


def test_technical_genes_stay_in_the_file_and_leave_the_cells(tmp_path):
    reference = prepare_reference([made(tmp_path / "a.h5ad")], "cell_type", "donor", preset="none")
    said = " ".join(reference.uns["unmix"]["messages"])
    assert "3 haemoglobin" in said
    assert "1 ribosomal" in said
    assert set(reference.var_names[reference.var["technical"] != ""]) == {*HB, "RPL3", "MT-CO1"}
    cells = Reference.from_anndata(reference)
    assert not set(cells.genes) & {*HB, "RPL3", "MT-CO1"}
    counted = [name for name in reference.var_names if name not in {*HB, "MT-CO1"}]  # RPL3 is mRNA of the cell
    np.testing.assert_allclose(cells.total_counts, reference[:, counted].X.toarray().sum(1))
    whole = Reference.from_anndata(reference, whole=True)
    np.testing.assert_allclose(whole.total_counts, reference.X.toarray().sum(1))


def test_haemoglobins_are_the_markers_of_erythroid_types(tmp_path):
    for path in (made(tmp_path / "a.h5ad", {"B cell": "Erythroblast"}), made(tmp_path / "b.h5ad", spilt=0.3)):
        reference = prepare_reference([path], "cell_type", "donor", preset="none")
        assert "is erythroid" in " ".join(reference.uns["unmix"]["messages"])
        assert set(HB) <= set(Reference.from_anndata(reference).genes)


def test_an_unknown_group_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="globins"):
        prepare_reference([made(tmp_path / "a.h5ad")], "cell_type", use_genes=["globins"])


@pytest.mark.shared
def test_whole_blood_leaves_cd4_t_cells_where_they_are(shared, tmp_path):
    """Half of the cells are the reference, mixtures of the others the bulk: CD4 T were .20, with 70 % globin .48."""
    data = ad.read_h5ad(shared / "data" / "sc_newman_nsclc_pbmc" / "counts.h5ad")
    rng = np.random.default_rng(0)
    half = rng.random(data.n_obs) < 0.5
    data[half].write_h5ad(tmp_path / "half.h5ad")
    reference = prepare_reference([tmp_path / "half.h5ad"], "cell_type", "none")
    others = data[~half]
    mixed = np.stack([others.X[rng.choice(others.n_obs, 400)].toarray().sum(0) for _ in range(10)]).astype(float)
    known = (others.obs["cell_type"] == "CD4T").mean()
    blood = mixed.copy()
    blood[:, others.var_names.get_indexer(HB)] += mixed.sum(1, keepdims=True) * 0.7 / 0.3 / 3
    model = engine.train("nnls", reference)
    for values in (mixed, blood):
        bulk = ad.AnnData(values, var=pd.DataFrame(index=others.var_names))
        assert abs(engine.predict(model, bulk, device="cpu").values["CD4T"].mean() - known) < 0.05
