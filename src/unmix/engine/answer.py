"""What every interface gives: the estimates of one or several models as fractions of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unmix import methods
from unmix.contract.method import silent
from unmix.contract.model import Model
from unmix.engine import ensemble, prediction
from unmix.engine.prior import applied, read_prior

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import anndata as ad
    import pandas as pd

    from unmix.io.fractions import Fractions


def predict(
    models: Model | Sequence[Model],
    bulk: ad.AnnData,
    *,
    level: float = 0.9,
    device: str = "auto",
    mrna_per_cell: str | pd.Series = "auto",
    prior: str | Path | pd.DataFrame | pd.Series | Mapping[str, float] | None = None,
    say: Callable[[str], None] = silent,
) -> Fractions:
    """Estimate the fractions of bulk samples.

    Parameters
    ----------
    models
        One of :func:`unmix.train`, or several of the same cell types from several references.
    bulk
        Samples x genes, linear (see :func:`unmix.read_bulk`).
    level
        Nominal coverage of the intervals.
    device
        ``auto``, ``cpu`` or ``cuda``.
    mrna_per_cell
        Where the mRNA of a cell comes from: ``published`` (the default where all cell types are recognised as human
        blood or immune cells), ``epic``, ``quantiseq``, ``reference`` (the default elsewhere), ``none`` (the quantity
        that the method estimates), or values by cell type in any unit.
    prior
        What the cohort contains in the mean: ``pbmc``, a table, or fractions by cell type (docs/prior.md). None or
        ``none``: nothing is declared.
    say
        Takes sentences for the record.

    Returns
    -------
    Fractions
        Of cells, with those of mRNA beside them (`mrna`); scores, purity and controls as they are.

    Raises
    ------
    DataError
        If the bulk has less than half of the model's genes, values for a cell type are missing, or the prior names a
        type that is not there.
    """
    given = {"level": level, "device": device, "mrna_per_cell": mrna_per_cell, "say": say}
    declared, several = read_prior(prior), [models] if isinstance(models, Model) else list(models)
    if len(several) > 1:
        found = ensemble.predict(several, bulk, **given)
    else:
        found = prediction.predict(several[0], bulk, **given)
    control = any(methods.get(one.method).info.family == "control" for one in several)
    return found if declared is None or control else applied(found, declared, say)
