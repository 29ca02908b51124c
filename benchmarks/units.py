"""How often the unit of simulated bulk is recognised, asked for, or wrong, by the form in which it is written.

python benchmarks/units.py [cases per form]
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np

from unmix.errors import DataError
from unmix.io import units

if TYPE_CHECKING:
    from collections.abc import Callable

#: Sum over genes of the difference of proportions, halved, up to which a sample counts as right.
TOLERANCE = 1e-3


def counts(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return negative binomial counts (samples x genes), and the lengths of the genes in kilobases."""
    samples, genes = int(rng.choice([1, 2, 3, 5, 12, 50])), int(rng.integers(2_000, 20_001))
    if samples == 50:
        genes = min(genes, 8_000)
    profile = rng.lognormal(0, rng.uniform(1.5, 2.8), genes) * (rng.random(genes) > rng.uniform(0, 0.4))
    variation = rng.lognormal(0, rng.uniform(0.02, 0.6), (samples, genes))
    expected = profile * variation
    depth = 10 ** rng.uniform(4, 7.7) * rng.lognormal(0, 0.4, (samples, 1))
    expected *= np.clip(depth, 1e4, 5e7) / expected.sum(1, keepdims=True)
    dispersion = rng.uniform(0.001, 0.3)
    drawn = rng.poisson(rng.gamma(1 / dispersion, dispersion * expected + 1e-12)).astype(float)
    return drawn[drawn.any(1)], rng.lognormal(0.7, 0.8, genes)


def shares(values: np.ndarray) -> np.ndarray:
    """Return rows divided by their sums."""
    return values / values.sum(1, keepdims=True)


def per_length(values: np.ndarray, lengths: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return FPKM: per kilobase, and per million of all reads, of which the genes have a part."""
    return shares(values) * rng.uniform(0.5, 0.95, (len(values), 1)) / lengths * 1e6


def size_factors(values: np.ndarray) -> np.ndarray:
    """Return factors as DESeq2's medians of ratios, or sums where no gene is seen in every sample."""
    everywhere = values[:, (values > 0).all(0)]
    if everywhere.shape[1] < 20:
        return values.sum(1, keepdims=True) / values.sum(1).mean()
    ratios = np.log(everywhere) - np.log(everywhere).mean(0)
    return np.exp(np.median(ratios, 1, keepdims=True))


#: A form as a function of counts, lengths and a generator: linear values.
LINEAR: dict[str, Callable[..., np.ndarray]] = {
    "counts": lambda c, k, rng: c,
    "TPM": lambda c, k, rng: shares(c / k) * 1e6,
    "CPM": lambda c, k, rng: shares(c) * 1e6,
    "CP10k": lambda c, k, rng: shares(c) * 1e4,
    "median": lambda c, k, rng: shares(c) * np.median(c.sum(1)),
    "size factors": lambda c, k, rng: c / size_factors(c),
    "FPKM": per_length,
}
LOGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "": lambda x: x,
    "log2": lambda x: np.log2(x + 1),
    "ln": np.log1p,
    "log10": lambda x: np.log10(x + 1),
}
DIGITS = (None, 6, 5, 4, 3)


def written(values: np.ndarray, digits: int | None) -> np.ndarray:
    """Return values as float32, or rounded to some decimals."""
    return values.astype(np.float32).astype(float) if digits is None else np.round(values, digits)


def outcome(values: np.ndarray, truth: np.ndarray) -> str:
    """Return ``right``, ``asked`` or ``wrong``."""
    try:
        found = units.decide(values, "auto")
    except DataError:
        return "asked"
    got = units.linear(values, found)
    empty = ~got.any(1) | ~truth.any(1)
    off = np.abs(shares(got[~empty]) - shares(truth[~empty])).sum(1) / 2
    return "right" if off.size and off.max() < TOLERANCE else "wrong"


def case(form: str, log: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return one bulk as it is written, and its true linear values as far as the written digits hold them."""
    drawn, lengths = counts(rng)
    values = LINEAR[form](drawn, lengths, rng)
    shown = written(LOGS[log](values), DIGITS[rng.integers(len(DIGITS))])
    undo = {"": lambda x: x, "log2": lambda x: 2**x - 1, "ln": np.expm1, "log10": lambda x: 10**x - 1}[log]
    return shown, np.maximum(undo(shown), 0)


def main() -> None:
    """Print a row per form."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    print(f"form\tright\tasked\twrong\t({number} cases each)")
    for log in LOGS:
        for form in LINEAR:
            rng = np.random.default_rng([number, list(LOGS).index(log), list(LINEAR).index(form)])
            results = [outcome(*case(form, log, rng)) for _ in range(number)]
            name = f"{log}({form} + 1)" if log else form
            print(name, *(results.count(kind) for kind in ("right", "asked", "wrong")), sep="\t", flush=True)


if __name__ == "__main__":
    main()
