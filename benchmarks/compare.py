"""Comparison of groups: coverage of effects, false discoveries, size of a known shift, time; HbA1c in islets.

    .venv/bin/python benchmarks/compare.py [--cohorts 100] [--samples 40] [real] [noise] [islets] [speed]

`real`: pseudobulk of single cells (2 x 20 samples of 500 cells, compositions log-normal around one, one type doubled
in half of them), estimated by nnls trained on other cells: of the same laboratory (half of the cells), and of another.
`noise`: ten types, errors added to known fractions, half of the error shared by the samples of a cohort. Three ways to
use the intervals are compared: `shared`, as unmix.compare does; `scatter`, without intervals; `independent`, draws of
every sample on its own combined by Rubin's rules. Needs the development data (UNMIX_SHARED).
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace

os.environ.setdefault("OMP_NUM_THREADS", "1")

import anndata as ad
import numpy as np
import pandas as pd
from laboratories import DATA, REFERENCES, load
from scipy import stats

import unmix
from unmix.comparison.composition import Composition, log_ratios
from unmix.comparison.contrasts import Contrast
from unmix.comparison.design import Design, Kinds, design
from unmix.comparison.effects import adjusted, effects
from unmix.reference import Reference
from unmix.simulate.pseudobulk import Simulator
from unmix.simulate.recipe import Simulation

LEVEL, DRAWS, SPREAD = 0.9, 100, 0.35
#: Cohorts for the draws of every sample on its own, which take long.
FEW = 30
#: Cells of the reference, and of the samples.
PAIRS = (("hao", "hao"), ("hao", "symphony"), ("kang", "hao"), ("newman", "hao"))
BASE = {"B": 0.1, "CD4 T": 0.4, "CD8 T": 0.2, "Monocyte": 0.23, "NK": 0.07}
TEN = np.array([0.3, 0.2, 0.15, 0.1, 0.08, 0.06, 0.05, 0.03, 0.02, 0.01])


def compositions(base: np.ndarray, cohorts: int, samples: int, doubled: bool, rng: np.random.Generator) -> np.ndarray:
    """Return cohorts x samples x types; the last half of cohort c has twice of the type c modulo types."""
    logs = np.log(base) + rng.normal(0, SPREAD, (cohorts, samples, len(base)))
    if doubled:
        of = np.arange(cohorts)
        logs[of, samples // 2 :, of % len(base)] += np.log(2)
    return np.exp(logs) / np.exp(logs).sum(-1, keepdims=True)


def truth(cohort: int, types: int, doubled: bool) -> np.ndarray:
    """Return the true log2 ratios of a cohort."""
    found = np.zeros(types)
    found[cohort % types] = doubled
    return found - found.mean()


def pseudobulk_estimates(trained: str, measured: str, cohorts: int, samples: int) -> dict[bool, Composition]:
    """Return what nnls estimates of pseudobulk, with a doubled type and without."""
    loaded = {name: load(*REFERENCES[name][1:]) for name in {trained, measured}}
    types = sorted(set.intersection(*(set(one.obs["cell_type"]) for one in loaded.values())) & set(BASE))
    one, other = (loaded[name][loaded[name].obs["cell_type"].isin(types)].copy() for name in (trained, measured))
    if trained == measured:
        half = np.random.default_rng(5).random(one.n_obs) < 0.5
        one, other = one[half].copy(), one[~half].copy()
    genes = [gene for gene in one.var_names if gene in set(other.var_names)]
    if len(genes) < 0.9 * one.n_vars:  # as the pipeline does
        one = one[:, genes].copy()
    model, rng = unmix.train("nnls", one, device="cpu"), np.random.default_rng(1)
    cells, found = Reference.from_anndata(other, whole=True), {}
    base = np.array([BASE[name] for name in types])
    for doubled in (True, False):
        wanted = np.zeros((cohorts * samples, len(cells.cell_types)))
        known = compositions(base, cohorts, samples, doubled, rng)
        wanted[:, [cells.cell_types.index(name) for name in types]] = known.reshape(len(wanted), -1)
        drawn = Simulator(cells, Simulation(cells=500, library=2e6), rng).draw(len(wanted), rng, wanted)
        names = pd.DataFrame(index=[f"s{number}" for number in range(len(wanted))])
        bulk = ad.AnnData(drawn.expression, names, pd.DataFrame(index=cells.genes))
        bulk.uns["unmix"] = {"kind": "bulk", "unit": "counts", "log": "none", "messages": []}
        table = unmix.predict(model, bulk, device="cpu")
        ends = (table.lower, table.upper)
        if table.lower_relative is not None:
            ends = (table.lower_relative, table.upper_relative)
        values, *ends = (one[types] for one in (table.values, *ends))
        found[doubled] = Composition(values, *ends, table.quantity, table.level, table.flags)
    return found


def noisy_estimates(cohorts: int, samples: int) -> dict[bool, Composition]:
    """Return known fractions with errors that the intervals describe, half of their variance shared within a cohort."""
    found, size = {}, 0.06
    for doubled in (True, False):
        rng = np.random.default_rng(3)
        known = compositions(TEN, cohorts, samples, doubled, rng)
        shared, own = rng.normal(size=(cohorts, 1, len(TEN))), rng.normal(size=known.shape)
        values = known + size * (0.1 + np.sqrt(known * (1 - known))) * np.sqrt(0.5) * (shared + own)
        values = values.clip(0)
        values = (values / values.sum(-1, keepdims=True)).reshape(-1, len(TEN))
        reach = stats.norm.ppf((1 + LEVEL) / 2) * size * (0.1 + np.sqrt(values * (1 - values)))
        names = [f"s{number}" for number in range(len(values))]
        tables = [pd.DataFrame(one, names) for one in (values, (values - reach).clip(0), (values + reach).clip(max=1))]
        for table in tables:
            table.columns = [f"type {number}" for number in range(len(TEN))]
        found[doubled] = Composition(*tables, "cell", LEVEL, pd.Series("ok", names))
    return found


def independent(part: Composition, one: Design, rng: np.random.Generator) -> pd.DataFrame:
    """Return effects by draws of every sample on its own, combined by Rubin's rules."""
    everything = np.ones(part.values.shape[1], bool)
    each = [part.of([name]).draws(DRAWS, rng) for name in part.values.index]
    estimate, error = one.fit(log_ratios(np.concatenate(each, axis=1), everything))
    total = np.sqrt((error**2).mean(0) + (1 + 1 / DRAWS) * estimate.var(0, ddof=1))
    middle, reach = estimate.mean(0), stats.t.ppf((1 + LEVEL) / 2, one.freedom) * total
    p = 2 * stats.t.sf(np.abs(middle) / total, one.freedom)
    ends = {"log2_ratio": middle, "lower": middle - reach, "upper": middle + reach}
    return pd.DataFrame({**ends, "p_value": p, "q_value": adjusted(p)})


def measure(name: str, estimates: dict[bool, Composition], cohorts: int, samples: int) -> None:
    """Print a line for each way and cohort kind."""
    condition = ["control"] * (samples // 2) + ["case"] * (samples - samples // 2)
    contrast = Contrast("case", "condition", "control", "case")
    for doubled, composition in estimates.items():
        types = composition.values.shape[1]
        rows: dict[str, list[pd.DataFrame]] = {"shared": [], "scatter": [], "independent": []}
        for cohort in range(cohorts):
            part = composition.of(list(composition.values.index[cohort * samples : (cohort + 1) * samples]))
            one = design(pd.DataFrame({"condition": condition}, part.values.index), contrast, Kinds())
            rng, everything = np.random.default_rng(cohort), np.ones(types, bool)
            blind = replace(part, lower=part.values, upper=part.values, level=None)
            ways = {
                "shared": effects(part, one, part.draws(DRAWS, rng), everything, LEVEL),
                "scatter": effects(part, one, blind.draws(2, rng), everything, LEVEL),
            }
            if cohort < FEW:
                ways["independent"] = independent(part, one, rng)
            known = truth(cohort, types, doubled)
            for way, table in ways.items():
                rows[way].append(table.assign(cohort=cohort, truth=known, changed=doubled & (known > 0)))
        for way, tables in rows.items():
            print(
                f"{name:24s} {'doubled' if doubled else 'no effect':10s} {way:12s} {line(pd.concat(tables))}",
                flush=True,
            )


def line(table: pd.DataFrame) -> str:
    """Return what is said of many cohorts."""
    held = (table["lower"] <= table["truth"]) & (table["truth"] <= table["upper"])
    found = table["q_value"] < 0.05
    said = f"coverage {held.mean():.2f}, width {(table['upper'] - table['lower']).mean():.2f}"
    if not table["changed"].any():
        return f"{said}, cohorts with a false discovery {found.groupby(table['cohort']).any().mean():.2f}"
    one, covered = table[table["changed"]], held[table["changed"]].mean()
    size = f"{one['log2_ratio'].mean():.2f} of {one['truth'].mean():.2f}"
    return f"{said}; of the changed type: {size}, coverage {covered:.2f}, found {found[table['changed']].mean():.2f}"


def islets() -> None:
    """Print the slopes of the islet cell types along HbA1c in 77 donors, by two methods."""
    reference = unmix.prepare_reference(
        [DATA / "sc_pancreas_baron_cider" / "counts_human.h5ad"], cell_type_key="cell_type", donor_key="donor"
    )
    folder = DATA / "pancreas_fadista_gse50244"
    options = {"condition": "hba1c", "covariates": ["age", "bmi", "gender"], "continuous": ["hba1c", "age", "bmi"]}
    for method in ("nnls", "jointlog"):
        fractions = unmix.predict(unmix.train(method, reference, device="cpu"), folder / "bulk.tsv.gz", device="cpu")
        for row in unmix.compare(fractions, folder / "samples.tsv", **options).effects.itertuples():
            print(
                f"{method:9s} {row.cell_type:20s} log2 ratio per % HbA1c {row.log2_ratio:+.2f} "
                f"({row.lower:+.2f} to {row.upper:+.2f}), q {row.q_value:.3f}, points {row.points:+.1f}"
            )


def speed() -> None:
    """Print the time of 100 samples x 10 types, with two covariates, and with survival."""
    composition = noisy_estimates(1, 100)[True]
    wide = {"fraction": composition.values, "lower": composition.lower, "upper": composition.upper}
    long = pd.DataFrame({name: table.stack() for name, table in wide.items()}).rename_axis(["sample", "cell_type"])
    rng, names = np.random.default_rng(0), list(composition.values.index)
    samples = pd.DataFrame({"sample": names, "condition": ["control", "case"] * 50})
    samples["age"], samples["sex"] = rng.normal(50, 9, 100).round(1), rng.choice(["f", "m"], 100)
    followed = samples.assign(time=rng.exponential(5, 100), event=rng.integers(0, 2, 100))
    for name, table in {"groups": samples, "groups and survival": followed}.items():
        began = time.perf_counter(), time.process_time()
        unmix.compare(long.reset_index(), table, covariates=["age", "sex"], continuous=["age"])
        wall, cpu = time.perf_counter() - began[0], time.process_time() - began[1]
        print(f"{name}, 100 samples x 10 types: {wall:.1f} s, CPU {cpu:.1f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["real", "noise", "islets", "speed"])
    parser.add_argument("--cohorts", type=int, default=100)
    parser.add_argument("--samples", type=int, default=40)
    given = parser.parse_args()
    if "real" in given.parts:
        for pair in PAIRS:
            measure(
                " -> ".join(pair),
                pseudobulk_estimates(*pair, given.cohorts, given.samples),
                given.cohorts,
                given.samples,
            )
    if "noise" in given.parts:
        for number in sorted({12, given.samples}):
            measure(f"noise, {number} samples", noisy_estimates(given.cohorts, number), given.cohorts, number)
    for name, part in {"islets": islets, "speed": speed}.items():
        if name in given.parts:
            part()
