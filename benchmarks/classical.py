"""CPU time and error of every classical method: 100 samples x 10,000 genes x 8 types, on one core; prints a table.

The common case of the development data (`UNMIX_SHARED`) is made as benchmarks/speed.py makes it. Training includes the
calibration of intervals (500 pseudobulk); prediction is of 100 samples. The limit of both together is 30 CPU seconds.
`--published`: the published recipes too, timed by fit and prediction alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402 - the bounds above must come before

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("UNMIX_SHARED", ROOT.parent / "shared"))
LIMIT, EM_LIMIT = 30.0, 0.1


def main() -> None:
    """Time each method and print one line for it."""
    from unmix import methods

    names = [name for name, method in methods.all_methods().items() if method.info.family == "classical"]
    names = [name for name in names if not methods.get(name).needs.gene_sets]
    with tempfile.TemporaryDirectory() as folder:
        reference, bulk, truth = case(Path(folder))
    print(f"{'method':<14}{'train s':>9}{'predict s':>11}{'limit':>7}{'ratio':>7}{'RMSE':>8}{'type r':>8}")
    for name in names:
        default(name, reference, bulk, truth)
    if "--published" in sys.argv:
        print(f"\n{'published':<14}{'fit s':>9}{'predict s':>11}{'limit':>7}{'ratio':>7}{'RMSE':>8}{'type r':>8}")
        for name in names:
            published(name, reference, bulk, truth)
    expectation(bulk)


def case(folder: Path):  # noqa: ANN201 - imports late
    """Return the prepared reference, the bulk and the truth of the common case."""
    import pandas as pd

    from unmix.io import check
    from unmix.reference.prepare import read_reference

    subprocess.run([sys.executable, SHARED / "peers" / "make_case.py", "--out", folder / "case"], check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    subprocess.run(
        [sys.executable, ROOT / "bin/unmix_reference.py", folder / "case/ref.h5ad", "--cell-type-key", "Celltype",
         "--donor-key", "donor", "--preset", "none", "--out", folder / "reference.h5ad", "--quiet"], check=True
    )  # fmt: skip
    reference = read_reference(folder / "reference.h5ad")
    bulk = check.read_bulk(folder / "case/bulk_genes_x_samples.txt", "auto", list(reference.var_names))
    return reference, bulk, pd.read_csv(folder / "case/truth.csv", index_col=0)


def default(name: str, reference, bulk, truth) -> None:  # noqa: ANN001 - as case returns them
    """Train and predict with the engine, as a user would."""
    from unmix import engine

    before = time.process_time()
    model = engine.train(name, reference, bulk=bulk, device="cpu")
    middle = time.process_time()
    found = engine.predict(model, bulk, device="cpu").values
    row(name, middle - before, time.process_time() - middle, found, truth, model.quantity)


def published(name: str, reference, bulk, truth) -> None:  # noqa: ANN001 - as case returns them
    """Fit and predict with the recipe `published`, without calibration."""
    import pandas as pd

    from unmix import engine, methods
    from unmix.contract.method import Task
    from unmix.errors import NotApplicable
    from unmix.io.fractions import normalised
    from unmix.reference import Reference

    method, cells = methods.get(name), Reference.from_anndata(reference)
    recipe = method.recipes.get("published", method.recipes["default"])
    values = np.asarray(bulk[:, cells.genes].X, dtype=np.float64)
    none, rng = cells.select(np.array([], int)), np.random.default_rng(0)
    task = Task(cells, none, recipe, rng, "cpu", engine.silent, engine.silent, bulk=values)
    before = time.process_time()
    try:
        model = engine.put_together(method, task, method.fit(task), 0)
    except NotApplicable as error:
        print(f"{name:<14}not applicable: {error.found}")
        return
    middle = time.process_time()
    place = {gene: i for i, gene in enumerate(cells.genes)}
    seen = values[:, [place[gene] for gene in model.genes]]
    found = method.estimate(model, seen, np.ones(seen.shape[1], bool), "cpu")
    found = found if model.quantity == "score" else normalised(found)
    table = pd.DataFrame(found, bulk.obs_names, model.cell_types)
    row(name, middle - before, time.process_time() - middle, table, truth, model.quantity)


def expectation(bulk) -> None:  # noqa: ANN001 - as case returns it
    """Time BayesPrism's expectation maximisation on 5,000 genes, per sample."""
    from unmix.classical.solvers import em

    samples = np.asarray(bulk.X[:, :5000], dtype=np.float64) + 1e-3
    profiles = np.random.default_rng(0).dirichlet(np.ones(5000), 8)
    before = time.process_time()
    for sample in samples:
        em(sample, profiles, 200)
    used = (time.process_time() - before) / len(samples)
    print(
        f"\nbayesprism, EM, 5,000 genes x 8 types: {used:.4f} CPU s a sample (limit {EM_LIMIT}, {used / EM_LIMIT:.2f})"
    )


def row(name: str, train: float, predict: float, found, truth, kind: str) -> None:  # noqa: ANN001 - tables
    """Print one line; a ratio above 1 misses the limit. Scores have no error."""
    shared = [column for column in truth if column in found]
    estimate, known = found.loc[truth.index, shared].to_numpy(), truth[shared].to_numpy()
    error = np.nan if kind == "score" else np.sqrt(((estimate - known) ** 2).mean())
    r = np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(estimate.T, known.T, strict=True)])
    used = train + predict
    print(f"{name:<14}{train:>9.2f}{predict:>11.2f}{LIMIT:>7.0f}{used / LIMIT:>7.2f}{error:>8.4f}{r:>8.3f}", flush=True)


if __name__ == "__main__":
    main()
