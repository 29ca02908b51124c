"""Methods trained on one laboratory's cells, tested on pseudobulk of another's: error and coverage of 90 % intervals.

    .venv/bin/python benchmarks/laboratories.py METHOD[,METHOD...] [--set a.b=value ...]

Five references of PBMC and two of the pancreas (human and mouse), every ordered pair over the cell types that both
have; 150 pseudobulk of 500 cells each, half of them sparse, no simulated noise: the laboratories' own differences are
the test. A pair whose genes do not suffice is left out. No bulk is used, so what is chosen by these figures is not
tuned on the truth of any sample. Needs the development data (UNMIX_SHARED).
"""

from __future__ import annotations

import argparse
import itertools
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from unmix import engine
from unmix import methods as registry
from unmix.errors import UnmixError
from unmix.reference.prepare import prepare_reference
from unmix.simulate.pseudobulk import pseudobulk
from unmix.simulate.recipe import Simulation

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("UNMIX_SHARED", ROOT.parent / "shared")) / "data"
#: Tissue, file, column of donors, names of the types in all references of a tissue (others are left out).
REFERENCES = {
    "newman": ("pbmc", "sc_newman_nsclc_pbmc/counts.h5ad", "none",
               {"B": "B", "CD4T": "CD4 T", "CD8T": "CD8 T", "NK": "NK", "Monocyte": "Monocyte"}),
    "zheng": ("pbmc", "sc_pbmc_facs_zheng/counts.h5ad", "none",
              {"B": "B", "CD4T": "CD4 T", "CD8T": "CD8 T", "NK": "NK", "Monocyte": "Monocyte"}),
    "kang": ("pbmc", "sc_pbmc_kang_muscat/counts.h5ad", "donor",
             {"B cells": "B", "CD4 T cells": "CD4 T", "CD8 T cells": "CD8 T",
              "CD14+ Monocytes": "Monocyte", "FCGR3A+ Monocytes": "Monocyte"}),
    "symphony": ("pbmc", "sc_pbmc_symphony_3donor/lognorm.h5ad", "donor",
                 {"B": "B", "T_CD4": "CD4 T", "T_CD8": "CD8 T", "NK": "NK",
                  "Mono_CD14": "Monocyte", "Mono_CD16": "Monocyte"}),
    "hao": ("pbmc", "sc_pbmc_hao_small/counts.h5ad", "none",
            {"B cells": "B", "T cells CD4 conv": "CD4 T", "Tregs": "CD4 T", "T cells CD8": "CD8 T",
             "NK cells": "NK", "Monocytes": "Monocyte"}),
    "baron human": ("pancreas", "sc_pancreas_baron_cider/counts_human.h5ad", "donor", None),
    "baron mouse": ("pancreas", "sc_pancreas_baron_cider/counts_mouse_humanised_symbols.h5ad", "donor", None),
}  # fmt: skip


def main(methods: list[str], settings: list[str]) -> None:
    """Print a line for every pair and method, then the means over the pairs."""
    loaded = {name: load(*facts[1:]) for name, facts in REFERENCES.items()}
    rows: dict[str, list[tuple[float, float, float]]] = {name: [] for name in methods}
    for one, other in itertools.permutations(REFERENCES, 2):
        if REFERENCES[one][0] != REFERENCES[other][0]:
            continue
        types = set(loaded[one].obs["cell_type"]) & set(loaded[other].obs["cell_type"])
        reference, tested = (cells[cells.obs["cell_type"].isin(types)].copy() for cells in (loaded[one], loaded[other]))
        bulk = pseudobulk(tested, Simulation(sparse=0.5, cells=500), 150, 1)
        for name in methods:
            try:
                given = {"bulk": bulk} if registry.get(name).needs.bulk else {}
                model = engine.train(name, reference, settings=settings, device="cpu", **given)
                found = engine.predict(model, bulk, device="cpu")
            except UnmixError as error:
                print(f"{one} -> {other}, {name}: {error.found}", flush=True)
                continue
            truth = bulk.obsm[f"{model.quantity}_fractions"][found.values.columns].to_numpy()
            r = np.mean([np.corrcoef(*pair)[0, 1] for pair in zip(truth.T, found.values.to_numpy().T, strict=True)])
            rmse = np.sqrt(((found.values - truth) ** 2).to_numpy().mean())
            covered = ((found.lower <= truth) & (truth <= found.upper)).to_numpy().mean()
            rows[name].append((rmse, r, covered))
            print(f"{one} -> {other}, {name}: RMSE {rmse:.3f}, r {r:.3f}, covered {covered:.2f}", flush=True)
    for name, found in rows.items():
        mean, median = np.mean(found, axis=0), np.median(found, axis=0)
        print(
            f"{name}: {len(found)} pairs, mean (median) RMSE {mean[0]:.3f} ({median[0]:.3f}), r {mean[1]:.3f} "
            f"({median[1]:.3f}), covered {mean[2]:.2f} ({median[2]:.2f})"
        )


def load(file: str, donor_key: str, names: dict[str, str] | None):  # noqa: ANN201 - anndata is imported late
    """Return a reference with the names of its tissue."""
    cells = prepare_reference([DATA / file], "cell_type", donor_key, preset="none")
    if names:
        cells = cells[cells.obs["cell_type"].isin(list(names))].copy()
        cells.obs["cell_type"] = cells.obs["cell_type"].astype(str).map(names)
    return cells


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("methods", help="names between commas")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="A.B=VALUE")
    given = parser.parse_args()
    main(given.methods.split(","), given.settings)
