"""Common parts of the scripts in bin/.

Nothing here imports torch, scanpy or anndata, so that ``--help`` answers at once.
"""

from unmix.cli.options import (
    DIRECTORY,
    FILE,
    MODEL,
    OUTPUT,
    OUTPUT_DIRECTORY,
    REFERENCE,
    calibration,
    common,
    genes,
    level,
    ontology,
    prior,
    settings,
    skipped,
)
from unmix.cli.step import record_beside, run

__all__ = [
    "DIRECTORY",
    "FILE",
    "MODEL",
    "OUTPUT",
    "OUTPUT_DIRECTORY",
    "REFERENCE",
    "calibration",
    "common",
    "genes",
    "level",
    "ontology",
    "prior",
    "record_beside",
    "run",
    "settings",
    "skipped",
]
