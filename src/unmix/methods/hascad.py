"""HASCAD: the mean of three dense networks on logarithms, with an optional correction of platform and donor.

The authors' repository holds the networks and trained weights, not the training. `published` has the networks and the
input of the code: log2 of 1158 genes (whose choice is not told: the most variable ones here) that sum to 10,000, about
as the authors' example does. The paper's 20 epochs are 5,000 steps of 128 new pseudobulk; squared error, Adam at 1e-4, batch
128, pseudobulk of 500 cells with Dirichlet(1) fractions are our choice, since none is told. `default` keeps the networks and
takes the input and simulation that hold-out measurements chose for scaden (60 markers a type, pseudocount 500 per
million, z per sample, platform noise).

`--set correction=harmony` corrects the input by Harmony and Symphony (see :mod:`unmix.harmony`), fitted on pseudobulk of
single donors and frozen in the model, as the paper does with R; the original's second logarithm and its genes in
another order are faults that are not repeated.

`--weights checkpoint1.pt --weights checkpoint2.pt --weights checkpoint3.pt --weights Example.csv` takes the authors'
networks as they are instead of training (any of the three; the mean of those given): Model/model_pt and Source of
their repository. Genes and cell types are then those of the authors; the reference sets intervals, of the types that it
names alike, and the trust flag. Give bulk on the authors' scale: linear values whose log2(x + 1) is between 0 and 10.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from unmix.contract.method import Fit, Info, Task
from unmix.deep.harmony import Corrected, Correction, Harmony
from unmix.deep.preprocessing import Transform
from unmix.deep.recipe import PREP, SIMULATION, TRAIN, Deep, Net, Prep, Train
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


@dataclass(frozen=True, kw_only=True)
class Recipe(Deep):
    """Recipe of HASCAD."""

    correction: Literal["none", "harmony"] = "none"
    harmony: Harmony = field(default_factory=Harmony)


@register
class Hascad(DeepMethod):
    """Squared error of softmax outputs (our choice), averaged over the three members."""

    name = "hascad"
    info = Info(
        title="HASCAD",
        family="deep",
        summary="Ensemble of three dense networks; can correct for platform and donors by Harmony and Symphony.",
        citation="Chiu YJ et al. HArmonized single-cell RNA-seq Cell type Assisted Deconvolution (HASCAD). "
        "BMC Medical Genomics 16 (2023).",
        doi="10.1186/s12920-023-01674-w",
        year=2023,
        licence="none given",
        original="Networks 2 and 3 with the authors' weights on their example: the authors' numbers within 1e-5 "
        "(network 1 is not at hand; training code is not published). Symphony's map of a sample: symphonypy's numbers.",
        chosen="Loss, optimiser, batch, composition and size of pseudobulk of the training (none is told): MSE, Adam 1e-4, 128, "
        "Dirichlet(1), 500 cells; the 1158 most variable genes where the authors' list has an unknown rule; the "
        "correction is fitted on pseudobulk of single donors, every sample its own batch; default: markers, common depth, "
        "z per sample and platform noise as for scaden.",
    )
    weights = "network"
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
        return official(task) if task.weights else super().fit(task)

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
    networks = [layers(path, len(OFFICIAL_TYPES)) for path in task.weights if path.suffix in READABLE]
    tables = [path for path in task.weights if path.suffix not in READABLE]
    if not networks or len(tables) != 1:
        raise UsageError(
            f"--weights names {len(networks)} networks and {len(tables)} tables of genes",
            "one or more networks, and the one table that names their genes in order",
            "--weights checkpoint2.pt --weights Example.csv (Source/Example.csv of the HASCAD repository)",
        )
    names = gene_names(tables[0], networks[0][0][0].shape[1])
    published = Hascad.recipes["published"]
    nets = tuple(Net(hidden=tuple(len(bias) for _, bias in network[:-1])) for network in networks)
    prep = replace(published.prep, depth=0)  # the authors' values as they are
    recipe = replace(task.recipe, prep=prep, nets=nets, correction="none")
    arrays = ensemble(networks)
    place = {gene: i for i, gene in enumerate(task.train.genes)}
    drawn = Simulator(task.train, published.simulation, task.rng).draw(PROBE, task.rng).expression
    pseudobulk = np.stack([drawn[:, place[name]] if name in place else np.zeros(PROBE) for name in names], axis=1)
    arrays |= Transform.fit(recipe.prep, pseudobulk).arrays()
    return Fit(np.array(names), arrays, {"steps": 0}, cell_types=OFFICIAL_TYPES, recipe=recipe)
