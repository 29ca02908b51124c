"""A case of toy data: pseudobulk that counts cells, and the same with its types summed, by its RNA."""

import pytest

from unmix import toy
from unmix.benchmark.case import Case, Test
from unmix.io import tables


@pytest.fixture(scope="session")
def case(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cases") / "toy"
    reference, bulk = toy(genes=100, cells_per_type=12, donors=3, samples=8)
    (folder / "tests").mkdir(parents=True)
    reference.write_h5ad(folder / "reference.h5ad")
    bulk.write_h5ad(folder / "tests" / "cells.h5ad")
    first, *rest = bulk.obsm["mrna_fractions"].columns
    truth = bulk.obsm["mrna_fractions"].assign(rest=lambda t: t[rest].sum(axis=1))[[first, "rest"]]
    tables.write_table(truth, folder / "tests" / "rna.tsv", "sample")
    pseudobulk = "tests/cells.h5ad"
    tests = (
        Test(name="cells", bulk=pseudobulk, truth=pseudobulk, mrna_per_cell="reference"),
        Test(name="rna", bulk=pseudobulk, truth="tests/rna.tsv", counts="RNA", sums={first: (first,), "rest": rest}),
    )
    return Case(name="toy", title="Toy", said="Pseudobulk of the toy data.", tests=tests).save(folder)
