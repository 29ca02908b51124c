"""Control: every sample has the mean composition of the calibration samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix import uncertainty
from unmix.controls import Control
from unmix.method import Fit, Info, Needs
from unmix.registry import register

if TYPE_CHECKING:
    from unmix.method import Task


@register
class ConstantOfCalibration(Control):
    """Mean of the known fractions; a method that learns from calibration samples must do better."""

    name = "constant_of_calibration"
    needs = Needs(calibration=True)
    refit = False  # it does not look at the cells, so that none need be held out
    info = Info(
        title="Constant of calibration (control)",
        family="control",
        summary="The mean composition of the calibration samples for every sample; bounds what they alone can give.",
    )

    def fit(self, task: Task) -> Fit:
        """Keep the mean; score every calibration sample by the mean of the others."""
        known = uncertainty.normalised(task.calibration.fractions)
        others = (known.sum(0) - known) / (len(known) - 1)
        return Fit(np.array([], int), {"constant": known.mean(0)}, {}, scores=uncertainty.scores(others, others, known))
