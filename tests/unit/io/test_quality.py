"""Depth and complexity of samples, and the flag of poor libraries."""

import anndata
import numpy as np
import pandas as pd
import pytest

import unmix
from unmix.io import check, quality

GENES = [*(f"GENE{row}" for row in range(100)), "MT-CO1", "MT-ND4", "RPL3", "RPS6", "RPS6KA1", "HBB"]


def measured(unit="counts", **raised):
    values = np.ones((2, len(GENES)))
    for gene, value in raised.items():
        values[1, GENES.index(gene.replace("_", "-"))] = value
    return quality.measure(values, GENES, pd.Index(["a", "b"]), unit)


def test_shares_are_of_all_reads():
    found = measured(HBB=901)
    assert found.loc["a", "reads"] == 106
    assert found.loc["b", "globin"] == pytest.approx(901 / 1006)
    assert found.loc["a", "mitochondrial"] == pytest.approx(2 / 106)
    assert found.loc["a", "ribosomal"] == pytest.approx(2 / 106)  # RPS6KA1 is a kinase
    assert found.loc["a", "top_50_share"] == pytest.approx(50 / 106)
    assert not found["poor_library"].any()
    assert measured("tpm")["reads"].isna().all()


def test_a_library_of_mitochondrial_and_ribosomal_reads_is_flagged_to_the_fractions(tmp_path):
    reference, _ = unmix.toy(samples=2)
    reference.var_names = [f"GENE{row}" for row in range(reference.n_vars - 1)] + ["MT-CO1"]
    counts = np.asarray(reference.X[:2].sum(0)).ravel() + 1
    frame = pd.DataFrame({"good": counts, "poor": counts}, index=reference.var_names).astype(int)
    frame.loc["MT-CO1", "poor"] = 9 * counts.sum()
    frame.to_csv(tmp_path / "bulk.tsv", sep="\t", index_label="gene")
    bulk, findings = check.examine(tmp_path / "bulk.tsv")
    assert any(one.level == "warning" and "poor (9" in one.sentence for one in findings)
    bulk.write_h5ad(tmp_path / "bulk.h5ad")
    again = check.read_bulk(tmp_path / "bulk.h5ad")
    model = unmix.train("nnls", reference, seed=1)
    for given in (bulk, again):
        flags = unmix.predict(model, given).flags
        assert "poor_library" in flags["poor"]
        assert "poor_library" not in flags["good"]
    assert anndata.read_h5ad(tmp_path / "bulk.h5ad").obs["mitochondrial"]["poor"] > 0.8


@pytest.mark.parametrize(
    ("constant", "depth", "warned"), [(1, 20_000, True), (1, 20_000_000, False), (0, 20_000, False)]
)
def test_a_constant_that_was_added_to_all_values_is_told_where_it_counts(constant, depth, warned):
    rng = np.random.default_rng(0)
    shares = rng.lognormal(0, 2, 5000) * (rng.random(5000) > 0.3)
    values = rng.poisson(depth * shares / shares.sum(), (3, 5000)) + constant
    found = quality.raised(values.astype(float), pd.Index(["a", "b", "c"]), "counts")
    assert bool(found) == warned
    if found:
        assert "No gene is at 0 in 3 samples" in found[0].sentence
