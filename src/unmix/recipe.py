"""Recipes: every number a method uses, as typed data that a user can read and override."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from unmix.errors import UsageError

R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """How pseudobulk is mixed from the cells of a reference (see :mod:`unmix.simulate`)."""

    law: Literal[
        "dirichlet",
        "uniform",
        "rare",
        "pure",
        "range",
        "integer_weights",
        "prior_ranges",
        "permuted_ranges",
        "fill",
        "bounded_fill",
        "permuted_fill",
    ] = "dirichlet"
    """Law of the fractions: Dirichlet(alpha); uniform numbers divided by their sum (Scaden); Dirichlet with
    one type at 0-5 %; single types; one type uniform in [low, high] (purity); UCD's integer weights; the last
    five are Digitaldlsorter's (see :mod:`unmix.laws`)."""
    laws: dict[str, float] = field(default_factory=dict)
    """If given: the law of every mix is one of these, drawn with these shares, and `law` is not used."""
    alpha: float = 1.0
    low: float = 0.0
    high: float = 1.0
    sparse: float = 0.0
    """Share of mixes in which only a random 1..K-1 of the K types occur."""
    sparse_most: int = 0
    """If above 0: in these mixes at most so many types occur."""
    priors: dict[str, float] = field(default_factory=dict)
    """Expected fraction of named types (Dirichlet with these means); others share the rest."""
    cells: int = 500
    cells_max: int = 0
    """If larger than `cells`: cells per mix uniform between the two."""
    single: bool = False
    """One random cell of each type, weighted by its fraction, in place of `cells`: for profiles of pure samples."""
    rounding: Literal["multinomial", "floor", "round", "ceil"] = "multinomial"
    label: Literal["realised", "requested"] = "realised"
    target: Literal["cell", "mrna"] = "cell"
    """What the network learns: fractions of cells or of their mRNA."""
    aggregate: Literal["counts", "cpm", "mean"] = "counts"
    """Sum of counts; sum of every cell's CPM; mean of every cell's CPM."""
    donors: Literal["pooled", "same", "cross"] = "pooled"
    """Cells of a mix come from all donors at once, from one donor, or in equal shares from each."""
    subtypes: Literal["abundant", "dirichlet"] = "abundant"
    """Of which types the cells of a merged type (malignant, normal) are: as abundant as in the reference, or in shares
    drawn anew for every mix (Dirichlet(1) over those of the donor)."""
    replace: bool = True
    library: float = 0.0
    """If above 0: Poisson sampling of a library of this many counts."""
    platform: float = 0.0
    """Standard deviation (natural log) of a gene-wise factor drawn for every mix."""
    dropout: float = 0.0
    """Share of genes set to zero in every mix."""
    mrna: dict[str, float] = field(default_factory=dict)
    """Relative mRNA per cell of named types, multiplied into their counts (1 where not named)."""
    unknown: float = 0.0
    """Share of every mix that comes from `hidden` types, which the truth does not name."""
    hidden: tuple[str, ...] = ()
    augment: int = 0
    """Types with fewer cells are filled up to this many with cells of a zero-inflated negative binomial."""
    samples: int = 0
    """Mixes made once and reused; 0 makes every training batch anew."""


@dataclass(frozen=True, kw_only=True)
class Prep:
    """How linear expression becomes the input of a network (see :mod:`unmix.prep`)."""

    genes: Literal["all", "markers", "variance"] = "markers"
    per_type: int = 100
    """Markers taken per cell type."""
    top: int = 0
    """Most variable genes taken; 0 takes all whose variance exceeds `min_variance`."""
    min_variance: float = 0.0
    order: Literal["reference", "name", "correlation"] = "reference"
    """Order of the genes in the model, which networks with convolutions see: that of the reference, by name, or by
    correlation (leaves of a tree over the training mixes, so that genes which vary together are neighbours)."""
    depth: float = 1e6
    """Sum to which every sample is scaled over the model's genes; 0 leaves the depth as it is."""
    log: Literal["log2", "ln", "none"] = "log2"
    pseudocount: float = 1.0
    tfidf: bool = False
    sample: Literal["none", "minmax", "z", "center", "rank", "clipped"] = "none"
    """Scaling of each sample over genes; ``clipped`` is z, clipped at 10 deviations, then min-max (UCD)."""
    gene: Literal["none", "z"] = "none"
    """Scaling of each gene with mean and deviation of the training mixes, frozen in the model."""
    missing: Literal["neutral", "zero"] = "neutral"
    """Genes that a bulk lacks get their mean over the training mixes, or count as not expressed (UCD, GBMPurity)."""


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
    """The network sees inputs minus their means over training mixes, which the biases of its first layer could as well
    hold: the same functions, found in fewer steps where inputs are far from zero (minmax)."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the matrix products; bfloat16 pays on CPUs with AMX and on GPUs."""
    validate_every: int = 250
    patience: int = 0
    """Validations without improvement before stopping; 0 trains all steps and keeps the last weights."""


def asdict(recipe: Any) -> dict[str, Any]:
    """Return a recipe as JSON-ready data."""
    return json.loads(json.dumps(dataclasses.asdict(recipe)))


def fromdict(kind: type[R], data: dict[str, Any], path: str = "") -> R:
    """Build a recipe of type `kind` from the data of :func:`asdict`; missing keys keep their default.

    Raises
    ------
    UsageError
        If a key is unknown (the valid ones are listed) or a value has the wrong type.
    """
    hints = typing.get_type_hints(kind)
    values = {}
    for key, value in data.items():
        if key not in hints:
            raise _unknown(path + key, [path + name for name in hints])
        values[key] = _cast(hints[key], value, path + key)
    try:
        return kind(**values)
    except TypeError as error:
        raise UsageError(f"the recipe is incomplete: {error}", f"all of {', '.join(hints)}") from error


def override(recipe: R, settings: typing.Iterable[str]) -> R:
    """Return `recipe` with ``a.b=value`` settings applied.

    Raises
    ------
    UsageError
        If a setting has no ``=``, names an unknown key, or has a value of the wrong type.
    """
    data = asdict(recipe)
    for setting in settings:
        name, separator, text = setting.partition("=")
        if not separator:
            raise UsageError(f"--set {setting}", "--set a.b=value", f"valid names: {', '.join(_names(recipe))}")
        *groups, key = name.strip().split(".")
        place = data
        for group in groups:
            place = place.get(group) if isinstance(place, dict) else None
        if not isinstance(place, dict) or (key not in place and not _open_key(recipe, groups)):
            raise _unknown(name, _names(recipe))
        place[key] = _parse(text)
    return fromdict(type(recipe), data)


def _names(recipe: Any, prefix: str = "") -> list[str]:
    names = []
    for item in dataclasses.fields(recipe):
        value = getattr(recipe, item.name)
        nested = dataclasses.is_dataclass(value)
        names += _names(value, f"{prefix}{item.name}.") if nested else [prefix + item.name]
    return names


def _open_key(recipe: Any, groups: list[str]) -> bool:
    """Tell whether the place is a table whose keys are the user's, as simulation.mrna.Monocyte."""
    for group in groups:
        recipe = getattr(recipe, group, None)
    return isinstance(recipe, dict)


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _unknown(name: str, valid: list[str]) -> UsageError:
    return UsageError(f"unknown setting {name}", "one of " + ", ".join(valid))


def _cast(hint: Any, value: Any, name: str) -> Any:
    """Check `value` against the type of its field and convert what JSON cannot say."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return None if value is None else _cast(arguments[0], value, name)
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return fromdict(hint, value, name + ".")
    if origin is Literal and value in arguments:
        return value
    if origin is tuple and isinstance(value, list):
        return tuple(_cast(arguments[0], item, name) for item in value)
    if origin is dict and isinstance(value, dict):
        return {str(key): _cast(arguments[1], item, name) for key, item in value.items()}
    if hint is bool and isinstance(value, bool):
        return value
    if hint is int and isinstance(value, (int, float)) and not isinstance(value, bool) and value == int(value):
        return int(value)
    if hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if hint is str and isinstance(value, (str, int, float)):
        return str(value)
    expected = ", ".join(map(str, arguments)) if origin is Literal else getattr(hint, "__name__", str(hint))
    raise UsageError(f"{name}={value}", f"{expected}")
