"""Control: random fractions, one draw from Dirichlet(1) for each sample."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from unmix.contract.controls import Control
from unmix.contract.layout import damaged
from unmix.contract.method import Fit, Task
from unmix.methods import register

if TYPE_CHECKING:
    from unmix.contract.model import Model


@register
class Random(Control):
    """Dirichlet(1); the draw depends on the seed and on the sample's own values, not on its neighbours."""

    name = "random"
    layout = {"seed": "int: 1"}

    def fit(self, task: Task) -> Fit:
        """Keep a seed."""
        return Fit(np.arange(len(task.train.genes)), {"seed": task.rng.integers(0, 2**31, 1)}, {})

    def check(self, model: Model) -> None:
        """Verify that the seed is one, beside what every model is verified for."""
        super().check(model)
        if model.arrays["seed"][0] < 0:
            raise damaged(model, "its seed is negative")

    def estimate(self, model: Model, expression: np.ndarray, present: np.ndarray, device: str) -> np.ndarray:
        """Draw for each sample from a generator seeded by the model's seed and the sample's values."""
        seed = int(model.arrays["seed"][0])
        keys = [hashlib.sha256(np.ascontiguousarray(row).tobytes()).digest()[:8] for row in expression]
        draws = [np.random.default_rng([seed, int.from_bytes(key, "little")]) for key in keys]
        return np.stack([rng.dirichlet(np.ones(len(model.cell_types))) for rng in draws])
