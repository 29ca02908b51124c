"""Scaden: the mean of three dense networks trained on pseudobulk (Menden et al. 2020).

`published` keeps the settings of the code (scaden 1.1.2): log2(x + 1) without a common depth, min-max within each
sample, genes with variance above 0.1 in the bulk if one is given. `default` adds a common depth before the logarithm,
platform noise in the simulation, few well-expressed markers, and early stopping.
"""

from __future__ import annotations

from unmix.deep.recipe import PREP, SIMULATION, TRAIN, Dense, Net, Prep, Train
from unmix.deep.trainer import DeepMethod
from unmix.methods import register
from unmix.simulate.recipe import Simulation

NETS = (  # original code: m256, m512, m1024
    Net(hidden=(256, 128, 64, 32)),
    Net(hidden=(512, 256, 128, 64), dropout=(0.0, 0.3, 0.2, 0.1)),
    Net(hidden=(1024, 512, 256, 128), dropout=(0.0, 0.6, 0.3, 0.1)),
)


@register
class Scaden(DeepMethod):
    """Squared error of softmax outputs, averaged over the three members (original code: MSE since 0.9.0)."""

    name = "scaden"
    recipes = {
        "default": Dense(
            prep=PREP,
            simulation=SIMULATION,
            nets=NETS,
            train=TRAIN,
        ),
        "published": Dense(
            prep=Prep(genes="variance", min_variance=0.1, depth=0, sample="minmax"),
            simulation=Simulation(  # half of the pseudobulk sparse; 100 cells; cells floored, labels not
                composition="uniform", sparse=0.5, cells=100, rounding="floor", label="requested", samples=1000
            ),
            nets=NETS,
            train=Train(steps=5000, batch=128, lr=1e-4),
        ),
    }
