"""Preprocessing, networks and training of the deep methods, as typed settings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from unmix.settings import Count, CountOrZero, LearningRate, NonNegative, Positive, Rule, Settings, Share, ShareBelowOne
from unmix.simulate.recipe import Simulation


class Prep(Settings):
    """How linear expression becomes the input of a network (see :mod:`unmix.deep.preprocessing`)."""

    genes: Literal["all", "markers", "variance"] = "markers"
    """Genes of the model: all, markers of the cell types, or the most variable of the training pseudobulk."""
    per_type: Count = 100
    """Markers taken per cell type."""
    top: CountOrZero = 0
    """Most variable genes taken; 0 takes all whose variance exceeds `min_variance`."""
    min_variance: NonNegative = 0.0
    """Variance that a gene must exceed, where `top` is 0."""
    order: Literal["reference", "name", "correlation"] = "reference"
    """Order of the genes in the model, which networks with convolutions see: that of the reference, by name, or by
    correlation (leaves of a tree over the training pseudobulk, so that genes which vary together are neighbours)."""
    depth: NonNegative = 1e6
    """Sum to which every sample is scaled over the model's genes; 0 leaves the depth as it is."""
    log: Literal["log2", "ln", "none"] = "log2"
    """Logarithm of the expression."""
    pseudocount: Positive = 1.0
    """Added to the expression before the logarithm."""
    tfidf: bool = False
    """Whether genes are weighted by term frequency and inverse document frequency (DeepDecon)."""
    sample: Literal["none", "minmax", "z", "clipped"] = "none"
    """Scaling of each sample over genes; ``clipped`` is z, clipped at 10 deviations, then min-max (UCD)."""
    gene: Literal["none", "z"] = "none"
    """Scaling of each gene with mean and deviation of the training pseudobulk, frozen in the model."""
    missing: Literal["neutral", "zero"] = "neutral"
    """Genes that a bulk lacks get their mean over training pseudobulk, or count as not expressed (UCD, GBMPurity)."""

    rules = (
        Rule(
            ("top", "min_variance"),
            lambda s: not (s.top and s.min_variance),
            "one of the two at 0: genes are chosen by their number or by their variance",
        ),
    )


class Net(Settings):
    """A dense network."""

    hidden: tuple[Count, ...]
    """Widths of the hidden layers; none is a linear model."""
    dropout: tuple[ShareBelowOne, ...] = ()
    """Dropout after each hidden layer; none drops nothing."""
    activation: Literal["relu", "relu6", "celu"] = "relu"
    """Activation of the hidden layers."""
    norm: Literal["none", "hidden", "all"] = "none"
    """Batch normalisation of the hidden layers, or of the output (before the softmax) too."""
    normed: tuple[CountOrZero, ...] = ()
    """If given: batch normalisation of these hidden layers only (the first is 0)."""
    input_dropout: ShareBelowOne = 0.0
    """Share of the genes dropped in training, the same for all members."""

    rules = (
        Rule(
            ("hidden", "dropout"),
            lambda s: len(s.dropout) in (0, len(s.hidden)),
            "no dropout, or one for each hidden layer",
        ),
        Rule(
            ("hidden", "normed"),
            lambda s: list(s.normed) == sorted({*s.normed} & {*range(len(s.hidden))}),
            "normed: numbers of hidden layers from 0, ascending",
        ),
        Rule(("norm", "normed"), lambda s: not s.normed or s.norm == "none", "norm=none where normed is given"),
    )


class Train(Settings):
    """The training loop: Adam on batches, validation on held-out donors."""

    steps: Count = 2000
    """Batches to train on, at most."""
    batch: Count = 128
    """Pseudobulk samples of a batch."""
    lr: LearningRate = 1e-3
    """Learning rate of Adam."""
    schedule: Literal["constant", "cosine", "decay"] = "constant"
    """Course of the learning rate; ``decay``: times 0.9 after every validation, down to a tenth."""
    eps: Annotated[float, Field(gt=0, le=1)] = 1e-7
    """Adam's epsilon; 1e-7 is the Keras default that the originals ran with."""
    weight_decay: Share = 0.0
    """Share of the weights added to their gradient (L2 penalty)."""
    centered: bool = False
    """Inputs minus their means over training pseudobulk; the first biases could hold these as well."""
    validate_every: Count = 250
    """Steps between validations; the last step is always validated."""
    patience: CountOrZero = 0
    """Validations without improvement before stopping; 0 trains all steps and keeps the last weights."""


#: The rules of methods that have one network, or that make every batch anew.
ONE_NET = Rule(("nets",), lambda s: len(s.nets) == 1, "one network: this method trains no ensemble")
STORED = Rule(("simulation.samples",), lambda s: s.simulation.samples > 0, "1 or more, to choose from")
NEW_BATCHES = Rule(
    ("simulation.samples",), lambda s: s.simulation.samples == 0, "0: this method makes every training batch anew"
)


class Expression(Settings):
    """A conditional variational autoencoder for the profile of every type in every sample (DISSECT)."""

    steps: CountOrZero = 0
    """Training steps, at most half of those for fractions; 0: the reference's profiles fitted to the sample."""
    start: Literal["zero", "attributed"] = "zero"
    """What the network adds to: nothing (code), or the reference's profiles fitted to the sample."""
    hidden: Annotated[tuple[Count, ...], Field(min_length=1)] = (200, 200)
    """Code: widths of the hidden layers."""
    latent: Count = 128
    """Code: width of the latent layer."""
    lr: LearningRate = 1e-3
    """Code: learning rate."""
    batch: Count = 128
    """Code: samples of a batch."""
    divergence: NonNegative = 0.01
    """Code: weight of the divergence of the latent variables from a normal distribution."""


class Deep(Settings):
    """Recipe of a deep method."""

    prep: Prep = Prep()
    """How expression becomes the input of the network."""
    simulation: Simulation = Simulation()
    """How training pseudobulk is made."""
    nets: Annotated[tuple[Net, ...], Field(min_length=1)]
    """The networks of the ensemble."""
    train: Train = Train()
    """How the networks are trained."""

    rules = (
        Rule(
            ("nets",),
            lambda s: len({net.input_dropout for net in s.nets}) == 1,
            "the same input_dropout in all networks, which share their input",
        ),
    )


class Dense(Deep):
    """Recipe of a deep method whose networks end in one score per cell type."""

    output: Literal["softmax", "relu_sum", "logistic"] = "softmax"
    """What makes fractions of the scores: softmax; what is positive, divided by its sum (regression); a logistic
    function of each type (classification), divided by their sum. docs/output_layers.md compares them."""


#: What default recipes share, chosen by held-out pseudobulk with Scaden's networks (its file gives the figures):
# few, well expressed markers over a pseudocount of 500 in a million, so that genes of hardly any counts are quiet;
# half of the pseudobulk without some types, on a platform of their own; large steps on small batches, which held-out
# pseudobulk end. Larger batches take longer for hardly another error (benchmarks/training.py).
PREP = Prep(genes="markers", per_type=60, pseudocount=500, sample="z")
SIMULATION = Simulation(sparse=0.5, cells=200, platform=0.5)
TRAIN = Train(steps=800, batch=64, lr=1e-3, schedule="cosine", validate_every=100, patience=3)
