"""The composition as covariates for a model of expression: log-ratios and principal components."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from unmix.comparison.composition import log_ratios

if TYPE_CHECKING:
    from unmix.comparison.composition import Composition


def covariates(composition: Composition, reference: np.ndarray) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return principal components and log-ratios of every sample, and the loadings of the components.

    The components are uncorrelated and span all differences of composition in one column fewer than there are types.
    All log-ratios together are linearly dependent, so that a design takes some of them at most.

    Parameters
    ----------
    composition
        Of at least two samples.
    reference
        Mask of the types whose geometric mean the log-ratios are relative to.

    Returns
    -------
    Samples x (``PC1``, ... then a column per type), and types x components with the row ``share of variance``.
    """
    positive = composition.positive()
    ratios = log_ratios(positive, reference)
    centred = log_ratios(positive, np.ones(positive.shape[1], bool))
    centred = centred - centred.mean(0)
    left, sizes, right = np.linalg.svd(centred, full_matrices=False)
    number = min(len(centred), centred.shape[1]) - 1
    sign = np.sign(right[np.arange(len(right)), np.abs(right).argmax(1)])  # the largest loading is positive
    names = [f"PC{one}" for one in range(1, number + 1)]
    scores = pd.DataFrame((left * sizes * sign)[:, :number], composition.values.index, names)
    loadings = pd.DataFrame((right * sign[:, None])[:number].T, composition.cell_types, names)
    loadings.loc["share of variance"] = (sizes**2 / max((sizes**2).sum(), 1e-300))[:number]
    return pd.concat([scores, pd.DataFrame(ratios, scores.index, composition.cell_types)], axis=1), loadings
