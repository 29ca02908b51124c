"""Control: every sample has the composition that the declared prior gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unmix.contract.controls import Control
from unmix.contract.method import Needs
from unmix.methods import register

if TYPE_CHECKING:
    import numpy as np

    from unmix.contract.method import Task


@register
class PriorAlone(Control):
    """The prior, without the bulk; a method that uses the prior must be more accurate."""

    name = "prior"
    needs = Needs(prior=True)

    @staticmethod
    def constant(task: Task) -> np.ndarray:
        """Return the declared fractions."""
        return task.prior
