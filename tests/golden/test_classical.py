"""The classical methods against what the original R tools gave on the small data of omnideconv."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from unmix import methods
from unmix.contract.method import Task
from unmix.contract.model import Model
from unmix.reference import Reference
from unmix.settings import asdict

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def golden(shared):
    folder = shared / "golden" / "omnideconv_small"

    def read(name: str) -> pd.DataFrame:
        return pd.read_csv(folder / name, index_col=0, sep="\t" if name.endswith("tsv") else ",")

    return read


@pytest.fixture(scope="module")
def cells(golden, shared):
    """The 100 cells of three types and 25 donors."""
    folder = shared / "golden" / "omnideconv_small"
    counts = golden("sc_object_small.csv")
    types, type_of = np.unique((folder / "cell_annotations_small.txt").read_text().splitlines(), return_inverse=True)
    donors, donor_of = np.unique((folder / "batch_ids_small.txt").read_text().splitlines(), return_inverse=True)
    matrix = csr_matrix(counts.to_numpy(dtype=np.float64).T)
    genes, totals = counts.index.to_numpy(str), matrix.sum(1).A1
    return Reference(matrix, genes, list(types), list(donors), type_of, donor_of, totals)


def estimate(name: str, cells: Reference, bulk: pd.DataFrame, present: np.ndarray, **changes) -> pd.DataFrame:
    """Train and predict as the engine does, without intervals, over the genes that are `present`."""

    method = methods.get(name)
    chosen = method.recipes["published"].changed(**changes)
    values = bulk.loc[cells.genes].to_numpy().T
    rng = np.random.default_rng(0)
    task = Task(cells, cells.select(np.zeros(0, int)), chosen, rng, "cpu", lambda _: None, lambda _: None, bulk=values)
    fit = method.fit(task)
    model = Model(name, asdict(chosen), cells.genes[fit.genes].tolist(), cells.cell_types, method.quantity, fit.arrays)
    weights = method.estimate(model, values[:, fit.genes], present[fit.genes], "cpu")
    return pd.DataFrame(weights / weights.sum(1, keepdims=True), bulk.columns, cells.cell_types)


def difference(found: pd.DataFrame, expected: pd.DataFrame) -> float:
    return float((found - expected.loc[found.index, found.columns]).abs().to_numpy().max())


def test_music(golden, cells):
    found = estimate("music", cells, golden("bulk_small.csv"), np.ones(1000, bool))
    assert difference(found, golden("music_result_small.csv")) < 1e-6


def test_cibersortx_fractions(golden):
    from unmix.methods.nusvr import Recipe, cibersort

    signature, expected = golden("cibersortx_model_small.tsv"), golden("cibersortx_result_small.tsv")
    samples = golden("bulk_small.csv").loc[signature.index]
    recipe = Recipe(solver="libsvm")
    found = [cibersort(signature.to_numpy(), sample, recipe) for sample in samples.to_numpy().T]
    assert difference(pd.DataFrame(found, samples.columns, signature.columns), expected) < 1e-6


def test_scdc(golden, cells):
    bulk = golden("bulk_small.csv")
    expressed = bulk.loc[cells.genes].to_numpy().any(1)  # SCDC removes genes that no sample expresses
    assert difference(estimate("scdc", cells, bulk, expressed), golden("scdc_result_small.csv")) < 1e-6


@pytest.mark.parametrize("solver", ["dwls", "ols", "svr"])
def test_dwls(golden, solver):
    from unmix.methods.dwls import DWLS, Recipe

    signature, expected = golden("dwls_model_small.csv"), golden(f"dwls_{solver}_result_small.csv")
    samples = golden("bulk_small.csv").loc[signature.index]
    recipe = Recipe(solver=solver, tolerance=0.01)
    found = np.stack([DWLS().regress(signature.to_numpy(), sample, recipe) for sample in samples.to_numpy().T])
    found /= found.sum(1, keepdims=True)
    assert difference(pd.DataFrame(found, samples.columns, signature.columns), expected) < 1e-6


def test_bisque(golden, cells):
    found = estimate("bisque", cells, golden("bulk_small.csv"), np.ones(1000, bool))
    assert difference(found, golden("bisque_result_small.csv")) < 1e-4


@pytest.mark.parametrize(("sampler", "update"), [("em", False), ("em", True), ("gibbs", True)])
def test_bayesprism(golden, cells, sampler, update):
    bulk, everything = golden("bulk_small.csv"), np.ones(1000, bool)
    found = estimate("bayesprism", cells, bulk, everything, sampler=sampler, update=update)
    assert difference(found, golden("bayesprism_result_small.csv")) < 1e-2
