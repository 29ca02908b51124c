import pytest

from unmix.errors import DataError
from unmix.io import gene_names, gene_tables


@pytest.mark.parametrize(
    ("given", "want"),
    [
        (["ENSG00000167286.14_CD3D", "ENSG00000156738_MS4A1"], ["ENSG00000167286", "ENSG00000156738"]),
        (["CD3D_ENSG00000167286", "MS4A1_ENSG00000156738.3"], ["ENSG00000167286", "ENSG00000156738"]),
        (["CD3D (ENSG00000167286)", "MS4A1 (ENSG00000156738)"], ["ENSG00000167286", "ENSG00000156738"]),
        (["gene:ENSG00000167286", "gene:ENSG00000156738"], ["ENSG00000167286", "ENSG00000156738"]),
        (["CD3D|915", "HLA-DRA|3122"], ["CD3D", "HLA-DRA"]),
        (["CD3D (915)", "MS4A1 (931)"], ["CD3D", "MS4A1"]),
        (["GRCh38_CD3D", "GRCh38_MS4A1"], ["CD3D", "MS4A1"]),
        (["mm10___Cd3d", "mm10___Ms4a1"], ["Cd3d", "Ms4a1"]),
        (["gene-CD3D", "gene-HLA-DRA"], ["CD3D", "HLA-DRA"]),
        (["X915", "X3122"], ["915", "3122"]),
        ([" CD3D", "MS4A1 "], ["CD3D", "MS4A1"]),
        (["2-Sep", "Sep-09", "8-Mar", "CD3D"], ["SEPTIN2", "SEPTIN9", "MARCHF8", "CD3D"]),
        (["2023-09-02", "2021-03-08 00:00:00", "9/4/2022", "CD3D"], ["SEPTIN2", "MARCHF8", "SEPTIN4", "CD3D"]),
        (["2-Sep", "Cd3d", "Gapdh", "Actb"], ["Septin2", "Cd3d", "Gapdh", "Actb"]),
        (["1-Dec", "CD3D"], ["DELEC1", "CD3D"]),
        (["1-Mar", "2-Mar", "3/9/2021", "15-Jul", "CD3D"], ["1-Mar", "2-Mar", "3/9/2021", "15-Jul", "CD3D"]),
        (["2-Sep", "SEPTIN2", "CD3D"], ["2-Sep", "SEPTIN2", "CD3D"]),
        (["RP11-34P13.7", "Y_RNA", "CD3D"], ["RP11-34P13.7", "Y_RNA", "CD3D"]),
    ],
)
def test_what_tools_add_to_names_is_removed_and_said(given, want):
    names, said = gene_names.unwrapped(given)
    assert list(names) == want
    assert bool(said) == ([name.strip() for name in given] != want)


@pytest.mark.parametrize(
    ("of", "want"),
    [
        ("human", ["CD3D", "C3", "mm10_C3", "mm10_Cd3d"]),
        ("mouse", ["GRCh38_CD3D", "GRCh38_C3", "C3", "Cd3d"]),
        ("unknown", ["GRCh38_CD3D", "GRCh38_C3", "mm10_C3", "mm10_Cd3d"]),
    ],
)
def test_genes_of_two_genomes_are_never_one(of, want):
    given = ["GRCh38_CD3D", "GRCh38_C3", "mm10_C3", "mm10_Cd3d"]
    names, said = gene_names.unwrapped(given, of)
    assert list(names) == want
    assert "2 genomes" in said[0]


@pytest.mark.parametrize(
    "names",
    [["GRCh38_CD3D", "GRCh38_C3"], ["gene-1", "gene-2"], ["X1", "X7"], ["CD3D|915", "C3|718"], ["2-Sep", "CD3D"]],
)
def test_names_of_the_reference_stay_whatever_they_look_like(names):
    found, said = gene_names.unwrapped(names, "human", set(names))
    assert list(found) == names
    assert said == []


@pytest.mark.parametrize("of", gene_tables.SPECIES)
def test_names_that_are_right_are_never_changed(of):
    symbols = sorted(gene_tables.approved(of))
    names, said = gene_names.unwrapped(symbols)
    assert list(names) == symbols
    assert said == []


def test_a_date_that_can_be_two_genes_names_both():
    assert gene_names.date_genes("1-Mar") == {"MARCHF1", "MTARC1"}
    said = gene_names.lost(["1-Mar", "31-Jul"])
    assert "1-Mar can be MARCHF1 or MTARC1" in said
    assert "--gene-map" in said


def test_a_table_of_the_user_names_the_genes(tmp_path):
    path = tmp_path / "map.csv"
    path.write_text("probe,symbol,rest\n1007_s_at,DDR1,x\n1053_at, RFC2 ,y\n1053_at,RFC2,z\n121_at,,w\n")
    table = gene_tables.read_map(path)
    assert table == {"1007_s_at": "DDR1", "1053_at": "RFC2"}
    names, said = gene_names.mapped(["1007_s_at", "1053_at", "9_at"], table, "bulk.tsv")
    assert list(names) == ["DDR1", "RFC2", "9_at"]
    assert "2 of 3" in said


@pytest.mark.parametrize(
    ("text", "words"),
    [("probe\n1007_s_at\n", "one column"), ("probe,gene\na,A\na,B\n", "several genes")],
)
def test_a_table_that_names_no_or_several_genes_is_refused(tmp_path, text, words):
    path = tmp_path / "map.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=words):
        gene_tables.read_map(path)


def test_a_table_of_other_names_is_refused():
    with pytest.raises(DataError, match="none of the names"):
        gene_names.mapped(["1007_s_at"], {"x": "Y"}, "bulk.tsv")


@pytest.mark.parametrize("text", ["name\tgene\na\tb\tc\n", "name\tgene\na\tb\nc\td\te\n", 'name\tgene\n"a\tb\nc\td\n'])
def test_a_map_that_is_no_table_is_refused(tmp_path, text):
    (tmp_path / "map.tsv").write_text(text)
    with pytest.raises(DataError):
        gene_tables.read_map(tmp_path / "map.tsv")
