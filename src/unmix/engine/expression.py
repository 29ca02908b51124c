"""Cell-type expression of every sample: the step `express`, and the closed form that methods start from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix import methods
from unmix.contract.blocks import SIZE
from unmix.contract.method import silent
from unmix.engine import alignment
from unmix.errors import NotApplicable
from unmix.io.fractions import normalised
from unmix.io.layers import Layered
from unmix.io.units import per_million

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import anndata as ad

    from unmix.contract.model import Model

#: Samples whose fractions are estimated together.
TOGETHER = 16 * SIZE


def express(model: Model, bulk: ad.AnnData, *, device: str = "auto", say: Callable[[str], None] = silent) -> Layered:
    """Estimate the expression of every cell type in every sample (see docs/data_contracts.md).

    Parameters
    ----------
    model
        Of :func:`unmix.engine.train`, by a method that can express.
    bulk
        Samples x genes, linear.
    device
        ``auto``, ``cpu`` or ``cuda``.
    say
        Takes sentences for the record.

    Returns
    -------
    Layered
        Samples x genes, a layer per cell type, made a few samples at a time where the method does not need all.

    Raises
    ------
    NotApplicable
        If the method does not estimate expression; those that do are listed.
    DataError
        If the bulk has less than half of the model's genes.
    """
    import anndata as ad
    import pandas as pd

    method = methods.get(model.method)
    if not method.expresses:
        able = [name for name, other in methods.all_methods().items() if other.expresses]
        raise NotApplicable(
            f"{model.method} estimates fractions, not the expression of each cell type",
            f"a model of {', '.join(able)}",
            f"unmix_train.py REFERENCE --method {able[0]}, then unmix_express.py with that model",
        )
    present, chosen = alignment.seen(method, model, bulk, device, say)
    obs, var = pd.DataFrame(index=bulk.obs_names.astype(str)), pd.DataFrame(index=pd.Index(model.genes, dtype=str))
    var["in_bulk"] = present
    shape, types = (len(bulk), len(present)), len(model.cell_types)
    out = ad.AnnData(np.empty(shape, np.float32), obs, var, obsm={"fractions": np.empty((len(bulk), types))})
    together = method.transductive_of(method.recipe_of(model))
    for rows in _parts(len(bulk), len(bulk) if together else TOGETHER):
        expression = alignment.expression_of(model, bulk, present, rows)
        out.X[rows] = per_million(expression)
        out.obsm["fractions"][rows] = normalised(method.estimate(model, expression, present, chosen))
    layers = layer_names(model.cell_types)
    out.uns["unmix"] = {
        "kind": "expression",
        "method": model.method,
        "cell_types": np.array(model.cell_types, dtype=str),
        "layers": np.array(layers, dtype=str),
        "fractions": model.quantity,
        "unit": "per million over the genes of the model",
        "transductive": alignment.transductive(model),
    }
    blocks = (
        (rows, method.express(model, alignment.expression_of(model, bulk, present, rows), present, chosen))
        for rows in _parts(len(bulk), len(bulk) if together else SIZE)
    )
    return Layered(out, layers, blocks)


def _parts(samples: int, number: int) -> Iterator[slice]:
    """Return slices of so many samples."""
    return (slice(start, min(start + number, samples)) for start in range(0, samples, number))


def layer_names(cell_types: Sequence[str]) -> list[str]:
    """Return the names of the layers: those of the types, but _ for /, which h5ad takes for a folder; all different."""
    names: list[str] = []
    for cell_type in cell_types:
        name = cell_type.replace("/", "_")
        while name in names or (name != cell_type and name in cell_types):
            name += "_"
        names.append(name)
    return names
