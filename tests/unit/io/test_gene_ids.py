import numpy as np
import pandas as pd
import pytest

from unmix.io import gene_ids

HUMAN = ["CD3D", "MS4A1", "GAPDH", "C1orf43", "HLA-DRA", "MIR155HG"]
MOUSE = ["Cd3d", "Ms4a1", "Gapdh", "H2-Aa", "Malat1", "Rps18"]
IDS = {"CD3D": "ENSG00000167286", "MS4A1": "ENSG00000156738", "GAPDH": "ENSG00000111640"}


@pytest.mark.parametrize(
    ("names", "identifier", "species"),
    [
        (HUMAN, "symbol", "human"),
        (MOUSE, "symbol", "mouse"),
        (["ENSG00000167286", "ENSG00000156738.15"], "Ensembl", "human"),
        (["ENSMUSG00000032094.1"], "Ensembl", "mouse"),
        (["ENSRNOG00000032094"], "Ensembl", "rat"),
        (["915", "931", "2597"], "Entrez", "unknown"),
        (["1376378_at", "1391452_a_at"], "array probe", "unknown"),
        (["ENST00000300692.8"], "Ensembl transcript", "human"),
    ],
)
def test_kind_and_species_are_told(names, identifier, species):
    assert gene_ids.identifier(names) == identifier
    assert gene_ids.species(names) == species


def test_genes_look_like_genes_and_samples_do_not():
    assert gene_ids.likeness(HUMAN + MOUSE) > 0.5
    assert gene_ids.likeness(["ENSG00000167286.1", "ENSG00000156738.15"]) == 1
    assert gene_ids.likeness(["sample_1", "GSM123", "patient 7"]) == 0


def test_versions_are_removed_from_ensembl_identifiers_only():
    given = ["ENSG00000167286.14", "ENSG00000002586.20_PAR_Y", "AL627309.1"]
    assert list(gene_ids.strip_version(given)) == ["ENSG00000167286", "ENSG00000002586", "AL627309.1"]


def test_bundled_table_translates_both_ways_and_leaves_strangers():
    symbols, ids = list(IDS), list(IDS.values())
    assert list(gene_ids.translate([*ids, "ENSG99999999999"])) == [*symbols, "ENSG99999999999"]
    assert list(gene_ids.translate([*symbols, "NOSUCHGENE"], set(ids))) == [*ids, "NOSUCHGENE"]
    assert list(gene_ids.translate(["ENSMUSG00000032094"])) == ["Cd3d"]


def array(*names):
    return np.array(names, dtype=object)


@pytest.mark.parametrize(
    ("given", "wanted", "common"),
    [
        ({"names": array("CD3D", "X")}, {"index": ["CD3D", "GAPDH"]}, ["CD3D"]),
        ({"names": array("ENSG00000167286.14", "ENSG00000000001")}, {"index": ["CD3D", "GAPDH"]}, ["CD3D"]),
        ({"names": array("ENSG1", "ENSG2"), "gene_name": array("CD3D", "X")}, {"index": ["CD3D"]}, ["CD3D"]),
        (
            {"names": array("ENSG00000009999.2", "X")},
            {"index": ["NEW1"], "gene_id": ["ENSG00000009999"]},
            ["NEW1"],
        ),
        ({"names": array("HLA.DRA", "CD3D", "AC1.1")}, {"index": ["HLA-DRA", "CD3D"]}, ["HLA-DRA", "CD3D"]),
        ({"names": array("CD3D", "GAPDH")}, {"index": list(IDS.values())}, [IDS["CD3D"], IDS["GAPDH"]]),
    ],
)
def test_names_meet_those_of_the_reference(given, wanted, common):
    table = pd.DataFrame({"gene_id": wanted["gene_id"]} if "gene_id" in wanted else None, index=wanted["index"])
    found = gene_ids.match(given, table)
    assert set(found.names) & set(wanted["index"]) == set(common)
    assert found.common == len(common)


def test_mouse_names_are_never_changed_to_upper_case():
    found = gene_ids.match({"names": array("Cd3d", "Gapdh")}, pd.DataFrame(index=["CD3D", "GAPDH"]))
    assert found.common == 0
    assert list(found.names) == ["Cd3d", "Gapdh"]


@pytest.mark.parametrize(
    ("given", "want"),
    [
        (["ENSG00000167286.14_CD3D", "ENSG00000156738_MS4A1"], ["ENSG00000167286", "ENSG00000156738"]),
        (["CD3D_ENSG00000167286", "MS4A1_ENSG00000156738.3"], ["ENSG00000167286", "ENSG00000156738"]),
        (["CD3D|915", "HLA-DRA|3122"], ["CD3D", "HLA-DRA"]),
        (["CD3D (915)", "MS4A1 (931)"], ["CD3D", "MS4A1"]),
        (["GRCh38_CD3D", "GRCh38_MS4A1"], ["CD3D", "MS4A1"]),
        (["mm10___Cd3d", "mm10___Ms4a1"], ["Cd3d", "Ms4a1"]),
        (["2-Sep", "Sep-09", "8-Mar", "CD3D"], ["SEPTIN2", "SEPTIN9", "MARCHF8", "CD3D"]),
        (["2-Sep", "Cd3d", "Gapdh", "Actb"], ["Septin2", "Cd3d", "Gapdh", "Actb"]),
        (["1-Mar", "2-Mar", "CD3D"], ["1-Mar", "2-Mar", "CD3D"]),
        (["2-Sep", "SEPTIN2", "CD3D"], ["2-Sep", "SEPTIN2", "CD3D"]),
        (["RP11-34P13.7", "Y_RNA", "CD3D"], ["RP11-34P13.7", "Y_RNA", "CD3D"]),
    ],
)
def test_what_tools_add_to_names_is_removed_and_said(given, want):
    names, said = gene_ids.unwrapped(given)
    assert list(names) == want
    assert bool(said) == (given != want)
