"""Names of genes in single-cell files become one: the same function as for the bulk."""

from __future__ import annotations

import numpy as np
import pytest

from unmix.errors import DataError
from unmix.io import gene_tables
from unmix.reference.prepare import prepare_reference
from unmix.simulate.toy import toy

OLD = {"CCN2": "CTGF", "CCN1": "CYR61", "AARS1": "AARS", "SEPTIN2": "SEPT2", "MARCHF8": "MARCH8", "H2AZ1": "H2AFZ"}
MOUSE = gene_tables.orthologs("human", "mouse")
NUMBER = {symbol: number for number, symbol in gene_tables.entrez("human").items()}
TRANSCRIPT = {symbol: accession for accession, symbol in gene_tables.refseq("human").items()}
IDS = {symbol: gene_id for gene_id, symbol in gene_tables.symbols("human").items()}
KNOWN = [g for g in sorted(IDS) if g not in OLD and all(g in table for table in (MOUSE, NUMBER, TRANSCRIPT))]
GENES = [*OLD, *KNOWN][:600]
CELLS, _ = toy(samples=1)


def written(path, names):
    cells = CELLS.copy()
    cells.var_names = names
    cells.write_h5ad(path)
    return path


def prepared(paths, **how):
    return prepare_reference(paths, "cell_type", "donor", preset="none", **how)


@pytest.mark.parametrize(
    ("names", "words", "how"),
    [
        ([OLD.get(gene, gene) for gene in GENES], "CTGF is CCN2", {}),
        ([IDS[gene] for gene in GENES], "600 of 600 Ensembl identifiers became symbols", {}),
        ([f"{TRANSCRIPT[gene]}.2" for gene in GENES], "600 of 600 RefSeq identifiers became symbols", {}),
        ([NUMBER[gene] for gene in GENES], "600 of 600 Entrez identifiers became symbols", {}),
        ([f"GRCh38_{gene}" for gene in GENES], "begin with a genome", {}),
        ([MOUSE[gene] for gene in GENES], "one-to-one human orthologs", {"orthologs": True}),
        ([f"gene {row}" for row in range(600)], "600 of 600 gene names were replaced", {"gene_map": "map.tsv"}),
    ],
)
def test_files_that_name_genes_otherwise_give_the_reference_of_one_name(tmp_path, monkeypatch, names, words, how):
    monkeypatch.chdir(tmp_path)
    table = {gene: gene for gene in GENES} | {f"gene {row}": gene for row, gene in enumerate(GENES)}
    (tmp_path / "map.tsv").write_text("name\tgene\n" + "".join(f"{a}\t{b}\n" for a, b in table.items()))
    first = written(tmp_path / "a.h5ad", GENES)
    found = prepared([first, written(tmp_path / "b.h5ad", names)], **how)
    want = prepared([first, first])
    assert list(found.var_names) == list(want.var_names)
    np.testing.assert_array_equal(found.X.toarray(), want.X.toarray())
    assert words in " ".join(found.uns["unmix"]["messages"])


def test_files_of_two_species_are_refused_with_the_option(tmp_path):
    paths = [written(tmp_path / "a.h5ad", GENES), written(tmp_path / "b.h5ad", [MOUSE[gene] for gene in GENES])]
    with pytest.raises(DataError, match=r"b.h5ad holds mouse genes") as error:
        prepared(paths)
    assert "--orthologs" in error.value.do


def test_names_of_a_single_file_stay(tmp_path):
    names = [OLD.get(gene, gene) for gene in GENES]
    assert set(prepared([written(tmp_path / "a.h5ad", names)]).var_names) == set(names)
