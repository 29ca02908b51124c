"""Which genes drove which fraction: attributions, gene by cell type, of every sample and over all samples.

Three ways, each exact in its own sense: networks by integrated gradients (Captum), from the mean input of the training
mixes to the sample's; least squares by the summand of every gene; other solvers by the expression of every gene that
the estimated fractions explain. In each the attributions of a type sum to its estimate less that of the baseline.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from unmix import registry, trust, uncertainty
from unmix.engine import silent
from unmix.inputs import align, aligned
from unmix.units import per_million

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import anndata as ad
    import pandas as pd
    import torch

    from unmix.model import Model

#: Name of the rows over all samples; a sample may not be called so.
ALL = "(all samples)"
#: Steps of the integral: doubled until the attributions sum to the difference within TOLERANCE, at most LAST.
FIRST, LAST, TOLERANCE = 32, 512, 0.005


@dataclass(frozen=True)
class Attributions:
    """Attributions of a bulk.

    Attributes
    ----------
    values
        Samples x types x genes of the model.
    estimate
        Samples x types, what is explained.
    baseline
        Types (or samples x types): the estimate from which the attributions lead to `estimate`.
    """

    values: np.ndarray
    estimate: np.ndarray
    baseline: np.ndarray

    def error(self) -> float:
        """Return the largest difference between summed attributions and estimate less baseline."""
        if self.values.size == 0:
            return 0.0
        return float(np.abs(self.values.sum(2) - (self.estimate - self.baseline)).max())


def integrated(
    estimate: Callable[[torch.Tensor], torch.Tensor], inputs: np.ndarray, baseline: np.ndarray, device: str
) -> Attributions:
    """Attribute by integrated gradients (Sundararajan et al. 2017), one sample at a time.

    Parameters
    ----------
    estimate
        From network inputs (samples x genes) to fractions (samples x types).
    inputs
        Samples x genes.
    baseline
        Genes: the input at which the path starts.
    device
        Where the network runs.
    """
    import torch
    from captum.attr import IntegratedGradients

    start = torch.from_numpy(baseline[None].astype(np.float32)).to(device)
    rows = torch.from_numpy(np.ascontiguousarray(inputs, dtype=np.float32)).to(device)
    with torch.no_grad():
        ends = [estimate(row[None])[0] for row in rows]
        origin = estimate(start)[0]
    method, values = IntegratedGradients(estimate), []
    for row, end in zip(rows, ends, strict=True):
        types = torch.arange(len(origin))
        copies, steps = row.repeat(len(types), 1), FIRST
        while True:
            found = method.attribute(copies, start, target=types.to(device), n_steps=steps, internal_batch_size=256)
            error = (found.sum(1) - (end - origin)).abs().max().item()
            if error < TOLERANCE or steps >= LAST:
                break
            steps *= 2
        values.append(found.detach().cpu().numpy())
    shape = (0, len(origin), inputs.shape[1])
    stacked = np.stack(values) if values else np.zeros(shape, np.float32)
    estimates = torch.stack(ends).cpu().numpy() if values else np.zeros(shape[:2], np.float32)
    return Attributions(stacked, estimates, origin.cpu().numpy())


def explained(model: Model, estimate: np.ndarray, present: np.ndarray) -> Attributions:
    """Attribute to every gene its share of the expression that a type adds to the sample.

    Parameters
    ----------
    model
        Holds the reference's profiles.
    estimate
        Samples x types.
    present
        Mask of the model's genes that the bulk has.
    """
    profiles = profiles_of(model) * present
    shares = profiles / np.maximum(profiles.sum(1, keepdims=True), 1e-12)
    estimate = _fractions(model, estimate * (profiles.sum(1) > 0))
    return Attributions(estimate[:, :, None] * shares, estimate, np.zeros(estimate.shape[1]))


def profiles_of(model: Model) -> np.ndarray:
    """Return the mean profile of every type over the model's genes (types x genes, per million).

    That of the signature, where the model is one of a signature, which a user's file may have brought; else of the
    reference.
    """
    if "signature" in model.arrays:
        signature = model.arrays["signature"]
        return np.pad(signature, [(0, len(model.cell_types) - len(signature)), (0, 0)])  # a type "other" has no profile
    return trust.profiles(model, model.genes)


def attribute(
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
    from unmix.errors import NotApplicable

    method = registry.get(model.method)
    if method.info.family == "control":
        raise NotApplicable(f"{model.method} is a control, which no gene drives", "a method", "explain another model")
    expression, present, device = align(method, model, bulk, device, say)
    found = method.attribute(model, expression, present, device)
    if found.error() > 2 * TOLERANCE:
        say(f"The attributions miss the estimates by up to {found.error():.3f}; take small ones as zero.")
    return found


def table(found: Attributions, model: Model, bulk: ad.AnnData, top: int) -> pd.DataFrame:
    """Return the strongest genes of every sample and type, and of the mean over samples, in long form.

    Parameters
    ----------
    found
        Of :func:`attribute`.
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
    import pandas as pd

    genes, parts = np.array(model.genes), []
    observed, expected = aligned(bulk, genes), np.clip(found.estimate, 0, None) @ profiles_of(model)
    missing = np.isnan(observed)
    observed, expected = (
        np.where(missing, np.nan, per_million(np.where(missing, 0, values))) for values in (observed, expected)
    )
    everything = [(ALL, found.values.mean(0), observed.mean(0), expected.mean(0))]
    everything += list(zip(bulk.obs_names.astype(str), found.values, observed, expected, strict=True))
    for sample, values, seen, fitted in everything:
        for k, cell_type in enumerate(model.cell_types):
            order = np.argsort(-np.abs(values[k]), kind="stable")[: top or None]
            parts.append(
                pd.DataFrame(
                    {
                        "sample": sample,
                        "cell_type": cell_type,
                        "gene": genes[order],
                        "attribution": values[k, order],
                        "observed": seen[order],
                        "expected": fitted[order],
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def gene_sets(found: Attributions, model: Model, path: Path, seed: int) -> pd.DataFrame:
    """Return the gene sets whose genes raise or lower each type's fraction (pre-ranked enrichment, gseapy).

    Parameters
    ----------
    found
        Of :func:`attribute`; its mean over samples ranks the genes.
    model
        As given to it.
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

    do = "give a GMT file: a set per line, its name, a description and its genes, between tabs"
    try:
        lines = [line.split("\t") for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path.name} cannot be read ({error})", "gene sets in GMT", do) from error
    sets = {line[0]: [gene for gene in line[2:] if gene] for line in lines}
    most = max((len(set(genes) & set(model.genes)) for genes in sets.values()), default=0)
    if most < 5:
        raise DataError(f"{path.name}: no gene set shares five genes with the model", "the same gene identifiers", do)
    parts = []
    for k, cell_type in enumerate(model.cell_types):
        ranking = pd.Series(found.values[:, k].mean(0), model.genes)
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


def _fractions(model: Model, estimate: np.ndarray) -> np.ndarray:
    """Return what predict gives: fractions, or scores as they are."""
    return estimate if model.kind == "score" else uncertainty.normalised(estimate)
