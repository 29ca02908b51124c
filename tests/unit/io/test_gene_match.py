import numpy as np
import pandas as pd
import pytest
from hypothesis import given as over
from hypothesis import settings
from hypothesis import strategies as st

from unmix.io import gene_match, gene_tables

IDS = {"CD3D": "ENSG00000167286", "MS4A1": "ENSG00000156738", "GAPDH": "ENSG00000111640"}
SYMBOLS = sorted(gene_tables.approved("human"))
MOUSE = sorted(gene_tables.approved("mouse"))


def match(names, wanted, gene_id=None, **how):
    given = names if isinstance(names, dict) else {"names": np.array(names, dtype=object)}
    table = pd.DataFrame({"gene_id": gene_id} if gene_id else None, index=pd.Index(wanted, dtype=object))
    return gene_match.match(given, table, **how)


@pytest.mark.parametrize(
    ("names", "wanted", "found"),
    [
        (["CD3D", "X"], ["CD3D", "GAPDH"], ["CD3D", "X"]),
        (["ENSG00000167286.14", "ENSG00000000001"], ["CD3D", "GAPDH"], ["CD3D", "ENSG00000000001"]),
        (["HLA.DRA", "CD3D", "AC1.1"], ["HLA-DRA", "CD3D"], ["HLA-DRA", "CD3D", "AC1.1"]),
        (["HLA_DRA", "CD3D", "X7SK"], ["HLA-DRA", "CD3D", "7SK"], ["HLA-DRA", "CD3D", "7SK"]),
        (["CD3D", "GAPDH"], list(IDS.values()), [IDS["CD3D"], IDS["GAPDH"]]),
        (["NM_000732.6", "NM_001040651", "NM_002046.7"], ["CD3D", "GAPDH"], ["CD3D", "CD3D", "GAPDH"]),
        (["915", "2597"], ["CD3D", "GAPDH"], ["CD3D", "GAPDH"]),
        (["CD3D", "GAPDH", "915"], ["CD3D", "GAPDH", "MS4A1"], ["CD3D", "GAPDH", "915"]),
        (["CTGF", "CYR61", "AARS"], ["CCN2", "CCN1", "AARS1"], ["CCN2", "CCN1", "AARS1"]),
        (["CCN2", "CCN1", "AARS1"], ["CTGF", "CYR61", "AARS"], ["CTGF", "CYR61", "AARS"]),
        (["SEPT2", "MARCH1", "MARC1"], ["SEPTIN2", "MARCHF1", "MTARC1"], ["SEPTIN2", "MARCHF1", "MTARC1"]),
        (["Ctgf", "Sept2", "Cd3d"], ["Ccn2", "Septin2", "Cd3d"], ["Ccn2", "Septin2", "Cd3d"]),
        (["CD3D", IDS["GAPDH"], "MS4A1"], ["CD3D", "GAPDH", IDS["MS4A1"]], ["CD3D", "GAPDH", IDS["MS4A1"]]),
        # two names of one gene in the same file: which of them the reference means is not known
        (["CTGF", "CCN2", "CD3D"], ["CCN2", "CD3D"], ["CTGF", "CCN2", "CD3D"]),
        (["SEPT2", "NEDD5", "CD3D"], ["SEPTIN2", "CD3D"], ["SEPT2", "NEDD5", "CD3D"]),
        (["CCN2", "CD3D"], ["CTGF", "IGFBP8", "CCN2", "CD3D"], ["CCN2", "CD3D"]),
        # CCN1 was once the symbol of CCNA2, MCM2 that of MCM7
        (["CCN1", "MCM2"], ["CCNA2", "MCM7"], ["CCN1", "MCM2"]),
    ],
)
def test_names_meet_those_of_the_reference(names, wanted, found):
    assert list(match(names, wanted).names) == found


def test_the_column_that_meets_most_is_taken_and_the_reference_can_name_identifiers():
    names = {"names": ["ENSG1", "ENSG2"], "gene_name": ["CD3D", "X"]}
    found = match(names, ["CD3D"])
    assert list(found.names) == ["CD3D", "X"]
    assert "column gene_name" in found.said[0]
    assert list(match(["ENSG00000009999.2", "X"], ["NEW1"], ["ENSG00000009999"]).names) == ["NEW1", "X"]


def test_of_the_identifiers_of_alternative_assemblies_the_primary_one_is_meant():
    others = [i for i, symbol in gene_tables.symbols("human").items() if symbol == "HLA-A"]
    assert len(others) > 1
    assert list(match(["HLA-A", "CD3D"], [*others, IDS["CD3D"]]).names) == ["ENSG00000206503", IDS["CD3D"]]
    assert set(match(others, ["HLA-A"]).names) == {"HLA-A"}


def test_mouse_names_are_never_changed_to_upper_case():
    found = match(["Cd3d", "Gapdh"], ["CD3D", "GAPDH"])
    assert found.common == 0
    assert list(found.names) == ["Cd3d", "Gapdh"]
    assert (found.of, found.to) == ("mouse", "human")


@pytest.mark.parametrize(
    ("names", "wanted", "found"),
    [
        (["Cd3d", "Ms4a1", "Cd8b1"], ["CD3D", "MS4A1", "CD8B"], ["CD3D", "MS4A1", "Cd8b1"]),
        (["CD3D", "MS4A1", "CTGF"], ["Cd3d", "Ms4a1", "Ccn2"], ["Cd3d", "Ms4a1", "Ccn2"]),
        (["ENSMUSG00000032094.8"], list(IDS.values()), [IDS["CD3D"]]),
        (
            ["Cd3d", "RT1-Da", "LOC100361539", "Ms4a1"],
            ["CD3D", "HLA-DRA"],
            ["CD3D", "HLA-DRA", "LOC100361539", "Ms4a1"],
        ),
        (
            ["Cd3d", "RT1-Da", "LOC100361539", "Ms4a1"],
            ["Cd3d", "H2-Ea", "Gm4841", "Ms4a1"],
            ["Cd3d", "H2-Ea", "LOC100361539", "Ms4a1"],
        ),
        (["CD3D", "CTGF"], ["CD3D", "CCN2"], ["CD3D", "CCN2"]),
    ],
)
def test_genes_become_their_one_to_one_orthologs_where_this_is_asked_for(names, wanted, found):
    assert list(match(names, wanted, orthologs=True).names) == found


def test_what_has_no_ortholog_is_said_and_is_not_the_gene_of_the_same_name():
    found = match(["Cd3d", "Cd19", "Ms4a1", "Foo1", "BAR"], ["CD3D", "CD19", "BAR"], orthologs=True)
    assert list(found.names) == ["CD3D", "CD19", "Ms4a1", "Foo1", "BAR (mouse)"]
    assert "3 of 5 genes (Ms4a1, Foo1, BAR)" in found.said[1]
    assert "1 of 3 (BAR)" in found.said[1]


@settings(max_examples=200, deadline=None)
@over(
    st.sets(st.sampled_from(SYMBOLS), min_size=5, max_size=40),
    st.sets(st.sampled_from(SYMBOLS) | st.text("ABC.-_19", min_size=1, max_size=6), max_size=40),
)
def test_names_that_are_right_are_never_changed(wanted, others):
    names = [*sorted(wanted), *sorted(others - wanted)]
    found = match(names, sorted(wanted)).names
    assert list(found[: len(wanted)]) == sorted(wanted)
    # and no other name becomes one of them: each has its row already
    assert not set(found[len(wanted) :]) & wanted


@settings(max_examples=200, deadline=None)
@over(st.sets(st.sampled_from(SYMBOLS), min_size=5, max_size=40), st.sets(st.sampled_from(SYMBOLS), min_size=5))
def test_two_present_symbols_are_never_one_gene(names, wanted):
    found = match(sorted(names), sorted(wanted))
    assert list(found.names) == sorted(names)
    assert list(match(sorted(names), sorted(wanted), orthologs=True).names) == sorted(names)
