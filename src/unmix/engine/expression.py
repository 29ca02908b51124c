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
from unmix.io.units import per_million

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import anndata as ad

    from unmix.contract.model import Model


def express(model: Model, bulk: ad.AnnData, *, device: str = "auto", say: Callable[[str], None] = silent) -> ad.AnnData:
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
    expression = alignment.expression_of(model, bulk, present)
    fractions = normalised(method.estimate(model, expression, present, chosen))
    profiles = np.empty((*fractions.shape, len(present)), np.float32)
    number = len(bulk) if method.transductive_of(method.recipe_of(model)) else SIZE
    for start in range(0, len(bulk), number):
        part = slice(start, start + number)
        profiles[part] = method.express(model, expression[part], present, chosen)
    obs, var = pd.DataFrame(index=bulk.obs_names.astype(str)), pd.DataFrame(index=pd.Index(model.genes, dtype=str))
    var["in_bulk"] = present
    out = ad.AnnData(per_million(expression).astype(np.float32), obs, var)
    layers = layer_names(model.cell_types)
    out.layers.update({name: profiles[:, k] for k, name in enumerate(layers)})
    out.obsm["fractions"] = fractions
    out.uns["unmix"] = {
        "kind": "expression",
        "method": model.method,
        "cell_types": np.array(model.cell_types, dtype=str),
        "layers": np.array(layers, dtype=str),
        "fractions": model.quantity,
        "unit": "per million over the genes of the model",
        "transductive": alignment.transductive(model),
    }
    return out


def layer_names(cell_types: Sequence[str]) -> list[str]:
    """Return the names of the layers: those of the types, but _ for /, which h5ad takes for a folder; all different."""
    names: list[str] = []
    for cell_type in cell_types:
        name = cell_type.replace("/", "_")
        while name in names or (name != cell_type and name in cell_types):
            name += "_"
        names.append(name)
    return names
