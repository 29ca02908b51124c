"""Genes that a bulk expresses and its reference does not."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest

from unmix.contract.model import Model
from unmix.uncertainty import unexpressed

GENES = [f"G{number}" for number in range(unexpressed.WHOLE)]


@pytest.fixture
def model():
    """Every tenth of the first 2,000 genes is expressed by no type."""
    profiles = np.full((2, len(GENES)), 20.0)
    profiles[:, :2000:10] = unexpressed.EXPRESSED / 2
    facts = {"reference_genes": GENES}
    return Model("nnls", {}, [], ["a", "b"], "mrna", {"reference.profiles": profiles}, facts)


def bulk(genes):
    values = np.ones((2, len(genes)))
    values[:, :2000] = 100
    values[1] = values[1, ::-1]
    found = ad.AnnData(values)
    found.var_names = genes
    return found


def test_share_of_the_highest_genes_of_each_sample(model):
    assert unexpressed.signs(model, bulk(GENES))[0].round(3).tolist() == [0.1, 0.0]


def test_genes_that_the_reference_lacks_are_not_expressed(model):
    renamed = [f"X{name}" if number < 500 else name for number, name in enumerate(GENES)]
    assert unexpressed.signs(model, bulk(renamed))[0][0] == pytest.approx((500 + 150) / 2000)


def test_genes_that_only_identifiers_name_do_not_count_and_the_others_do(model):
    """Ribosomal genes under Ensembl identifiers, which a reference without them leaves, were unknown content."""
    genes = [f"GENE{number}" for number in range(unexpressed.WHOLE)]
    model.facts["reference_genes"] = genes
    technical = ["ENSG00000142541", "ENSG00000100001"]  # RPL13A, and one without a symbol
    share, markers = unexpressed.signs(model, bulk([*technical, "ENSG00000119888", *genes]))  # EPCAM
    assert share[0] == pytest.approx((1 + 200) / 2000)
    assert unexpressed.signs(model, bulk([*technical, "EPCAM", *genes]))[0][0] == share[0]
    assert markers[0] == ["EPCAM"]


def test_a_gene_panel_tells_nothing(model):
    found, markers = unexpressed.signs(model, bulk(GENES[:5000]))
    assert np.isnan(found).all()
    assert "not judged" in unexpressed.sentence(found, markers, "tpm")
    assert unexpressed.record(found, markers, "tpm")["median"] is None
    assert not unexpressed.doubtful(found, markers, "tpm").any()


def test_a_warning_above_the_level_of_blood_and_none_for_arrays():
    few, many, none = np.array([0.05, 0.09]), np.array([0.15, 0.2]), [[], []]
    assert "2 of 2 samples probably contain cells" in unexpressed.sentence(many, none, "counts")
    assert "1 of 2 samples probably contain cells" in unexpressed.sentence(few, none, "counts")
    assert not unexpressed.record(few, none, "counts")["warned"]
    assert "not judged" in unexpressed.sentence(many, none, "microarray")
    assert "probably" not in unexpressed.sentence(many, none, "microarray")


def test_markers_of_other_lineages_show_unknown_cells_on_any_platform(model):
    """A mixture of blood cells with a tumour line on a microarray was `ok`."""
    markers = ["EPCAM", "KRT8", "KRT19", "COL1A1"]
    named = [*markers, *GENES[len(markers) :]]
    found = unexpressed.signs(model, bulk(named))[1]
    assert found == [sorted(markers), []]  # they are among the lowest genes of the second sample
    share = np.array([0.1, 0.1])
    assert unexpressed.doubtful(share, found, "microarray").tolist() == [True, False]
    said = unexpressed.record(share, found, "microarray")
    assert "1 of 2 samples express markers of cells that the reference lacks: COL1A1 (mesenchymal)" in said["sentence"]
    model.facts["reference_genes"] = [*GENES, *markers]
    model.arrays["reference.profiles"] = np.hstack([model.arrays["reference.profiles"], np.full((2, 4), 20.0)])
    assert unexpressed.signs(model, bulk(named))[1] == [[], []]  # of an epithelial reference, they are no sign
