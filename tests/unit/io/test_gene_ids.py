import pytest

from unmix.io import gene_ids, gene_tables

HUMAN = ["CD3D", "MS4A1", "GAPDH", "C1orf43", "HLA-DRA", "MIR155HG"]
MOUSE = ["Cd3d", "Ms4a1", "Gapdh", "H2-Aa", "Malat1", "Rps18"]


@pytest.mark.parametrize(
    ("names", "identifier", "species"),
    [
        (HUMAN, "symbol", "human"),
        (MOUSE, "symbol", "mouse"),
        (["ENSG00000167286", "ENSG00000156738.15"], "Ensembl", "human"),
        (["ENSMUSG00000032094.1"], "Ensembl", "mouse"),
        (["ENSRNOG00000032094"], "Ensembl", "rat"),
        (["ENSGR0000182378.8", "ENSG00000156738.15"], "Ensembl", "human"),
        (["Cd3d", "Ms4a1", "RT1-Da", "LOC100361539", "RGD1559482"], "symbol", "rat"),
        (["915", "931", "2597"], "Entrez", "human"),
        ([str(row) for row in range(1, 300)], "unknown", "unknown"),
        (["12500", "12482", "14433"], "Entrez", "mouse"),
        (["24842", "25621", "81676"], "Entrez", "rat"),
        (["90000007", "90000014", "90000021"], "Entrez", "unknown"),
        (["NM_007393.5", "NM_001001144"], "RefSeq", "mouse"),
        (["NM_000732.6", "NM_152866", "NR_001564"], "RefSeq", "human"),
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
    given = ["ENSG00000167286.14", "ENSG00000002586.20_PAR_Y", "ENSGR0000002586.13", "AL627309.1"]
    assert list(gene_ids.strip_version(given)) == ["ENSG00000167286", *["ENSG00000002586"] * 2, "AL627309.1"]


def test_the_gene_of_a_name_is_its_present_symbol():
    given = ["ENSG00000118523.4", "CTGF", "CCN2", "NOSUCHGENE"]
    assert gene_ids.genes(given, "human", "symbol") == dict.fromkeys(given[:3], "CCN2")
    assert gene_ids.genes(["ENSMUSG00000019997", "Ctgf"], "mouse", "symbol") == {
        "ENSMUSG00000019997": "Ccn2",
        "Ctgf": "Ccn2",
    }
    assert gene_ids.genes(["NM_001901.4"], "human", "RefSeq") == {"NM_001901.4": "CCN2"}
    assert gene_ids.genes(["1490"], "human", "Entrez") == {"1490": "CCN2"}
    assert gene_ids.genes(["1490"], "human", "symbol") == {}
    assert gene_ids.genes(given, "unknown", "symbol") == {}


@pytest.mark.parametrize("of", gene_tables.SPECIES)
def test_a_present_symbol_is_never_another_gene(of):
    table = gene_tables.genes(of)
    assert len(gene_tables.approved(of)) > 20_000
    assert all(table[symbol] == symbol for symbol in gene_tables.approved(of))
    assert all(table[now] == now for now in table.values())


def test_a_previous_symbol_of_several_genes_is_none_of_them():
    owners = {}
    names = gene_tables._table("names_human")
    for symbol, previous in zip(names["symbol"], names["previous"], strict=True):
        for old in filter(None, previous.split("|")):
            owners.setdefault(old, set()).add(symbol)
    assert all(len(found) == 1 for found in owners.values())
    assert not set(owners) & set(names["symbol"])
    assert owners["SEPT2"] == {"SEPTIN2"}
    assert "FCGR3" not in owners  # FCGR3A or FCGR3B
