"""Control: every cell type has the same fraction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.contract.controls import Control
from unmix.methods import register

if TYPE_CHECKING:
    from unmix.contract.method import Task


@register
class Uniform(Control):
    """1 / number of types."""

    name = "uniform"

    @staticmethod
    def constant(task: Task) -> np.ndarray:
        """Return equal fractions."""
        types = len(task.train.cell_types)
        return np.full(types, 1 / types)
