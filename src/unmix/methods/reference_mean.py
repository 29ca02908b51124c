"""Control: every sample has the composition of the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.contract.controls import Control
from unmix.contract.method import Info
from unmix.methods import register

if TYPE_CHECKING:
    from unmix.contract.method import Task


@register
class ReferenceMean(Control):
    """Share of each type among the cells of the reference."""

    name = "reference_mean"
    info = Info(
        title="Reference mean (control)",
        family="control",
        summary="The composition of the reference for every sample; good where samples hardly differ.",
    )

    @staticmethod
    def constant(task: Task) -> np.ndarray:
        """Return the reference's composition."""
        numbers = np.bincount(task.train.type_of, minlength=len(task.train.cell_types))
        return numbers / numbers.sum()
