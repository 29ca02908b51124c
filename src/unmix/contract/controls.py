"""Common parts of the controls: input-independent estimates as a lower bound for accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.contract.method import Fit, Method, Task
from unmix.settings import Settings

if TYPE_CHECKING:
    from unmix.contract.model import Model


class Nothing(Settings):
    """The recipe of a control: it has no settings."""


class Control(Method):
    """The same fractions for every sample."""

    layout = {"constant?": "types"}
    quantity = "cell"
    recipes = {"default": Nothing()}

    def fit(self, task: Task) -> Fit:
        """Keep the constant; no gene is used."""
        return Fit(np.array([], int), {"constant": self.constant(task)}, {})

    def estimate(self, model: Model, expression: np.ndarray, present: np.ndarray, device: str) -> np.ndarray:
        """Repeat the constant."""
        return np.tile(model.arrays["constant"], (len(expression), 1))

    @staticmethod
    def constant(task: Task) -> np.ndarray:
        """Return the fractions (types)."""
        raise NotImplementedError
