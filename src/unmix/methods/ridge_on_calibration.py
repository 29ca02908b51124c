"""Control: ridge regression of the known fractions on the expression of the calibration samples, no reference used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.contract.controls import Nothing
from unmix.contract.method import Fit, Method, Needs
from unmix.io.fractions import normalised
from unmix.io.units import per_million
from unmix.methods import register

if TYPE_CHECKING:
    from unmix.contract.method import Task
    from unmix.contract.model import Model

#: Penalties tried, as shares of the mean squared length of a sample; the one of least left-out error is taken.
PENALTIES = np.logspace(-3, 2, 11)
#: Counts per million added before the logarithm.
OFFSET = 1.0


@register
class RidgeOnCalibration(Method):
    """Linear regression on log2 expression; what the simplest learner makes of the calibration samples alone."""

    name = "ridge_on_calibration"
    layout = {"mean": "genes", "centre": "types", "weights": "genes types"}
    quantity = "cell"
    needs = Needs(calibration=True)
    refit = False  # it does not look at the cells, so that none need be held out
    recipes = {"default": Nothing()}

    def fit(self, task: Task) -> Fit:
        """Regress over the genes that the samples have; every sample is scored by a fit without it."""
        samples, known = task.calibration.expression, normalised(task.calibration.fractions)
        genes = np.flatnonzero(~np.isnan(samples).any(0) & (np.nan_to_num(samples) > 0).any(0))
        values = _logs(samples[:, genes])
        mean, centre = values.mean(0), known.mean(0)
        kernel = (values - mean) @ (values - mean).T
        left_out = [_left_out(kernel, known - centre, penalty) + centre for penalty in PENALTIES]
        best = int(np.argmin([((estimate - known) ** 2).mean() for estimate in left_out]))
        dual = np.linalg.solve(_penalised(kernel, PENALTIES[best]), known - centre)
        arrays = {"mean": mean, "centre": centre, "weights": (values - mean).T @ dual}
        estimate = normalised(left_out[best])
        return Fit(genes, arrays, {"penalty": float(PENALTIES[best])}, left_out=(estimate, known))

    def estimate(self, model: Model, expression: np.ndarray, present: np.ndarray, device: str) -> np.ndarray:
        """Apply the regression; genes that are missing count as average."""
        learned = model.arrays
        rows = []
        for sample in expression:
            shift = np.zeros(len(present))
            if sample.any():
                expected = learned["mean"][present]
                shift[present] = _logs(sample[None, present])[0] - (expected - expected.mean())
            rows.append(learned["centre"] + shift @ learned["weights"])
        return np.array(rows)


def _logs(values: np.ndarray) -> np.ndarray:
    """Return log2 of counts per million over the genes there are, around the mean of each sample."""
    logs = np.log2(per_million(values) + OFFSET)
    return logs - logs.mean(1, keepdims=True)


def _penalised(kernel: np.ndarray, penalty: float) -> np.ndarray:
    return kernel + penalty * np.trace(kernel) / len(kernel) * np.eye(len(kernel))


def _left_out(kernel: np.ndarray, known: np.ndarray, penalty: float) -> np.ndarray:
    """Return the estimate of each sample by the regression without it (closed form; 1 / n is the mean's part)."""
    hat = kernel @ np.linalg.inv(_penalised(kernel, penalty))
    return known - (known - hat @ known) / (1 - np.diag(hat) - 1 / len(known))[:, None]
