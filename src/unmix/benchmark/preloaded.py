"""What every fit imports and compiles, done once in the process that those of the fits are forked from."""

from unmix import engine, methods, toy
from unmix.benchmark import fitting
from unmix.deep import trainer

__all__ = ["fitting", "trainer"]

methods.all_methods()
engine.train("uniform", toy(genes=60, cells_per_type=4, samples=2)[0], device="cpu")
