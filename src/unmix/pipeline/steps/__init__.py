"""What every step does with its files: one function for its script in bin/ and for :mod:`unmix.pipeline.run`.

A step reads files, calls the library, and writes files through its :class:`unmix.pipeline.record.Run`, which makes the
record. Libraries are imported when a step needs them, so that a script loads those of its own step only, and the
step that builds what the registry lists (:mod:`unmix.pipeline.steps.building`) stands apart.
"""

from unmix.pipeline.steps.benchmark import cases, fit, page, table, tune
from unmix.pipeline.steps.estimation import consensus, explain, express, predict
from unmix.pipeline.steps.preparation import check, reference
from unmix.pipeline.steps.reporting import compare, evaluate, index, report
from unmix.pipeline.steps.training import train

__all__ = [
    "cases", "check", "compare", "consensus", "evaluate", "explain", "express", "fit", "index", "page",
    "predict", "reference", "report", "table", "train", "tune",
]  # fmt: skip
