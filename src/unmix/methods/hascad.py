"""HASCAD: the mean of three dense networks on logarithms, with an optional correction of platform and donor.

`--set correction=harmony` corrects the input by Harmony and Symphony (:mod:`unmix.deep.harmony`), fitted on pseudobulk
of single donors and stored in the model. `--pretrained checkpoint1.pt ... --pretrained Example.csv` takes the authors'
networks, whose genes and cell types are then those of the model.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from unmix.contract.method import Fit, Task
from unmix.deep.harmony import Corrected, Correction, Harmony
from unmix.deep.preprocessing import Transform
from unmix.deep.recipe import PREP, SIMULATION, TRAIN, Dense, Net, Prep, Train
from unmix.deep.trainer import PROBE, DeepMethod
from unmix.errors import UsageError
from unmix.io.pretrained import READABLE, ensemble, gene_names, layers
from unmix.methods import register
from unmix.simulate.pseudobulk import Simulator
from unmix.simulate.recipe import Simulation

NETS = (Net(hidden=(1024, 256, 64)), Net(hidden=(512, 128, 32)), Net(hidden=(256, 64, 32)))  # original code: D1-D3
#: Cell types of the authors' weights, in order (their Source/celltype.csv).
NAMES = "bnaive mono14 cd4mem cd4naive cd8eff cd8naive cd8mem bmem adc mono16 nk treg hsc mk pdc"
OFFICIAL_TYPES = tuple(NAMES.split())


class Recipe(Dense):
    """Recipe of HASCAD."""

    correction: Literal["none", "harmony"] = "none"
    """Whether Harmony aligns the donors before the network."""
    harmony: Harmony = Harmony()
    """Settings of Harmony."""


@register
class Hascad(DeepMethod):
    """Squared error of softmax outputs (our choice), averaged over the three members."""

    name = "hascad"
    layout = {
        **{"harmony.mean?": "genes", "harmony.deviation?": "genes", "harmony.loadings?": "genes components"},
        **{"harmony.sums?": "clusters components", "harmony.sizes?": "clusters"},
    }
    takes = "pretrained"
    recipes = {
        "default": Recipe(
            prep=PREP,
            simulation=SIMULATION,
            nets=NETS,
            train=TRAIN,
        ),
        "published": Recipe(
            # original code: log2, 1158 genes; the rule is ours; their example sums to 12,689 before the logarithm
            prep=Prep(genes="variance", top=1158, depth=1e4),
            simulation=Simulation(cells=500),  # our choice
            nets=NETS,
            train=Train(steps=5000, batch=128, lr=1e-4),  # paper: 20 epochs; the rest is our choice
        ),
    }

    def fit(self, task: Task) -> Fit:
        """Train, or take the authors' weights where they are given."""
        return official(task) if task.published else super().fit(task)

    def prepare(self, task: Task, genes: np.ndarray, simulator: Simulator) -> Transform | Corrected:
        """Fit the transform on training pseudobulk, and the correction on pseudobulk of each donor."""
        transform, recipe, rng = super().prepare(task, genes, simulator), task.recipe, task.rng
        if recipe.correction == "none":
            return transform
        cells, parts = simulator.cells, []
        present = [donor for donor in range(len(cells.donors)) if (cells.donor_of == donor).any()]
        for donor in present:
            own = Simulator(cells.select(cells.donor_of == donor), recipe.simulation, rng)
            parts.append(transform(own.draw(PROBE // len(present), rng).expression))
        donors = np.repeat(present, PROBE // len(present))
        seed = int(rng.integers(0, 2**31))
        return Corrected(transform, Correction.fit(np.concatenate(parts), donors, recipe.harmony, seed))

    def frozen(self, recipe: Recipe, arrays: dict[str, np.ndarray]) -> Any:
        """Rebuild the preprocessing, the correction too."""
        transform = super().frozen(recipe, arrays)
        return Corrected.from_arrays(transform, arrays) if recipe.correction == "harmony" else transform


def official(task: Task) -> Fit:
    """Return a fit that holds the authors' networks, with their genes and cell types.

    Parameters
    ----------
    task
        `weights`: the ``.pt`` files of one or more networks, and a table that names their genes in order.

    Raises
    ------
    UsageError
        If there is no network or not one table of genes.
    DataError
        If a file does not hold what it should.
    """
    networks = [layers(path, len(OFFICIAL_TYPES)) for path in task.published if path.suffix in READABLE]
    tables = [path for path in task.published if path.suffix not in READABLE]
    if not networks or len(tables) != 1:
        raise UsageError(
            f"--pretrained names {len(networks)} networks and {len(tables)} tables of genes",
            "one or more networks, and the one table that names their genes in order",
            "--pretrained checkpoint2.pt --pretrained Example.csv (Source/Example.csv of the HASCAD repository)",
        )
    names = gene_names(tables[0], networks[0][0][0].shape[1])
    published = Hascad.recipes["published"]
    nets = tuple(Net(hidden=tuple(len(bias) for _, bias in network[:-1])) for network in networks)
    prep = published.prep.changed(depth=0.0)  # the authors' values as they are
    recipe = task.recipe.changed(prep=prep, nets=nets, correction="none", output="softmax")
    arrays = ensemble(networks)
    place = {gene: i for i, gene in enumerate(task.train.genes)}
    drawn = Simulator(task.train, published.simulation, task.rng).draw(PROBE, task.rng).expression
    pseudobulk = np.stack([drawn[:, place[name]] if name in place else np.zeros(PROBE) for name in names], axis=1)
    arrays |= Transform.fit(recipe.prep, pseudobulk).arrays()
    return Fit(np.array(names), arrays, {"steps": 0}, cell_types=OFFICIAL_TYPES, recipe=recipe)
