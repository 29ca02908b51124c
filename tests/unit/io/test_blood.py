"""Names of human blood and immune cells, and their published mRNA."""

from __future__ import annotations

import importlib.resources

import pytest

from unmix.io import blood, ontology


@pytest.mark.parametrize(
    ("labels", "term"),
    [
        (
            ("CD4T", "T_CD4", "CD4+ T cells", "CD4.T.cells", "T cells CD4 conv", "CD4-positive, alpha-beta T cell"),
            "0000624",
        ),
        (("B", "B cells", "CD19+ B", "B lymphocytes", "CL:0000236", "CL_0000236"), "0000236"),
        (("CD14+ Monocytes", "Mono_CD14", "Classical monocyte"), "0000860"),
        (("CD16+ monocytes", "FCGR3A+ Mono"), "0000875"),
        (("CD4+/CD25 T Reg", "Tregs", "T regulatory cells"), "0000815"),
        (("γδ T", "gdT", "T cells gamma delta"), "0000798"),
        (("NK", "CD56+ NK", "Natural killer cells"), "0000623"),
        (("pDC",), "0000784"),
        (("Neutrophils",), "0000775"),
    ],
)
def test_labels_of_references_are_recognised(labels, term):
    assert blood.recognise(labels) == dict.fromkeys(labels, f"CL:{term}")


def test_other_labels_are_not():
    labels = ["alpha", "beta", "Epithelial", "malignant", "Lymphocytes", "unknown", "1", "", "cell", "CD16- monocytes"]
    assert blood.recognise(labels) == {}


def test_no_name_stands_for_two_types():
    for term, row in blood.table().iterrows():
        names = [term, row["name"], *filter(None, row["synonyms"])]
        assert blood.recognise(names) == dict.fromkeys(names, term)


def test_published_values_relative_to_cd4_t_cells():
    found = blood.relative_mrna()
    assert found.loc["CL:0000576"].round(2).tolist() == [3.59, 2.05]  # 1.4196 / 0.3952, 130.7 / 63.9
    assert found.loc["CL:0000860"].equals(found.loc["CL:0000576"].rename("CL:0000860"))  # the broader type's
    assert found.loc["CL:0000451"].round(2).tolist() == [2.2, 2.2]  # dendritic cells: quanTIseq alone
    assert found.loc["CL:0000233"].round(2).tolist() == [1.01, 1.01]  # platelets: EPIC's other cells
    assert blood.without_value(["CL:0000233", "CL:0000576"]) == ["CL:0000233"]


def test_both_tables_of_cell_types_call_a_term_alike():
    source = importlib.resources.files("unmix") / "data" / "cell_types.obo"
    with importlib.resources.as_file(source) as path:
        names = ontology.read_obo(path).names
    both = blood.table().index.intersection(names)
    assert len(both) > 30
    assert {term: names[term] for term in both} == blood.table()["name"][both].to_dict()
