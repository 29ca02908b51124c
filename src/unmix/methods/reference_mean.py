"""Control: every sample has the composition of the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.contract.controls import Control
from unmix.contract.method import Needs
from unmix.methods import register

if TYPE_CHECKING:
    from unmix.contract.method import Task


@register
class ReferenceMean(Control):
    """Share of each type among the cells of the reference."""

    name = "reference_mean"
    needs = Needs(cells=True)

    @staticmethod
    def constant(task: Task) -> np.ndarray:
        """Return the reference's composition."""
        numbers = np.bincount(task.train.type_of, minlength=len(task.train.cell_types))
        return numbers / numbers.sum()
