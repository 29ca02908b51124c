"""Control: every cell type has the same fraction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.controls import Control
from unmix.method import Info
from unmix.registry import register

if TYPE_CHECKING:
    from unmix.method import Task


@register
class Uniform(Control):
    """1 / number of types."""

    name = "uniform"
    info = Info(title="Uniform (control)", family="control", summary="The same fraction for every type; knows nothing.")

    @staticmethod
    def constant(task: Task) -> np.ndarray:
        """Return equal fractions."""
        types = len(task.train.cell_types)
        return np.full(types, 1 / types)
