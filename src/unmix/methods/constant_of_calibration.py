"""Control: every sample has the mean composition of the calibration samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.contract.controls import Control
from unmix.contract.method import Fit, Needs
from unmix.io.fractions import normalised
from unmix.methods import register

if TYPE_CHECKING:
    from unmix.contract.method import Task


@register
class ConstantOfCalibration(Control):
    """Mean of the known fractions; a method that learns from calibration samples must do better."""

    name = "constant_of_calibration"
    needs = Needs(calibration=True)
    refit = False  # it does not look at the cells, so that none need be held out

    def fit(self, task: Task) -> Fit:
        """Keep the mean; score every calibration sample by the mean of the others."""
        known = normalised(task.calibration.fractions)
        others = (known.sum(0) - known) / (len(known) - 1)
        return Fit(np.array([], int), {"constant": known.mean(0)}, {}, left_out=(others, known))
