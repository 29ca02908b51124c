"""Train any method on a reference, and predict with any model: the functions behind all interfaces."""

from unmix.contract.method import silent
from unmix.engine.prediction import literature, predict
from unmix.engine.recipe import resolve
from unmix.engine.training import put_together, train

__all__ = ["literature", "predict", "put_together", "resolve", "silent", "train"]
