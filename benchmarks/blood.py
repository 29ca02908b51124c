#!/usr/bin/env python
"""The default answer on blood: methods x bulks with counted cells x references, and what is made of the estimates.

    .venv/bin/python benchmarks/blood.py predict [--methods NAME,...] [--bulks NAME,...] [--references NAME,...]
    .venv/bin/python benchmarks/blood.py table | decide | compare | intervals | references | priors

`predict` writes a model and a table of its estimates per job to .cache/blood; what stands there is not run again. The
others only read these: conversions to cells, consensus and intervals are tried without another fit. Needs the data
beside the project (UNMIX_SHARED) and, for the bulk `daism`, `make demo`.
"""

from __future__ import annotations

import argparse
import itertools
import time
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sets import DEMO, ROOT, SHARED

from unmix import engine
from unmix import methods as registry
from unmix.contract.method import Method, silent
from unmix.contract.model import Model
from unmix.engine import cell_fractions, ensemble
from unmix.engine.consensus import RULE
from unmix.engine.prior import applied, read_prior
from unmix.errors import NotApplicable
from unmix.evaluation import metrics
from unmix.io import check
from unmix.io.fractions import Fractions, normalised
from unmix.io.truth import read_truth
from unmix.reference.prepare import prepare_reference
from unmix.uncertainty import conformal, domain_shift

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import anndata as ad

    from unmix.engine.prior import Prior

DATA, STORE = SHARED / "data", ROOT / ".cache" / "blood"
#: Published mRNA per cell (docs/mrna_per_cell.md).
MRNA = {
    "EPIC": {"B": 0.4016, "CD4T": 0.3952, "CD8T": 0.3952, "NK": 0.4396, "Monocyte": 1.4196},
    "quanTIseq": {"B": 65.66, "CD4T": 63.87, "CD8T": 70.26, "NK": 117.72, "Monocyte": 130.65},
}
METHODS = ("jointlog", "bayesprism", "dissect", "hascad", "nnls", "scaden", "bisque", "ucdbase", "nnice")
T_CELLS, LYMPHOCYTES = ("CD4T", "CD8T"), ("B", "CD4T", "CD8T", "NK")
PBMC = ("B", "CD4T", "CD8T", "NK", "Monocyte")
#: mRNA per cell relative to CD4 T cells; neutrophils by the same sources.
TABLES = {
    source: pd.Series(sizes | {"Neutrophil": neutrophil}) / sizes["CD4T"]
    for (source, sizes), neutrophil in zip(MRNA.items(), (0.13, 27.7), strict=True)
}
TABLES |= {"none": TABLES["EPIC"] * 0 + 1, "geometric mean": np.sqrt(TABLES["EPIC"] * TABLES["quanTIseq"])}


RULES = ("median", "geometric mean", "mean")
#: Declared before any of them was scored here: that of the plan, three members without a sampler, and all.
PANELS = {
    "plan": ("jointlog", "bayesprism", "dissect", "hascad", "nnls"),
    "three": ("jointlog", "dissect", "hascad"),
    "fast": ("jointlog", "bayesprism", "nnls"),
    "four": ("jointlog", "dissect", "hascad", "nnls"),
    "all": ("jointlog", "bayesprism", "dissect", "hascad", "nnls", "scaden", "bisque", "ucdbase", "nnice"),
}
DEFAULT_PANEL, DEFAULT_RULE, DEFAULT_TABLE = registry.PANEL, RULE, "geometric mean"


@dataclass(frozen=True)
class Bulk:
    """Samples whose cells were counted.

    `truth` names the columns of the file that belong to each type; `sums` the types of a reference that belong to a
    type of the truth, where it is coarser. `tissue` decides which references fit. `counts` is what the truth counts:
    cells, or RNA where it was mixed by amount.
    """

    file: str
    unit: str
    truth: dict[str, tuple[str, ...]]
    sums: dict[str, tuple[str, ...]]
    tissue: str = "pbmc"
    counts: str = "cells"


def alike(names: Iterable[str] = PBMC) -> dict[str, tuple[str, ...]]:
    """Return types that are called the same on both sides."""
    return {name: (name,) for name in names}


BULKS = {
    "monaco": Bulk("pbmc_monaco_gse107011", "tpm", alike(), alike()),
    "sdy67": Bulk(
        "pbmc_sdy67",
        "counts",
        dict(zip(PBMC, [("B cells",), ("CD4 T cells",), ("CD8 T cells",), ("NK cells",), ("Monocytes",)], strict=True)),
        alike(),
    ),
    "sdy420": Bulk("pbmc_sdy420", "log2microarray", alike(), alike()),
    "gse65133": Bulk(
        "pbmc_newman_gse65133_allgenes",
        "microarray",
        {
            "B": ("B cells naive", "B cells memory"),
            "CD4T": ("T cells CD4 naive", "T cells CD4 memory resting", "T cells CD4 memory activated"),
            "CD8T": ("T cells CD8",),
            "NK": ("NK cells resting",),
            "Monocyte": ("Monocytes",),
        },
        alike(),
    ),
    "daism": Bulk(
        "daism",
        "tpm",
        {
            "B": ("B.cells",),
            "CD4T": ("CD4.T.cells",),
            "CD8T": ("CD8.T.cells",),
            "NK": ("NK.cells",),
            "Monocyte": ("monocytic.lineage",),
        },
        alike(),
    ),
    "shenorr": Bulk(
        "blood_shenorr_gse20300",
        "microarray",
        {"Neutrophil": ("Neutrophils",), "Lymphocyte": ("Lymphocytes",), "Monocyte": ("Monocytes",)},
        alike(("Neutrophil", "Monocyte")) | {"Lymphocyte": LYMPHOCYTES},
        "blood",
    ),
    "becht": Bulk(
        "tumourmix_becht_gse64385",
        "log2microarray",
        {
            "B": ("B.cell",),
            "CD8T": ("CD8.T.cell",),
            "NK": ("NK.cells",),
            "Monocyte": ("monocytic.lineage",),
            "Neutrophil": ("neutrophils",),
        },
        alike(("B", "CD8T", "NK", "Monocyte", "Neutrophil")),
        "blood",
        "RNA",
    ),
    "cell-lines": Bulk(
        "cellline_mixology_gse118767",
        "counts",
        alike(lines := ("H1975", "H2228", "HCC827")),
        alike(lines),
        "lines",
        "RNA",
    ),
}


@dataclass(frozen=True)
class Cells:
    """A reference: file, columns, names of its types and the tissues that it fits."""

    file: str
    names: dict[str, str]
    tissues: tuple[str, ...] = ("pbmc",)
    donors: str = "none"
    preset: str = "default"


SYMPHONY = {"T_CD4": "CD4T", "T_CD8": "CD8T", "Mono_CD14": "Monocyte", "Mono_CD16": "Monocyte"}
REFERENCES = {
    "newman": Cells("sc_newman_nsclc_pbmc/counts.h5ad", {"Neutrophil": ""}),
    "newman-blood": Cells("sc_newman_nsclc_pbmc/counts.h5ad", {}, ("blood",)),
    "zheng": Cells("sc_pbmc_facs_zheng/counts.h5ad", {"CD34+": ""}),
    "symphony": Cells(
        "sc_pbmc_symphony_3donor/lognorm.h5ad",
        SYMPHONY | dict.fromkeys(("DC", "MK", "HSC"), ""),
        donors="donor",
        preset="none",
    ),
    "lines": Cells("cellline_mixology_gse118767/sc_counts.h5ad", {}, ("lines",)),
}


@cache
def reference(name: str) -> ad.AnnData:
    """Return a prepared reference."""
    cells = REFERENCES[name]
    options = {} if cells.preset == "default" else {"preset": cells.preset}
    return prepare_reference([DATA / cells.file], "cell_type", cells.donors, label_map=cells.names, **options)


@cache
def samples(name: str, over: str) -> tuple[ad.AnnData, pd.DataFrame]:
    """Return a bulk, read for the genes of a reference, and its truth (samples x types, rows of sum 1)."""
    import anndata as ad

    bulk, genes = BULKS[name], list(reference(over).var_names)
    if name == "daism":  # both halves of the package's example, one study
        files = [(DEMO / "bulk.tsv", DEMO / "truth.tsv"), (DEMO / "calibration.tsv", DEMO / "calibration_truth.tsv")]
    else:
        files = [(DATA / bulk.file / "bulk.tsv.gz", DATA / bulk.file / "truth.tsv")]
    parts = [check.read_bulk(path, bulk.unit, genes) for path, _ in files]
    truths = [read_truth(path, samples=list(part.obs_names)) for (_, path), part in zip(files, parts, strict=True)]
    if len(parts) > 1:  # their samples have the same names
        for number, (part, truth) in enumerate(zip(parts, truths, strict=True), 1):
            truth.index = [f"{number}-{sample}" for sample in truth.index]
            part.obs_names = [f"{number}-{sample}" for sample in part.obs_names]
    read = ad.concat(parts, uns_merge="same") if len(parts) > 1 else parts[0]
    truth = pd.concat(truths)
    truth = pd.DataFrame({kind: truth[list(columns)].sum(axis=1) for kind, columns in bulk.truth.items()})
    return read, truth.div(truth.sum(axis=1), axis=0)


def fitting(bulks: Iterable[str], references: Iterable[str]) -> list[tuple[str, str]]:
    """Return the pairs of a bulk and a reference of its tissue."""
    return [(b, r) for b, r in itertools.product(bulks, references) if BULKS[b].tissue in REFERENCES[r].tissues]


def stored(bulk: str, over: str, method: str, seed: int) -> Path:
    """Return where the estimates of a job stand; METHOD:RECIPE names another recipe than the default."""
    return STORE / bulk / over / f"{method.replace(':', '-')}.{seed}.tsv"


def predict(jobs: Iterable[tuple[str, str, str, int]]) -> None:
    """Train and predict what is missing, as the pipeline does: with the bulk at training."""
    for bulk, over, method, seed in jobs:
        path = stored(bulk, over, method, seed)
        if path.exists():
            continue
        name, _, recipe = method.partition(":")
        started = time.process_time()
        mixed, _ = samples(bulk, over)
        try:
            model = engine.train(name, reference(over), bulk=mixed, recipe=recipe or "default", seed=seed, device="cpu")
        except NotApplicable as error:
            print(bulk, over, method, error.found, flush=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        model.save(path.with_suffix(".safetensors"))
        found = engine.predict(model, mixed, device="cpu", mrna_per_cell="none")
        temporary = path.with_suffix(".part")
        found.long().to_csv(temporary, sep="\t", index=False, float_format="%.8g")
        temporary.replace(path)
        print(bulk, over, method, seed, f"{time.process_time() - started:.0f} s", flush=True)


@cache
def stored_fractions(bulk: str, over: str, method: str, seed: int) -> tuple[Model, Fractions] | None:
    """Return a stored model and its estimates in its own quantity; None where the job was not run.

    Intervals are those of the present code, where the method has no bounds of its own.
    """
    path = stored(bulk, over, method, seed)
    if not path.exists():
        return None
    model = Model.load(path.with_suffix(".safetensors"))
    long = pd.read_csv(path, sep="\t", dtype={"sample": str})
    tables = {
        name: long.pivot(index="sample", columns="cell_type", values=name) for name in ("fraction", "lower", "upper")
    }
    by_sample = long.drop_duplicates("sample").set_index("sample")
    order = [str(sample) for sample in samples(bulk, over)[1].index]
    found = Fractions(
        *(table.loc[order, model.reported] for table in tables.values()),
        by_sample.loc[order, "flag"],
        model.quantity,
        0.9,
        samples=by_sample.loc[order, ["distance", "unexpressed"]],
        method=method,
    )
    own = type(registry.get(model.method)).estimate_with_bounds is not Method.estimate_with_bounds
    if own or model.quantity == "score":
        return model, found
    far, values = found.samples["distance"].to_numpy()[:, None], found.values.to_numpy()
    farther = domain_shift.ratio(far), domain_shift.between_laboratory(far)
    ends = conformal.interval(values, values, model.arrays["intervals.scores"], found.level, *farther)
    lower, upper = (pd.DataFrame(end, found.values.index, found.values.columns) for end in ends)
    return model, replace(found, lower=lower, upper=upper)


@cache
def estimates(bulk: str, over: str, method: str, seed: int) -> dict[str, pd.DataFrame] | None:
    """Return stored fractions of mRNA and the ends of their intervals; None where the job was not run."""
    found = stored_fractions(bulk, over, method, seed)
    if found is None:
        return None
    model, fractions = found
    assumed = pd.Series(cell_fractions.mrna_per_cell_of(model))
    ends = {"mrna": fractions.values, "lower": fractions.lower, "upper": fractions.upper}
    return {name: cell_fractions.moved(fractions.values, part, assumed) for name, part in ends.items()}


def cells_of(bulk: str, parts: dict[str, pd.DataFrame], source: str) -> Fractions:
    """Return fractions of cells by a table of mRNA per cell, summed to the types of the truth."""
    types = list(parts["mrna"])
    factors = 1 / TABLES[source].reindex(types, fill_value=1.0)
    found = [cell_fractions.moved(parts["mrna"], parts[column], factors) for column in ("mrna", "lower", "upper")]
    sums = BULKS[bulk].sums
    kept = [
        pd.DataFrame({kind: part[[k for k in own if k in part]].sum(axis=1) for kind, own in sums.items()})
        for part in found
    ]
    return Fractions(*kept, pd.Series("ok", found[0].index), "cell", 0.9)


def consensus(members: list[pd.DataFrame], rule: str) -> pd.DataFrame:
    """Return the geometric mean, the median or the mean of several tables of fractions (rows of sum 1)."""
    stacked = np.stack([member.to_numpy() for member in members])
    if rule == "geometric mean":
        values = np.exp(np.log(stacked + 1e-3).mean(0))
    else:
        values = np.median(stacked, axis=0) if rule == "median" else stacked.mean(0)
    return pd.DataFrame(normalised(values), members[0].index, members[0].columns)


def answer(
    bulk: str,
    over: str,
    members: tuple[str, ...],
    seed: int,
    source: str,
    rule: str = "mean",
    declared: Prior | None = None,
) -> Fractions | None:
    """Return fractions of cells of one method, or of several by a rule; None where a member was not run.

    A declared prior moves every member.
    """
    parts = [estimates(bulk, over, member, seed) for member in members]
    if any(part is None for part in parts):
        return None
    found = [cells_of(bulk, part, source) for part in parts]
    if declared is not None:
        found = [applied(one, declared, silent) for one in found]
    if len(found) == 1:
        return found[0]
    middle = consensus([f.values for f in found], rule)
    lower, upper = (sum(getattr(f, name) for f in found) / len(found) for name in ("lower", "upper"))
    lower, upper = np.minimum(lower, middle), np.maximum(upper, middle)
    return Fractions(middle, lower, upper, found[0].flags, "cell", 0.9)


def scored(truth: pd.DataFrame, found: Fractions) -> dict[str, float]:
    """Return r per type and, of fractions, CCC, RMSE and the share of the truth within the intervals."""
    types = [t for t in found.values.columns if t in truth.columns]
    samples = [s for s in found.values.index if s in truth.index]
    known = truth.loc[samples, types].to_numpy()
    known = known / known.sum(1, keepdims=True)
    values = found.values.loc[samples, types].to_numpy()
    if found.quantity != "score":
        values = normalised(values)
    columns = metrics.agreement(known, values)
    r = float(np.where(metrics.is_constant(values), 0.0, np.squeeze(columns["pearson"])).mean())
    if found.quantity == "score":
        return {"r": r}
    pooled = metrics.agreement(known.reshape(-1, 1), values.reshape(-1, 1))
    lower, upper = (part.loc[samples, types].to_numpy() for part in (found.lower, found.upper))
    return {
        "r": r,
        "ccc": float(np.squeeze(pooled["ccc"])),
        "rmse": float(np.sqrt(((values - known) ** 2).mean())),
        "coverage": float(((lower <= known) & (known <= upper)).mean()),
    }


def figures(bulk: str, over: str, found: Fractions) -> dict[str, float]:
    """Return RMSE, CCC, r per type and coverage, and CCC with CD4 and CD8 T cells as one type."""
    truth = samples(bulk, over)[1]
    truth.index = truth.index.astype(str)
    figure = scored(truth, found)
    if set(T_CELLS) <= set(truth):
        known, values = (
            part.assign(T=part[list(T_CELLS)].sum(axis=1)).drop(columns=list(T_CELLS))
            for part in (truth, pd.DataFrame(normalised(found.values.to_numpy()), truth.index, list(found.values)))
        )
        pooled = metrics.agreement(*(part[list(known)].to_numpy().reshape(-1, 1) for part in (known, values)))
        figure["merged"] = float(np.squeeze(pooled["ccc"]))
    return figure


def by_bulk(
    pairs: list[tuple[str, str]], seeds: list[int], get: Callable[[str, str, int], Fractions | None]
) -> pd.DataFrame | None:
    """Return the figures of an answer: the mean over seeds and references within each bulk; None if a job lacks."""
    rows = []
    for (bulk, over), seed in itertools.product(pairs, seeds):
        found = get(bulk, over, seed)
        if found is None:
            return None
        rows.append({"bulk": bulk, **figures(bulk, over, found)})
    return pd.DataFrame(rows).groupby("bulk", sort=False).mean()


def shown(title: str, table: pd.DataFrame) -> str:
    """Return a row: the mean over bulks, then CCC and r of each bulk."""
    mean = table.mean()
    each = "  ".join(f"{bulk} {row['ccc']:.3f}/{row['r']:.3f}" for bulk, row in table.iterrows())
    return (
        f"{title:44s} {mean['rmse']:.3f} {mean['ccc']:.3f} {mean.get('merged', np.nan):.3f} {mean['r']:.3f} "
        f"{mean['coverage']:.2f}  {each}"
    )


def table(pairs: list[tuple[str, str]], methods: list[str], seeds: list[int]) -> None:
    """Print RMSE, CCC, CCC with one type of T cells, r per type and coverage of every method by every table."""
    print(f"{'':44s} RMSE  CCC   T     r     90 %  CCC/r by bulk")
    for source, method in itertools.product(TABLES, methods):
        found = by_bulk(pairs, seeds, lambda b, o, s, m=method, t=source: answer(b, o, (m,), s, t))
        if found is not None:
            print(shown(f"{method}, {source}", found))


def decide(pairs: list[tuple[str, str]], methods: list[str], seeds: list[int]) -> None:
    """Choose table, rule and panel on all bulks but one, score on that one; print single methods beside it.

    What is chosen has the largest sum of mean CCC and mean r per type over the other bulks.
    """
    panels = {name: panel for name, panel in PANELS.items() if set(panel) <= set(methods)}
    choices = {(m, "one", t): ((m,), "mean", t) for m in methods for t in TABLES}
    choices |= {(name, rule, t): (panel, rule, t) for name, panel in panels.items() for rule in RULES for t in TABLES}
    found = {}
    for key, (members, rule, source) in choices.items():
        got = by_bulk(pairs, seeds, lambda b, o, s, a=(members, source, rule): answer(b, o, a[0], s, a[1], a[2]))
        if got is not None:
            found[key] = got
    print(f"{'':44s} RMSE  CCC   T     r     90 %  CCC/r by bulk")
    for key, got in sorted(found.items(), key=lambda item: -_merit(item[1])):
        print(shown(", ".join(key), got))
    for kind, chosen in {
        "a single method": [key for key in found if key[1] == "one"],
        "a panel": [key for key in found if key[1] != "one"],
        "anything": list(found),
    }.items():
        left_out = []
        for bulk in found[chosen[0]].index if chosen else ():
            best = max(chosen, key=lambda key, b=bulk: _merit(found[key].drop(index=b)))
            left_out.append(found[best].loc[[bulk]])
            print(f"without {bulk}: {', '.join(best)}")
        if left_out:
            print(shown(f"left out, {kind}", pd.concat(left_out)))


def _merit(figures: pd.DataFrame) -> float:
    """Return the sum of mean CCC and mean r over bulks."""
    return figures["ccc"].mean() + figures["r"].mean()


def compare(pairs: list[tuple[str, str]], methods: list[str], seeds: list[int], resamples: int = 200) -> None:
    """Print the panel less each single method in CCC and r (same table), with 95 % intervals over samples."""
    rng = np.random.default_rng(0)
    rows = {bulk: rng.integers(0, size, (resamples + 1, size)) for bulk, size in _sizes(pairs).items()}
    for bulk, own in rows.items():
        own[0] = np.arange(len(own[0]))
        rows[bulk] = own

    def resampled(members: tuple[str, ...], rule: str) -> np.ndarray | None:
        parts: dict[str, list[np.ndarray]] = {}
        for (bulk, over), seed in itertools.product(pairs, seeds):
            found = answer(bulk, over, members, seed, DEFAULT_TABLE, rule)
            if found is None:
                return None
            truth = samples(bulk, over)[1]
            known, values = truth.to_numpy(), normalised(found.values[list(truth)].to_numpy())
            draws = [(known[at], values[at]) for at in rows[bulk]]
            parts.setdefault(bulk, []).append(np.array([_ccc_and_r(*draw) for draw in draws]))
        return np.mean([np.mean(own, axis=0) for own in parts.values()], axis=0)

    panel = resampled(DEFAULT_PANEL, DEFAULT_RULE)
    for method in methods if panel is not None else ():
        single = resampled((method,), "mean")
        if single is None:
            continue
        said = [f"{method:12s}"]
        for column, name in enumerate(("CCC", "r")):
            less = panel[:, column] - single[:, column]
            low, high = np.quantile(less[1:], [0.025, 0.975])
            said.append(f"{name} {single[0, column]:.3f}, panel {less[0]:+.3f} [{low:+.3f}, {high:+.3f}]")
        print("  ".join(said))


def _sizes(pairs: list[tuple[str, str]]) -> dict[str, int]:
    return {bulk: len(samples(bulk, over)[1]) for bulk, over in pairs}


def _ccc_and_r(known: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    pooled = metrics.agreement(known.reshape(-1, 1), values.reshape(-1, 1))
    return float(np.squeeze(pooled["ccc"])), float(np.nanmean(metrics.agreement(known, values)["pearson"]))


def intervals(pairs: list[tuple[str, str]], methods: list[str], seeds: list[int]) -> None:
    """Print the coverage of 90 % intervals per bulk, as given and with a further term set on the other bulks.

    The term is that of :func:`unmix.uncertainty.conformal.interval`: added in quadrature, in units of its scale. It is
    the least that holds 90 % in the mean over the other bulks; negative ones do not exist.
    """
    terms = np.arange(0, 1.01, 0.05)
    answers = {method: ((method,), "mean") for method in methods} | {"default panel": (DEFAULT_PANEL, DEFAULT_RULE)}
    for title, (members, rule) in answers.items():
        rows = []
        for (bulk, over), seed in itertools.product(pairs, seeds):
            found = answer(bulk, over, members, seed, DEFAULT_TABLE, rule)
            if found is not None:
                truth = samples(bulk, over)[1]
                rows += [{"bulk": bulk, "term": term, "held": _held(found, truth, term)} for term in terms]
        if not rows:
            continue
        held = pd.DataFrame(rows).groupby(["bulk", "term"], sort=False)["held"].mean().unstack()
        least = {bulk: _least(held.drop(index=bulk).mean()) for bulk in held.index}
        given, left = held[0.0], pd.Series({bulk: held.loc[bulk, term] for bulk, term in least.items()})
        each = "  ".join(f"{b} {given[b]:.2f} -> {left[b]:.2f} (+{least[b]:.2f})" for b in held.index)
        print(f"{title:14s} {given.mean():.2f} -> {left.mean():.2f}  {each}")


def _held(found: Fractions, truth: pd.DataFrame, term: float) -> float:
    """Return the share of the truth within intervals that are wider by a term."""
    types = list(truth)
    values, lower, upper = (part[types].to_numpy() for part in (found.values, found.lower, found.upper))
    known, scale = truth.to_numpy(), 0.1 + np.sqrt(np.clip(values * (1 - values), 0, None))
    below, above = np.hypot(values - lower, term * scale), np.hypot(upper - values, term * scale)
    return float(((values - below <= known) & (known <= values + above)).mean())


def _least(held: pd.Series) -> float:
    """Return the least term that holds 90 %, or the largest."""
    enough = held.index[held >= 0.9]
    return float(enough[0] if len(enough) else held.index[-1])


def several(pairs: list[tuple[str, str]], methods: list[str], seeds: list[int]) -> None:
    """Print CCC / r of every set of references: each alone, weighted alike, and by d. `panel` is that of its methods.

    The last column is CCC by d less that of the best reference alone, by the truth in each bulk, in the worst bulk.
    """
    names = list(dict.fromkeys(over for _, over in pairs))
    print("| method | references | each alone | alike | by d | by d less the best, worst |\n|---|---|---|---|---|---|")
    sets = [group for size in range(2, len(names) + 1) for group in itertools.combinations(names, size)]
    for method, group in itertools.product(methods, sets):
        members = DEFAULT_PANEL if method == "panel" else (method,)
        rows = []
        for bulk, seed in itertools.product(dict.fromkeys(bulk for bulk, _ in pairs), seeds):
            if all(estimates(bulk, over, name, seed) for over in group for name in members):
                rows.append(_of_references(bulk, group, members, seed))
        if not rows:
            continue
        table = pd.DataFrame(rows)
        least = (table["d"] - table[list(group)].max(axis=1)).min()
        mean = table.mean()
        shown = [f"{mean[kind]:.3f} / {mean[f'{kind} r']:.3f}" for kind in (*group, "equal", "d")]
        alone, (equal, by_d) = ", ".join(shown[:-2]), shown[-2:]
        print(f"| {method} | {' + '.join(group)} | {alone} | {equal} | {by_d} | {least:+.3f} |")


def _of_references(bulk: str, group: tuple[str, ...], members: tuple[str, ...], seed: int) -> dict[str, float]:
    """Return CCC and r of each reference alone and of all, weighted alike and by d."""
    shares: dict[str, np.ndarray] = {over: np.eye(len(group))[i] for i, over in enumerate(group)}
    shares["equal"] = np.full(len(group), 1 / len(group))
    tables: dict[str, list[pd.DataFrame]] = {}
    for name in members:
        found = [answer(bulk, over, (name,), seed, DEFAULT_TABLE) for over in group]
        by_d = ensemble.weigh([_disagreement(bulk, over, name, seed) for over in group])
        for kind, weights in (shares | {"d": by_d}).items():
            mean = sum(weight * f.values for weight, f in zip(weights, found, strict=True))
            tables.setdefault(kind, []).append(mean)
    row = {}
    for kind, parts in tables.items():
        middle = consensus(parts, DEFAULT_RULE)
        flags = pd.Series("ok", middle.index)
        figure = figures(bulk, group[0], Fractions(middle, middle, middle, flags, "cell", 0.9))
        row |= {kind: figure["ccc"], f"{kind} r": figure["r"]}
    return row


def _disagreement(bulk: str, over: str, method: str, seed: int) -> float:
    """Return d between a method and the joint log-scale model of the same reference."""
    first, second = (estimates(bulk, over, name, seed)["mrna"] for name in ("jointlog", method))
    return ensemble.difference(first.to_numpy(), second[list(first)].to_numpy())


def priors(pairs: list[tuple[str, str]], methods: list[str], seeds: list[int]) -> None:
    """Print the panel and single methods without a prior, with that of PBMC, and with that of all other bulks."""
    means = pd.DataFrame({bulk: samples(bulk, over)[1].mean() for bulk, over in pairs})
    others = {}
    for bulk in means:
        logs = np.log(means.drop(columns=bulk))
        table = pd.DataFrame({"fraction": np.exp(logs.mean(axis=1)), "sd": logs.std(axis=1)})
        others[bulk] = read_prior(table)
    kinds = {
        "no prior": dict.fromkeys(means),
        "pbmc": dict.fromkeys(means, read_prior("pbmc")),
        "of the other bulks": others,
    }
    answers = {"panel": (DEFAULT_PANEL, DEFAULT_RULE)} | {method: ((method,), "mean") for method in methods}
    print(f"{'':44s} RMSE  CCC   T     r     90 %  CCC/r by bulk")
    for (title, (members, rule)), (kind, by) in itertools.product(answers.items(), kinds.items()):
        got = by_bulk(pairs, seeds, lambda b, o, s, m=members, r=rule, p=by: answer(b, o, m, s, DEFAULT_TABLE, r, p[b]))
        if got is not None:
            print(shown(f"{title}, {kind}", got) + "  RMSE " + " ".join(f"{value:.3f}" for value in got["rmse"]))


def main() -> None:
    """Parse the command line and run a part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("predict", "table", "decide", "compare", "intervals", "references", "priors"))
    names = {"--methods": METHODS, "--bulks": tuple(BULKS), "--references": tuple(REFERENCES)}
    for option, default in names.items():
        parser.add_argument(option, default=",".join(default), help="names between commas")
    parser.add_argument("--seeds", default="0", help="numbers between commas")
    given = vars(parser.parse_args())
    methods, bulks, references, seeds = (
        [part for part in given[name].split(",") if part] for name in ("methods", "bulks", "references", "seeds")
    )
    seeds = [int(seed) for seed in seeds]
    for name in methods:
        if name != "panel":
            registry.get(name.partition(":")[0])
    pairs = fitting(bulks, references)
    if given["part"] == "predict":
        predict((bulk, over, method, seed) for seed in seeds for method in methods for bulk, over in pairs)
    else:
        {
            "table": table,
            "decide": decide,
            "compare": compare,
            "intervals": intervals,
            "references": several,
            "priors": priors,
        }[given["part"]](pairs, methods, seeds)


if __name__ == "__main__":
    main()
