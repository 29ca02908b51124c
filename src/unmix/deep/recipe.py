"""Preprocessing, networks and training of the deep methods, as typed settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from unmix.simulate.recipe import Simulation


@dataclass(frozen=True, kw_only=True)
class Prep:
    """How linear expression becomes the input of a network (see :mod:`unmix.deep.preprocessing`)."""

    genes: Literal["all", "markers", "variance"] = "markers"
    per_type: int = 100
    """Markers taken per cell type."""
    top: int = 0
    """Most variable genes taken; 0 takes all whose variance exceeds `min_variance`."""
    min_variance: float = 0.0
    order: Literal["reference", "name", "correlation"] = "reference"
    """Order of the genes in the model, which networks with convolutions see: that of the reference, by name, or by
    correlation (leaves of a tree over the training pseudobulk, so that genes which vary together are neighbours)."""
    depth: float = 1e6
    """Sum to which every sample is scaled over the model's genes; 0 leaves the depth as it is."""
    log: Literal["log2", "ln", "none"] = "log2"
    pseudocount: float = 1.0
    tfidf: bool = False
    sample: Literal["none", "minmax", "z", "center", "rank", "clipped"] = "none"
    """Scaling of each sample over genes; ``clipped`` is z, clipped at 10 deviations, then min-max (UCD)."""
    gene: Literal["none", "z"] = "none"
    """Scaling of each gene with mean and deviation of the training pseudobulk, frozen in the model."""
    missing: Literal["neutral", "zero"] = "neutral"
    """Genes that a bulk lacks get their mean over the training pseudobulk, or count as not expressed (UCD, GBMPurity)."""


@dataclass(frozen=True, kw_only=True)
class Net:
    """A dense network: hidden widths (none: linear), dropout after each, activation, batch normalisation before it."""

    hidden: tuple[int, ...]
    dropout: tuple[float, ...] = ()
    activation: Literal["relu", "relu6", "celu"] = "relu"
    norm: Literal["none", "hidden", "all"] = "none"
    """Batch normalisation of the hidden layers, or of the output (before the softmax) too."""
    normed: tuple[int, ...] = ()
    """If given: of these hidden layers only (the first is 0)."""
    input_dropout: float = 0.0
    """Share of the genes dropped in training, the same for all members (that of the first one counts)."""


@dataclass(frozen=True, kw_only=True)
class Train:
    """The training loop: Adam on batches, validation on held-out donors."""

    steps: int = 2000
    batch: int = 128
    lr: float = 1e-3
    schedule: Literal["constant", "cosine", "decay"] = "constant"
    """``decay``: times 0.9 after every validation, down to a tenth."""
    eps: float = 1e-7
    """Adam's epsilon; 1e-7 is the Keras default that the originals ran with."""
    weight_decay: float = 0.0
    centered: bool = False
    """The network sees inputs minus their means over training pseudobulk, which the biases of its first layer could as well
    hold: the same functions, found in fewer steps where inputs are far from zero (minmax)."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the matrix products; bfloat16 pays on CPUs with AMX and on GPUs."""
    validate_every: int = 250
    patience: int = 0
    """Validations without improvement before stopping; 0 trains all steps and keeps the last weights."""


@dataclass(frozen=True, kw_only=True)
class Deep:
    """Recipe of a deep method."""

    prep: Prep = field(default_factory=Prep)
    simulation: Simulation = field(default_factory=Simulation)
    nets: tuple[Net, ...] = ()
    train: Train = field(default_factory=Train)


#: What default recipes share, chosen by held-out pseudobulk with Scaden's networks (its file says by which figures): few,
#: well expressed markers over a pseudocount of 500 in a million, so that genes of hardly any counts are quiet; half of
#: the pseudobulk without some types, on a platform of their own; few, large steps that held-out pseudobulk stop.
PREP = Prep(genes="markers", per_type=60, pseudocount=500, sample="z")
SIMULATION = Simulation(sparse=0.5, cells=200, platform=0.5)
TRAIN = Train(steps=800, batch=128, lr=1e-3, schedule="cosine", validate_every=100, patience=3)
