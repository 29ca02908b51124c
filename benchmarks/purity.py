"""DeepDecon and GBMPurity on purities of donors that were held out altogether: mean absolute error.

Real and simulated references; in each some types are called malignant in turn. The normal cells of the test are in any
proportions (Dirichlet(1) over their types), 200 pseudobulk of 500 cells, without and with noise of a platform (0.5).
Beside deepdecon stands its network of the whole range alone. Needs the development data (UNMIX_SHARED).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import anndata as ad
import numpy as np
import pandas as pd

from unmix import engine
from unmix.reference import Reference
from unmix.reference.prepare import prepare_reference
from unmix.simulate.pseudobulk import Simulator
from unmix.simulate.recipe import Simulation

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("UNMIX_SHARED", ROOT.parent / "shared"))
RUNS = {"deepdecon": ("deepdecon", []), "one network": ("deepdecon", ["ranges=1"]), "gbmpurity": ("gbmpurity", [])}


def main() -> None:
    """Print a line for every reference, malignant type, donors left out and method."""
    with tempfile.TemporaryDirectory() as name:
        case = Path(name) / "case"
        command = [sys.executable, SHARED / "peers" / "make_case.py", "--out", case]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        simulated = prepare_reference([case / "ref.h5ad"], "Celltype", "donor", preset="none")
    source = SHARED / "data" / "sc_pbmc_symphony_3donor" / "lognorm.h5ad"
    real = prepare_reference([source], "cell_type", "donor", preset="none")
    real = real[~real.obs["cell_type"].isin(["MK", "HSC"])].copy()  # three and seven cells
    donors = sorted(real.obs["donor"].unique())
    tests = [("case", simulated, "CD4_T", sorted(simulated.obs["donor"].unique())[:2])]
    tests += [("symphony", real, kind, [donor]) for kind in ("Mono_CD14", "T_CD4", "B") for donor in donors]
    errors: dict[str, list[list[float]]] = {}
    for name, reference, malignant, left_out in tests:
        held = reference.obs["donor"].isin(left_out)
        for run, (method, settings) in RUNS.items():
            found = errors_of(method, settings, reference, held.to_numpy(), malignant)
            errors.setdefault(f"{name}, {run}", []).append(found)
            print(
                f"{name}, {malignant}, without {'+'.join(left_out)}, {run}: {found[0]:.3f} {found[1]:.3f}", flush=True
            )
    for name, found in errors.items():
        print(f"{name}: mean {np.mean(found, axis=0).round(3)}, worst {np.max(found, axis=0).round(3)}")


def errors_of(method: str, settings: list[str], reference: ad.AnnData, held: np.ndarray, malignant: str) -> list[float]:
    """Return the mean absolute errors on pseudobulk of the donors that are `held` out, without and with noise."""
    model = engine.train(method, reference[~held].copy(), malignant=[malignant], settings=settings, device="cpu")
    cells, found = Reference.from_anndata(reference[held].copy()).merged([malignant]), []
    for noise in (0.0, 0.5):
        rng, recipe = (
            np.random.default_rng(5),
            Simulation(composition="range", cells=500, platform=noise, subtypes="dirichlet"),
        )
        pseudobulk = Simulator(cells, recipe, rng).draw(200, rng)
        bulk = ad.AnnData(pseudobulk.expression.astype(np.float64), var=pd.DataFrame(index=cells.genes))
        estimate = engine.predict(model, bulk, device="cpu").values["malignant"]
        found.append(float(np.abs(estimate - pseudobulk.cell_fractions[:, 0]).mean()))
    return found


if __name__ == "__main__":
    main()
