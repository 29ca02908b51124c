"""Attributions of the estimated fractions to genes, for each cell type and sample, and over all samples.

Three ways, each exact in its own sense: networks by integrated gradients (Captum), from the mean input of the training
pseudobulk to the sample's; least squares by the summand of every gene; other solvers by the expression of every gene
that the estimated fractions explain. In each the attributions of a type sum to its estimate less that of the baseline.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from unmix import methods
from unmix.contract.alignment import aligned
from unmix.contract.attributions import profiles_of, stacked
from unmix.contract.blocks import SIZE, in_blocks, one_thread
from unmix.contract.method import silent
from unmix.deep.attribution import TOLERANCE
from unmix.engine.alignment import expression_of, seen
from unmix.io.gene_sets import GMT, read_gmt
from unmix.io.long_tables import ALL
from unmix.io.units import per_million

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    import anndata as ad
    import pandas as pd

    from unmix.contract.attributions import Attributions
    from unmix.contract.model import Model


def explain(
    model: Model, bulk: ad.AnnData, *, device: str = "cpu", say: Callable[[str], None] = silent
) -> Attributions:
    """Attribute the estimates of bulk samples to genes.

    Parameters
    ----------
    model
        Of :func:`unmix.engine.train`.
    bulk
        Samples x genes, linear.
    device
        ``auto``, ``cpu`` or ``cuda``.
    say
        Takes sentences for the record.

    Raises
    ------
    NotApplicable
        If the method is a control.
    DataError
        If the bulk has less than half of the model's genes.
    """
    found = stacked([part for _, part in _parts(model, bulk, device, say)])
    _say_error(found.error(), say)
    return found


@dataclass(frozen=True)
class Strongest:
    """The strongest genes of a bulk.

    Attributes
    ----------
    rows
        Of :func:`table`.
    mean
        Types x genes: attributions, mean over samples.
    error
        The largest of :meth:`Attributions.error`.
    """

    rows: pd.DataFrame
    mean: np.ndarray
    error: float


def strongest(
    model: Model, bulk: ad.AnnData, top: int, *, device: str = "cpu", say: Callable[[str], None] = silent
) -> Strongest:
    """Explain a bulk of any number of samples: a block at a time, of which the strongest genes are kept.

    Parameters and errors of :func:`explain`; `top` of :func:`table`.
    """
    found = _collected(_parts(model, bulk, device, say), model, top)
    _say_error(found.error, say)
    return found


def _parts(
    model: Model, bulk: ad.AnnData, device: str, say: Callable[[str], None]
) -> Iterator[tuple[ad.AnnData, Attributions]]:
    """Attribute block by block; all samples at once where a method learns from them."""
    from unmix.errors import NotApplicable

    method = methods.get(model.method)
    if method.info.family == "control":
        raise NotApplicable(
            f"{model.method} is a control, and its estimates do not depend on genes",
            "a method",
            "explain another model",
        )
    present, device = seen(method, model, bulk, device, say)
    number = len(bulk) if method.transductive_of(method.recipe_of(model)) else SIZE
    for start in range(0, len(bulk), number):
        part = bulk[start : start + number]
        with one_thread():
            yield part, method.attribute(model, expression_of(model, part, present), present, device)


def _say_error(error: float, say: Callable[[str], None]) -> None:
    if error > 2 * TOLERANCE:
        say(f"Attributions add up to the estimates within {error:.3f} only; treat smaller ones as zero.")


def table(found: Attributions, model: Model, bulk: ad.AnnData, top: int) -> pd.DataFrame:
    """Return the strongest genes of every sample and type, and of the mean over samples, in long form.

    Parameters
    ----------
    found
        Of :func:`explain`.
    model, bulk
        As given to it.
    top
        Genes per sample and type, by absolute attribution; 0 for all.

    Returns
    -------
    pandas.DataFrame
        ``sample cell_type gene attribution observed expected``: observed and expected are per million over the model's
        genes, expected by the reference at the estimated fractions; a gene that is far from it is a residual.
    """
    return _collected([(bulk, found)], model, top).rows


def _collected(parts: Iterable[tuple[ad.AnnData, Attributions]], model: Model, top: int) -> Strongest:
    """Keep the strongest genes of every sample and of the mean over samples."""
    import pandas as pd

    rows, error, number, sums = [], 0.0, 0, [np.float64(0)] * 3
    for bulk, found in parts:
        given = found.values, *_expression(found, model, bulk)
        sums = [total + values.sum(0) for total, values in zip(sums, given, strict=True)]
        number, error = number + len(bulk), max(error, found.error())
        rows.append(_rows(bulk.obs_names.astype(str), *given, model, top))
    mean, *levels = (total / number for total in sums)
    everything = _rows([ALL], mean[None], *(level[None] for level in levels), model, top)
    return Strongest(pd.concat([everything, *rows], ignore_index=True), mean, error)


def _expression(found: Attributions, model: Model, bulk: ad.AnnData) -> list[np.ndarray]:
    """Return samples x genes per million, as observed and as the reference and the estimates expect it."""
    observed = aligned(bulk, np.array(model.genes))
    profiles = profiles_of(model)
    expected = in_blocks(lambda block: block @ profiles, np.clip(found.estimate, 0, None))
    missing = np.isnan(observed)
    return [np.where(missing, np.nan, per_million(np.where(missing, 0, values))) for values in (observed, expected)]


def _rows(
    samples: Sequence[str], values: np.ndarray, observed: np.ndarray, expected: np.ndarray, model: Model, top: int
) -> pd.DataFrame:
    """Return the rows of :func:`table`; `values` are samples x types x genes, the others samples x genes."""
    import pandas as pd

    order = np.argsort(-np.abs(values), axis=2, kind="stable")[..., : top or None]
    every, kept = np.arange(len(samples))[:, None, None], order.shape[2]
    names, types, genes = (np.array(part, dtype=object) for part in (list(samples), model.cell_types, model.genes))
    return pd.DataFrame(
        {
            "sample": np.repeat(names, len(types) * kept),
            "cell_type": np.tile(np.repeat(types, kept), len(names)),
            "gene": genes[order].ravel(),
            "attribution": np.take_along_axis(values, order, axis=2).ravel(),
            "observed": observed[every, order].ravel(),
            "expected": expected[every, order].ravel(),
        }
    )


def gene_sets(mean: np.ndarray, model: Model, path: Path, seed: int) -> pd.DataFrame:
    """Return the gene sets whose genes raise or lower each type's fraction (pre-ranked enrichment, gseapy).

    Parameters
    ----------
    mean
        Types x genes: attributions, mean over samples, which rank the genes.
    model
        Whose genes and types these are.
    path
        Gene sets (GMT).
    seed
        Of the permutations.

    Returns
    -------
    pandas.DataFrame
        ``cell_type gene_set nes p fdr genes``, sorted by type and FDR.

    Raises
    ------
    DataError
        If the file is not GMT, or no set has five of the model's genes.
    """
    import gseapy
    import pandas as pd

    from unmix.errors import DataError

    sets = read_gmt(path)
    most = max((len(set(genes) & set(model.genes)) for genes in sets.values()), default=0)
    if most < 5:
        found = f"{path.name}: no gene set shares five genes with the model"
        raise DataError(found, GMT, "use the gene identifiers of the model")
    parts = []
    for k, cell_type in enumerate(model.cell_types):
        ranking = pd.Series(mean[k], model.genes)
        ranked = gseapy.prerank(
            ranking, sets, min_size=5, max_size=len(model.genes), seed=seed, no_plot=True, outdir=None
        )
        result = ranked.res2d.rename(
            columns={"Term": "gene_set", "NES": "nes", "NOM p-val": "p", "FDR q-val": "fdr", "Lead_genes": "genes"}
        )
        parts.append(result[["gene_set", "nes", "p", "fdr", "genes"]].assign(cell_type=cell_type))
    columns = ["cell_type", "gene_set", "nes", "p", "fdr", "genes"]
    return pd.concat(parts)[columns].sort_values(["cell_type", "fdr", "gene_set"], ignore_index=True)


def draw(rows: pd.DataFrame, path: Path, number: int = 10) -> None:
    """Draw the strongest `number` genes of every type over all samples, from :func:`table`.

    Raises
    ------
    UsageError
        If the name of the file ends in nothing that can be drawn.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from unmix.errors import UsageError

    if path.suffix not in (".svg", ".png", ".pdf"):
        raise UsageError(f"--plot {path.name}", "a name that ends in .svg, .png or .pdf")
    rows = rows[rows["sample"] == ALL]
    types = list(dict.fromkeys(rows["cell_type"]))
    across = min(3, len(types))
    down = -(-len(types) // across)
    drawn = Figure(figsize=(3.6 * across, (0.22 * number + 0.9) * down), layout="constrained")
    panels = drawn.subplots(down, across, squeeze=False).ravel()
    for panel, cell_type in zip(panels, types, strict=False):
        part = rows[rows["cell_type"] == cell_type].head(number).sort_values("attribution")
        colours = ["#2a6f97" if value > 0 else "#b5532a" for value in part["attribution"]]
        panel.barh(part["gene"], part["attribution"], color=colours)
        panel.axvline(0, color="#444444", linewidth=0.8)
        panel.set_title(cell_type, fontsize=10, loc="left")
        panel.tick_params(labelsize=8)
        panel.locator_params(axis="x", nbins=4)
        panel.spines[["top", "right", "left"]].set_visible(False)
    for panel in panels[len(types) :]:
        panel.set_visible(False)
    drawn.supxlabel("attribution: what the gene adds to the estimate, mean over samples", fontsize=9)
    dates = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}  # the same rows give the same bytes
    with mpl.rc_context({"svg.hashsalt": "unmix"}):
        drawn.savefig(path, dpi=150, metadata=dates.get(path.suffix))
