"""How pseudobulk is made, as typed settings."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from unmix.settings import (
    Count,
    CountOrZero,
    LogDeviation,
    NonNegative,
    Positive,
    Rule,
    Settings,
    Share,
    ShareBelowOne,
)

Composition = Literal[
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
]
#: Composition distributions that the expected fractions of `priors` change.
WITH_PRIORS = {"dirichlet", "prior_ranges", "permuted_ranges", "bounded_fill", "permuted_fill"}


class Simulation(Settings):
    """How pseudobulk is made of the cells of a reference (see :mod:`unmix.simulate`)."""

    composition: Composition = "dirichlet"
    """Composition distribution: Dirichlet(alpha); uniform numbers divided by their sum (Scaden); Dirichlet with
    one type at 0-5 %; single types; the first type uniform from 0 to 1 (purity); UCD's integer weights; the last
    five are Digitaldlsorter's (see :mod:`unmix.simulate.compositions`)."""
    compositions: dict[Composition, Positive] = Field(default_factory=dict)
    """If given, used in place of `composition`: names and relative shares of several composition distributions."""
    alpha: Positive = 1.0
    """Concentration of the Dirichlet distribution; below 1, samples are dominated by few types."""
    sparse: Share = 0.0
    """Share of pseudobulk in which only a random 1..K-1 of the K types occur."""
    sparse_most: CountOrZero = 0
    """Largest number of types in these pseudobulk; 0 sets no limit."""
    priors: dict[str, Share] = Field(default_factory=dict)
    """Expected fraction of named types; the others share the rest."""
    cells: Count = 500
    """Cells per pseudobulk sample."""
    cells_max: CountOrZero = 0
    """If above 0, the number of cells is drawn uniformly between `cells` and this."""
    single: bool = False
    """One random cell of each type, weighted by its fraction, in place of `cells`: for profiles of pure samples."""
    rounding: Literal["multinomial", "floor", "round", "ceil"] = "multinomial"
    """How fractions become numbers of cells."""
    label: Literal["realised", "requested"] = "realised"
    """Whether the truth is the share of the cells drawn, or the fractions before rounding."""
    target: Literal["cell", "mrna"] = "cell"
    """What the network learns: fractions of cells or of their mRNA."""
    aggregate: Literal["counts", "cpm", "mean"] = "counts"
    """Sum of counts; sum of every cell's CPM; mean of every cell's CPM."""
    donors: Literal["pooled", "same"] = "pooled"
    """Whether the cells of a pseudobulk sample come from all donors or from one donor."""
    subtypes: Literal["abundant", "dirichlet"] = "abundant"
    """Subtypes of the cells of a merged type (malignant, normal): as abundant as in the reference, or in shares
    drawn anew for every pseudobulk sample (Dirichlet(1) over those of the donor)."""
    replace: bool = True
    """Whether a cell may be drawn more than once for one pseudobulk sample."""
    library: NonNegative = 0.0
    """If above 0: Poisson sampling of a library of this many counts."""
    platform: LogDeviation = 0.0
    """Standard deviation (natural log) of a gene-wise factor drawn for every pseudobulk sample."""
    dropout: ShareBelowOne = 0.0
    """Share of genes set to zero in every pseudobulk sample."""
    mrna: dict[str, Positive] = Field(default_factory=dict)
    """Relative mRNA per cell of named types, multiplied into their counts (1 where not named)."""
    unknown: ShareBelowOne = 0.0
    """Share of every pseudobulk sample that comes from `hidden` types, which the truth does not name."""
    hidden: tuple[str, ...] = ()
    """Cell types that the truth does not name."""
    augment: CountOrZero = 0
    """Types with fewer cells are filled up to this many with cells of a zero-inflated negative binomial."""
    samples: CountOrZero = 0
    """Pseudobulk samples made once and reused; 0 makes every training batch anew."""

    rules = (
        Rule(("cells", "cells_max"), lambda s: s.cells_max == 0 or s.cells_max >= s.cells, "cells_max 0, or >= cells"),
        Rule(("priors",), lambda s: sum(s.priors.values()) <= 1 + 1e-9, "fractions whose sum is at most 1"),
        Rule(
            ("priors", "composition", "compositions"),
            lambda s: not s.priors or WITH_PRIORS & {*(s.compositions or {s.composition: 1})},
            f"priors only with a composition that uses them: {', '.join(sorted(WITH_PRIORS))}",
        ),
        Rule(("unknown", "hidden"), lambda s: s.unknown == 0 or s.hidden, "hidden types where unknown is above 0"),
        Rule(
            ("single", "donors"),
            lambda s: not s.single or s.donors == "pooled",
            "donors=pooled with single, which takes one cell of each type from all donors",
        ),
    )
