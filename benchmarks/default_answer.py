#!/usr/bin/env python
"""The default answer as a user gets it: accuracy, intervals and unknown content on blood whose cells were counted.

    .venv/bin/python benchmarks/default_answer.py rule | accuracy | methods | coverage | terms | cost [--seeds 0,1,2]

Reads the models and estimates of `benchmarks/blood.py predict`, and goes through the functions of unmix: conversion to
cells, consensus and intervals are those of the program. Prints tables in Markdown, for docs/default_answer.md.
`methods` also writes docs/real_blood.tsv, of which scripts/standing.py makes what the pages of the methods say.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import blood
import numpy as np
import pandas as pd

from unmix import methods as registry
from unmix.engine import cell_fractions
from unmix.engine.consensus import consensus
from unmix.evaluation import metrics
from unmix.io.fractions import normalised
from unmix.uncertainty import domain_shift

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unmix.io.fractions import Fractions

FURTHER_METHODS = tuple(
    name
    for name, kind in registry.all_methods().items()
    if kind.info.family != "control" and name not in registry.PANEL
)
NAMES = ("panel", *registry.PANEL, *FURTHER_METHODS)
CONTROLS = ("uniform", "reference_mean")
#: Of which panels are made.
MEMBERS = ("jointlog", "dissect", "hascad", "nnls")
FIVE = ("monaco", "sdy67", "sdy420", "gse65133", "daism")
REFERENCES = ("newman", "zheng")
#: Further sets, each with the reference that fits.
FURTHER = (("shenorr", "newman-blood"), ("becht", "newman-blood"), ("cell-lines", "lines"))
SETS = [(bulk, REFERENCES) for bulk in FIVE] + [(bulk, (over,)) for bulk, over in FURTHER]
#: Resamples of the samples of each bulk for the 95 % intervals of figures.
RESAMPLES = 300
#: Figures of all methods, a row for each bulk.
TABLE = blood.ROOT / "docs" / "real_blood.tsv"


@cache
def member(bulk: str, over: str, method: str, seed: int) -> Fractions | None:
    """Return what the program gives for one method: cells, or RNA where the truth counts RNA."""
    found = blood.stored_fractions(bulk, over, method, seed)
    if found is None:
        return None
    model, fractions = found
    source = pd.Series(1.0, model.reported) if blood.BULKS[bulk].counts == "RNA" else "auto"
    return cell_fractions.to_cells(model, fractions, source, lambda _: None)


@cache
def answer(bulk: str, over: str, name: str, seed: int) -> Fractions | None:
    """Return an answer by name, a method or ``panel``, over the types of the truth; None where a job was not run."""
    if name == "panel":
        members = [member(bulk, over, method, seed) for method in registry.PANEL]
        found = None if any(one is None for one in members) else consensus(members)
    else:
        found = member(bulk, over, name, seed)
    if found is None:
        return None
    sums = blood.BULKS[bulk].sums
    parts = {
        part: pd.DataFrame({kind: values[[t for t in own if t in values]].sum(axis=1) for kind, own in sums.items()})
        for part, values in vars(found).items()
        if part in ("values", "lower", "upper", "lower_relative", "upper_relative") and values is not None
    }
    return replace(found, **parts)


def known(bulk: str, over: str) -> pd.DataFrame:
    """Return the truth of a bulk."""
    truth = blood.samples(bulk, over)[1]
    return truth.set_axis(truth.index.astype(str))


def constant(bulk: str, over: str, name: str) -> np.ndarray:
    """Return what a control gives for every sample: equal shares, or the shares of the reference's cells."""
    types, sums = list(known(bulk, over)), blood.BULKS[bulk].sums
    if name == "uniform":
        return np.full(len(types), 1 / len(types))
    cells = blood.reference(over).obs["cell_type"].value_counts()
    return normalised(np.array([[cells.reindex(sums[kind]).fillna(0).sum() for kind in types]]))[0]


def figures(truth: np.ndarray, values: np.ndarray, weights: np.ndarray, types: Sequence[str]) -> dict[str, np.ndarray]:
    """Return RMSE, CCC, CCC with one type of T cells and mean r per type, one number for each row of weights.

    Parameters
    ----------
    truth, values
        Samples x types, rows of sum 1.
    weights
        Resamples x samples, rows of sum 1.
    """
    k = truth.shape[1]
    pooled = np.repeat(weights, k, axis=1) / k
    whole = metrics.agreement(truth.reshape(-1, 1), values.reshape(-1, 1), pooled)
    found = {"RMSE": whole["rmse"][:, 0], "CCC": whole["ccc"][:, 0]}
    found["r"] = np.nanmean(metrics.agreement(truth, values, weights)["pearson"], axis=1)
    if set(blood.T_CELLS) <= set(types):
        rest = [name not in blood.T_CELLS for name in types]
        truth, values = (np.column_stack([part[:, rest], 1 - part[:, rest].sum(1)]) for part in (truth, values))
        pooled = np.repeat(weights, truth.shape[1], axis=1) / truth.shape[1]
        found["T"] = metrics.agreement(truth.reshape(-1, 1), values.reshape(-1, 1), pooled)["ccc"][:, 0]
    return found


@cache
def resamples(bulk: str, number: int) -> np.ndarray:
    """Return weights of the samples of a bulk: the first row counts all alike, the others are bootstrap resamples."""
    rng = np.random.default_rng([number, sum(map(ord, bulk))])
    drawn = rng.multinomial(number, np.full(number, 1 / number), RESAMPLES) / number
    return np.vstack([np.full(number, 1 / number), drawn])


def of_bulk(bulk: str, references: Sequence[str], name: str, seeds: Sequence[int]) -> pd.DataFrame | None:
    """Return the figures of an answer, the mean over references and seeds: resamples (0: all samples) x figures."""
    tables = []
    for over, seed in itertools.product(references, seeds):
        truth = known(bulk, over)
        if name in CONTROLS:
            values = np.tile(constant(bulk, over, name), (len(truth), 1))
        elif (found := answer(bulk, over, name, seed)) is None:
            continue
        else:
            values = normalised(found.values.loc[truth.index, list(truth)].to_numpy())
        tables.append(pd.DataFrame(figures(truth.to_numpy(), values, resamples(bulk, len(truth)), list(truth))))
    complete = len(tables) == len(seeds) * len(references)
    return sum(tables) / len(tables) if complete else None


def said(column: pd.Series) -> str:
    """Return a figure with its 95 % interval over resamples."""
    low, high = np.nanquantile(column[1:], [0.025, 0.975])
    return f"{column[0]:.3f} [{low:.3f}, {high:.3f}]"


def accuracy(seeds: list[int]) -> None:
    """Print the figures of the panel, of single methods and of the controls over the five bulks, then per set."""
    every = {name: [of_bulk(bulk, REFERENCES, name, seeds) for bulk in FIVE] for name in (*NAMES, *CONTROLS)}
    every = {name: tables for name, tables in every.items() if all(table is not None for table in tables)}
    columns = ("RMSE", "CCC", "T", "r")
    print(f"| answer | {' | '.join(columns)} |")
    print("|---|" + "---|" * len(columns))
    means = {name: sum(tables) / len(tables) for name, tables in every.items()}
    for name, mean in means.items():
        print(f"| {name} | {' | '.join(said(mean[column]) for column in columns)} |")
    print("\nThe panel less each, with 95 % intervals over samples\n\n| answer | CCC | r |\n|---|---|---|")
    for name, mean in means.items():
        less = means["panel"] - mean
        print(f"| {name} | " + " | ".join(said(less[column]) for column in ("CCC", "r")) + " |")
    print("\n| set | " + " | ".join(f"{what} {name}" for name in ("panel",) for what in columns) + " | RMSE uniform |")
    print("|---|" + "---|" * (len(columns) + 1))
    for bulk, references in SETS:
        found, uniform = (of_bulk(bulk, references, name, seeds) for name in ("panel", "uniform"))
        if found is not None:
            cells = " | ".join(said(found[column]) if column in found else "" for column in columns)
            print(f"| {bulk} | {cells} | {uniform['RMSE'][0]:.3f} |")
    found = [answer("shenorr", "newman-blood", "panel", seed) for seed in seeds]
    if all(one is not None for one in found):
        truth = known("shenorr", "newman-blood")["Neutrophil"]
        values = np.mean([one.values.loc[truth.index, "Neutrophil"] for one in found], axis=0)
        print(
            f"\nNeutrophils of whole blood: mean {truth.mean():.3f} counted, {values.mean():.3f} estimated; mean error "
            f"of a sample {np.abs(values - truth).mean():.3f}."
        )


def of_methods(seeds: list[int]) -> None:
    """Print and write the figures of all methods that were run on the five bulks, beside the better control."""
    rows = []
    for name in (*NAMES, *CONTROLS):
        tables = {bulk: of_bulk(bulk, REFERENCES, name, seeds) for bulk in FIVE}
        for bulk, table in tables.items() if all(table is not None for table in tables.values()) else ():
            control = min(of_bulk(bulk, REFERENCES, one, seeds)["RMSE"][0] for one in CONTROLS)
            row = table.loc[0, ["RMSE", "CCC", "T", "r"]].round(4)
            rows.append({"method": name, "bulk": bulk, **row, "RMSE of the better control": round(control, 4)})
    table = pd.DataFrame(rows)
    table.to_csv(TABLE, sep="\t", index=False)
    print(f"| method | RMSE | CCC | T | r | RMSE {' | '.join(FIVE)} |")
    print("|---|" + "---|" * (4 + len(FIVE)))
    means = table.groupby("method", sort=False)[["RMSE", "CCC", "T", "r"]].mean()
    for name, mean in means.sort_values("RMSE").iterrows():
        own = table[table["method"] == name].set_index("bulk").loc[list(FIVE)]
        marks = np.where(own["RMSE"] >= own["RMSE of the better control"], "**", "")
        each = " | ".join(f"{mark}{value:.3f}{mark}" for mark, value in zip(marks, own["RMSE"], strict=True))
        print(f"| {name} | {' | '.join(f'{value:.3f}' for value in mean)} | {each} |")


def rule(seeds: list[int]) -> None:
    """Choose rule and members of the consensus by all bulks but one, score on that one (docs/default_answer.md).

    The best has the largest sum of mean CCC and mean r over the other bulks. The mean and the median of three or four
    are here those of fractions of cells, as in the program.
    """
    panels = {"four": MEMBERS, "without nnls": tuple(name for name in MEMBERS if name != "nnls")}
    found = {}
    for (panel, names), how in itertools.product(panels.items(), blood.RULES):
        rows = {}
        for bulk in FIVE:
            tables = []
            for over, seed in itertools.product(REFERENCES, seeds):
                truth = known(bulk, over)
                values = blood.consensus([member(bulk, over, name, seed).values for name in names], how)
                values = normalised(values.loc[truth.index, list(truth)].to_numpy())
                weights = resamples(bulk, len(truth))[:1]
                tables.append(pd.DataFrame(figures(truth.to_numpy(), values, weights, list(truth))))
            rows[bulk] = (sum(tables) / len(tables)).iloc[0]
        found[f"{how}, {panel}"] = pd.DataFrame(rows).T
    score = pd.DataFrame({name: table["CCC"] + table["r"] for name, table in found.items()})
    chosen = {bulk: score.drop(index=bulk).mean().idxmax() for bulk in FIVE}
    print("| candidate | RMSE | CCC | r | CCC + r | chosen without |\n|---|---|---|---|---|---|")
    for name, table in found.items():
        cells = [f"{value:.4f}" for value in (*table.mean()[["RMSE", "CCC", "r"]], score[name].mean())]
        print(f"| {name} | {' | '.join(cells)} | {', '.join(bulk for bulk in FIVE if chosen[bulk] == name)} |")
    left = pd.DataFrame({bulk: found[best].loc[bulk] for bulk, best in chosen.items()}).T.mean()
    print(f"\nLeft out: CCC {left['CCC']:.3f}, r {left['r']:.3f}, RMSE {left['RMSE']:.3f}.")


def held(bulk: str, over: str, name: str, seed: int, kind: str) -> tuple[float, float]:
    """Return the share of the truth within the intervals of an answer, and their mean width."""
    found, truth = answer(bulk, over, name, seed), known(bulk, over)
    lower, upper = (getattr(found, end + kind) for end in ("lower", "upper"))
    if lower is None:
        lower, upper = found.lower, found.upper
    low, high = (end.loc[truth.index, list(truth)].to_numpy() for end in (lower, upper))
    return ((low <= truth.to_numpy()) & (truth.to_numpy() <= high)).mean(), (high - low).mean()


def coverage(seeds: list[int]) -> None:
    """Print the share of the truth in 90 % intervals by set: those of levels, and without the mRNA per cell."""
    for kind, title in (("", "of levels"), ("_relative", "for differences between samples")):
        print(f"\n90 % intervals {title}: coverage (mean width)\n")
        print("| answer | five bulks | least | " + " | ".join(bulk for bulk, _ in SETS) + " |")
        print("|---|---|---|" + "---|" * len(SETS))
        for name in NAMES:
            row = {}
            for bulk, references in SETS:
                jobs = list(itertools.product(references, seeds))
                if all(answer(bulk, over, name, seed) is not None for over, seed in jobs):
                    row[bulk] = np.mean([held(bulk, over, name, seed, kind) for over, seed in jobs], axis=0)
            if set(FIVE) <= set(row):
                five = np.array([row[bulk] for bulk in FIVE])
                cells = [f"{row[bulk][0]:.2f} ({row[bulk][1]:.2f})" if bulk in row else "" for bulk, _ in SETS]
                print(
                    f"| {name} | {five[:, 0].mean():.2f} ({five[:, 1].mean():.2f}) | {five[:, 0].min():.2f} | ", end=""
                )
                print(" | ".join(cells) + " |")


def terms(seeds: list[int]) -> None:
    """Set what another laboratory adds to the errors, by all sets but one; score on that one.

    The rule, for every method and the consensus alike: the least term with which each of them holds 90 % of the truth
    in the mean over the other sets (intervals of levels).
    """
    grid = [round(0.12 + 0.01 * step, 2) for step in range(20)]
    answers, now = ("panel", *registry.PANEL), domain_shift.BETWEEN_LABORATORY
    held_by = {}
    for term in grid:
        domain_shift.BETWEEN_LABORATORY = term
        for cached in (blood.stored_fractions, member, answer):
            cached.cache_clear()
        rows = {
            name: {
                bulk: np.mean([held(bulk, over, name, seed, "")[0] for over in references for seed in seeds])
                for bulk, references in SETS
            }
            for name in answers
        }
        held_by[term] = pd.DataFrame(rows)
    domain_shift.BETWEEN_LABORATORY = now

    def least(sets: list[str]) -> float:
        return next((term for term in grid if held_by[term].loc[sets].mean().min() >= 0.9), grid[-1])

    every = [bulk for bulk, _ in SETS]
    rest = {bulk: least([other for other in every if other != bulk]) for bulk in every}
    left_out = pd.DataFrame({bulk: held_by[term].loc[bulk] for bulk, term in rest.items()})
    print(f"By all sets the term is {least(every):.2f}; by all but one:\n")
    print("| answer | mean | least | " + " | ".join(f"{bulk} ({rest[bulk]:.2f})" for bulk in every) + " |")
    print("|---|---|---|" + "---|" * len(every))
    for name, row in left_out.iterrows():
        print(f"| {name} | {row.mean():.3f} | {row.min():.2f} | " + " | ".join(f"{value:.2f}" for value in row) + " |")


def cost(_seeds: list[int]) -> None:
    """Print CPU seconds and peak memory of `unmix_run.py` with its defaults: 1,053 cells; 12, 100 and 1,000 samples.

    The samples of the larger cohorts are those of the small one, drawn with replacement, values times exp(N(0, .1)).
    """
    import speed  # bounds the threads

    rng, source = np.random.default_rng(0), blood.DATA / blood.BULKS["monaco"].file / "bulk.tsv.gz"
    bulk, totals = pd.read_csv(source, sep="\t", index_col=0), {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        blood.reference("newman").write_h5ad(folder / "reference.h5ad")
        for number in (12, 100, 1000):
            drawn = bulk.iloc[:, rng.integers(0, bulk.shape[1], number)] if number > 12 else bulk
            drawn = drawn * rng.lognormal(0, 0.1, drawn.shape) if number > 12 else drawn
            drawn.set_axis([f"sample {i}" for i in range(drawn.shape[1])], axis=1).to_csv(folder / "bulk.tsv", sep="\t")
            files = (folder / "bulk.tsv", folder / "reference.h5ad")
            options = ("--unit", "tpm", "--device", "cpu", "--threads", "1", "--quiet")
            totals[number], memory = speed.script("unmix_run.py", *files, *options, "--out-dir", folder / str(number))
            print(f"| {number:,} samples | {totals[number]:.1f} | {memory:.0f} |", flush=True)
    print(f"| 1,000 samples over 100 | {totals[1000] / totals[100]:.2f} | |")


PARTS = {
    "rule": rule,
    "accuracy": accuracy,
    "methods": of_methods,
    "coverage": coverage,
    "terms": terms,
    "cost": cost,
}


def main() -> None:
    """Parse the command line and run a part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--seeds", default="0", help="numbers between commas")
    given = parser.parse_args()
    PARTS[given.part]([int(seed) for seed in given.seeds.split(",")])


if __name__ == "__main__":
    main()
