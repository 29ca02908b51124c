"""How pseudobulk is made, as typed settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """How pseudobulk is mixed from the cells of a reference (see :mod:`unmix.simulate`)."""

    composition: Literal[
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
    """composition distribution: Dirichlet(alpha); uniform numbers divided by their sum (Scaden); Dirichlet with
    one type at 0-5 %; single types; one type uniform in [low, high] (purity); UCD's integer weights; the last
    five are Digitaldlsorter's (see :mod:`unmix.simulate.compositions`)."""
    compositions: dict[str, float] = field(default_factory=dict)
    """If given: the composition of every pseudobulk sample is one of these, drawn with these shares, and `composition` is not used."""
    alpha: float = 1.0
    low: float = 0.0
    high: float = 1.0
    sparse: float = 0.0
    """Share of pseudobulk in which only a random 1..K-1 of the K types occur."""
    sparse_most: int = 0
    """If above 0: in these pseudobulk at most so many types occur."""
    priors: dict[str, float] = field(default_factory=dict)
    """Expected fraction of named types (Dirichlet with these means); others share the rest."""
    cells: int = 500
    cells_max: int = 0
    """If larger than `cells`: cells per pseudobulk sample uniform between the two."""
    single: bool = False
    """One random cell of each type, weighted by its fraction, in place of `cells`: for profiles of pure samples."""
    rounding: Literal["multinomial", "floor", "round", "ceil"] = "multinomial"
    label: Literal["realised", "requested"] = "realised"
    target: Literal["cell", "mrna"] = "cell"
    """What the network learns: fractions of cells or of their mRNA."""
    aggregate: Literal["counts", "cpm", "mean"] = "counts"
    """Sum of counts; sum of every cell's CPM; mean of every cell's CPM."""
    donors: Literal["pooled", "same", "cross"] = "pooled"
    """Cells of a pseudobulk sample come from all donors at once, from one donor, or in equal shares from each."""
    subtypes: Literal["abundant", "dirichlet"] = "abundant"
    """Of which types the cells of a merged type (malignant, normal) are: as abundant as in the reference, or in shares
    drawn anew for every pseudobulk sample (Dirichlet(1) over those of the donor)."""
    replace: bool = True
    library: float = 0.0
    """If above 0: Poisson sampling of a library of this many counts."""
    platform: float = 0.0
    """Standard deviation (natural log) of a gene-wise factor drawn for every pseudobulk sample."""
    dropout: float = 0.0
    """Share of genes set to zero in every pseudobulk sample."""
    mrna: dict[str, float] = field(default_factory=dict)
    """Relative mRNA per cell of named types, multiplied into their counts (1 where not named)."""
    unknown: float = 0.0
    """Share of every pseudobulk sample that comes from `hidden` types, which the truth does not name."""
    hidden: tuple[str, ...] = ()
    augment: int = 0
    """Types with fewer cells are filled up to this many with cells of a zero-inflated negative binomial."""
    samples: int = 0
    """Pseudobulk made once and reused; 0 makes every training batch anew."""
