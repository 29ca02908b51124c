#!/usr/bin/env python
"""Every method on real bulk with measured or designed fractions, three seeds: docs/results.tsv and docs/results.md.

    .venv/bin/python benchmarks/accuracy.py [--only METHOD,...] [--pair NAME,...] [--recipe default|published]

Needs the data beside the project (UNMIX_SHARED). What stands in results.tsv for the same recipe is not run again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from unmix import engine
from unmix import methods as registry
from unmix.engine import cell_fractions
from unmix.errors import NotApplicable
from unmix.evaluation import metrics
from unmix.io import check
from unmix.io.fractions import normalised
from unmix.io.truth import read_truth
from unmix.reference.prepare import prepare_reference
from unmix.settings import asdict, override

if TYPE_CHECKING:
    from collections.abc import Callable

    import anndata as ad

    from unmix.io.fractions import Fractions

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("UNMIX_SHARED", ROOT.parent / "shared"))
DATA, DEMO = SHARED / "data", ROOT / ".cache" / "demo"
TABLE, PAGE = ROOT / "docs" / "results.tsv", ROOT / "docs" / "results.md"
SEEDS = (0, 1, 2)
#: Published mRNA per cell (docs/mrna_per_cell.md).
MRNA = {
    "EPIC": {"B": 0.4016, "CD4T": 0.3952, "CD8T": 0.3952, "NK": 0.4396, "Monocyte": 1.4196},
    "quanTIseq": {"B": 65.66, "CD4T": 63.87, "CD8T": 70.26, "NK": 117.72, "Monocyte": 130.65},
}
#: What is told of fractions of cells by the numbers of MRNA.
SIZED = ("ccc", "rmse")
SIZED_COLUMNS = [f"{metric} by {source}" for source in MRNA for metric in SIZED]
KEY = ("pair", "method", "recipe", "seed")
#: Methods whose published settings are run too, on the pairs on which originals were.
PUBLISHED = ("scaden", "tape", "dissect")
PAIRS: dict[str, Pair] = {}


@dataclass(frozen=True)
class Loaded:
    """A reference, bulk samples and what is known of them."""

    reference: ad.AnnData
    bulk: Path
    unit: str
    truth: pd.DataFrame
    """Samples x types."""
    options: dict[str, Any] = field(default_factory=dict)
    """More for engine.train."""
    names: dict[str, str] = field(default_factory=dict)
    """Of the cell types, by those of MRNA; where given, fractions of cells by its numbers are scored too."""


@dataclass(frozen=True)
class Pair:
    """A reference and bulk samples, and what is run on them."""

    title: str
    said: str
    load: Callable[[], Loaded]
    methods: tuple[str, ...] = ()
    """Only these; all that need no more than `gives` where empty."""
    gives: tuple[str, ...] = ()
    """Of :class:`unmix.contract.method.Needs`: what there is beside a reference of single cells and the bulk."""
    originals: dict[str, tuple[float, float, float, int | None]] = field(default_factory=dict)
    """What originals gave, one run each: mean r per type, CCC, RMSE, CPU seconds."""
    published: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By method: what is changed in its published settings, because the original was run so on this pair."""


def pair(name: str, title: str, said: str, **facts: Any) -> Callable[[Callable[[], Loaded]], Callable[[], Loaded]]:
    """Put a pair into PAIRS."""

    def put(load: Callable[[], Loaded]) -> Callable[[], Loaded]:
        PAIRS[name] = Pair(title, said, load, **facts)
        return load

    return put


@pair(
    "pbmc",
    "PBMC (Monaco et al. 2019)",
    "12 samples of PBMC, RNA-seq (TPM), fractions by flow cytometry; reference of 1,053 cells of another laboratory "
    "without donors (Newman et al. 2019), neutrophils left out. Five cell types, truth and estimates divided by their "
    "sum over these.",
    originals={
        "Scaden 1.1.2": (0.754, 0.570, 0.096, 1005),
        "DISSECT 0.1.1 (3 of 5 members)": (0.760, 0.671, 0.092, 1188),
        "TAPE 1.1.2, adaptive": (0.615, 0.557, 0.101, 604),
        "TAPE 1.1.2, not adaptive": (0.692, 0.579, 0.109, None),
    },
)
def pbmc() -> Loaded:
    """Return the pair of the demo-pbmc."""
    source, folder = DATA / "sc_newman_nsclc_pbmc" / "counts.h5ad", DATA / "pbmc_monaco_gse107011"
    reference = prepare_reference([source], "cell_type", "none", label_map={"Neutrophil": ""})
    return Loaded(
        reference,
        folder / "bulk.tsv.gz",
        "tpm",
        read_truth(folder / "truth.tsv"),
        names={k: k for k in MRNA["EPIC"]},
    )


@pair(
    "calibration",
    "PBMC with calibration samples (package daism 2.0.5)",
    "20 samples of PBMC, RNA-seq (TPM), fractions by flow cytometry, and 20 more of the same study whose fractions "
    "daism and its two controls may learn from; reference of 1,200 cells x 1,767 genes of three donors of another "
    "laboratory (Symphony's example). Five cell types, truth and estimates divided by their sum over these.",
    gives=("calibration",),
)
def calibration() -> Loaded:
    """Return the pair of DAISM's own example."""
    types = {"T_CD4": "CD4.T.cells", "T_CD8": "CD8.T.cells", "B": "B.cells", "NK": "NK.cells"}
    types |= dict.fromkeys(("Mono_CD14", "Mono_CD16"), "monocytic.lineage") | dict.fromkeys(("DC", "MK", "HSC"), "")
    source = DATA / "sc_pbmc_symphony_3donor" / "lognorm.h5ad"
    reference = prepare_reference([source], "cell_type", "donor", label_map=types, preset="none")
    genes = list(reference.var_names)

    def known(samples: str, fractions: str) -> tuple[ad.AnnData, pd.DataFrame]:
        bulk = check.read_bulk(DEMO / samples, "tpm", genes)
        return bulk, read_truth(DEMO / fractions, samples=list(bulk.obs_names))

    _, truth = known("bulk.tsv", "truth.tsv")
    options = {"calibration": known("calibration.tsv", "calibration_truth.tsv")}
    names = {"CD4T": "CD4.T.cells", "CD8T": "CD8.T.cells", "B": "B.cells", "NK": "NK.cells"}
    return Loaded(reference, DEMO / "bulk.tsv", "tpm", truth, options, names | {"Monocyte": "monocytic.lineage"})


@pair(
    "cell-lines",
    "Cell lines (Tian et al. 2019)",
    "55 designed mixtures of RNA of three cell lines, counts; reference of 450 cells of the same lines. The truth is "
    "that of RNA: methods that give fractions of cells differ from it by the sizes of the cells. Scaden's published "
    "settings have 1,000 steps, with which the original was run here.",
    originals={"Scaden 1.1.2 (1,000 steps)": (0.942, 0.882, 0.145, 282)},
    published={"scaden": ("train.steps=1000",)},
)
def cell_lines() -> Loaded:
    """Return the designed mixtures."""
    folder = DATA / "cellline_mixology_gse118767"
    reference = prepare_reference([folder / "sc_counts.h5ad"], "cell_type", "none")
    return Loaded(reference, folder / "bulk.tsv.gz", "counts", read_truth(folder / "truth.tsv"))


@pair(
    "purity",
    "Purity (cell lines, H2228 called malignant)",
    "The same samples; two of the lines count as normal cells. The protocol stands for the donor.",
    methods=("deepdecon", "gbmpurity"),
)
def purity() -> Loaded:
    """Return the designed mixtures as samples of known purity."""
    folder = DATA / "cellline_mixology_gse118767"
    reference = prepare_reference([folder / "sc_counts.h5ad"], "cell_type", "batch")
    truth = read_truth(folder / "truth.tsv")
    malignant = truth["H2228"] / truth.sum(axis=1)
    known = pd.DataFrame({"malignant": malignant, "normal": 1 - malignant})
    return Loaded(reference, folder / "bulk.tsv.gz", "counts", known, {"malignant": ["H2228"]})


@pair(
    "tissues",
    "Tissues (Shen-Orr et al. 2010)",
    "21 designed mixtures of the RNA of rat liver, brain and lung, microarray; reference of one pure profile of each.",
    methods=("ctcrna", "uniform", "reference_mean", "random"),
)
def tissues() -> Loaded:
    """Return the designed mixtures of tissues."""
    folder = DATA / "rat_shenorr_gse19830"
    reference = prepare_reference([folder / "signature_pure.tsv.gz"], "tissue", "none", kind="profiles")
    return Loaded(reference, folder / "bulk.tsv.gz", "microarray", read_truth(folder / "truth.tsv"))


def run(loaded: Loaded, name: str, recipe: str, settings: tuple[str, ...], seed: int) -> dict[str, Any]:
    """Train, predict and score once; `reason` says why a method cannot be applied."""
    truth, bulk = loaded.truth, check.read_bulk(loaded.bulk, loaded.unit, list(loaded.reference.var_names))
    # The originals choose their genes by the bulk they are to predict; so do published settings.
    options = loaded.options | ({"bulk": bulk} if recipe == "published" or registry.get(name).needs.bulk else {})
    started = time.process_time()
    try:
        model = engine.train(
            name, loaded.reference, recipe=recipe, settings=settings, seed=seed, device="cpu", **options
        )
        seconds = time.process_time() - started
        found = engine.predict(model, bulk, device="cpu")
    except NotApplicable as error:
        return {"reason": error.found}
    result = {"kind": found.quantity, "cpu": round(seconds, 1), **scored(truth, found)}
    for source, sizes in MRNA.items() if loaded.names and cell_fractions.mrna_per_cell_of(model) else ():
        table = pd.Series(sizes).rename(loaded.names)
        sized = scored(truth, cell_fractions.to_cells(model, found, table, engine.silent))
        result |= {f"{metric} by {source}": sized[metric] for metric in SIZED}
    return result


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


def digest(name: str, recipe: str, settings: tuple[str, ...]) -> str:
    """Return what identifies the settings of a row: those that are not the defaults of their kind of recipe."""
    chosen = override(registry.get(name).recipes[recipe], settings)
    data = differing(asdict(chosen), asdict(type(chosen)()))
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:12]


def differing(data: dict[str, Any], default: dict[str, Any]) -> dict[str, Any]:
    """Return what differs from `default`, so that a new setting that changes nothing makes no row stale."""
    nested = {name: differing(value, default.get(name, {})) for name, value in data.items() if isinstance(value, dict)}
    plain = {name: v for name, v in data.items() if name not in nested and v != default.get(name)}
    return {**plain, **{name: value for name, value in nested.items() if value}}


def jobs(pair: Pair) -> list[tuple[str, str]]:
    """Return methods and recipes of a pair."""
    methods = registry.all_methods()
    names = list(pair.methods)
    if not names:
        special = {"calibration", "malignant", "profiles", "gene_sets"} - set(pair.gives)
        names = [name for name, m in methods.items() if not any(getattr(m.needs, need) for need in special)]
    published = PUBLISHED if pair.originals else ()
    return [(name, "default") for name in names] + [(name, "published") for name in published]


def page(table: pd.DataFrame) -> str:
    """Return docs/results.md."""
    lines = [
        "# Accuracy on real bulk",
        "",
        "Made by `make results` from docs/results.tsv, which the same command fills. These figures were measured "
        "before the changes listed as unreleased in CHANGELOG.md (choice of markers, fractions of all mRNA, intervals "
        "of single donors); they will be measured again. Mean over three seeds, standard "
        "deviation behind the sign; CPU seconds of one training on one thread. Published settings are given the bulk "
        "at training, by which the originals choose their genes. A method that does not beat the controls in r per "
        "type and CCC tells nothing about these samples. Nothing was tuned on them. The last columns, where there are "
        "any, are of fractions of cells by the mRNA per cell that EPIC and quanTIseq publish "
        "([mrna_per_cell.md](mrna_per_cell.md)).",
    ]
    for name, pair in PAIRS.items():
        rows = table[table["pair"] == name]
        if rows.empty:
            continue
        lines += ["", f"## {pair.title}", "", pair.said, ""]
        sized = SIZED_COLUMNS if rows[SIZED_COLUMNS].notna().any(axis=None) else []
        heads = ["method", "gives", "r per type", "CCC", "RMSE", "truth in 90 % interval", "CPU s"]
        heads += [column.replace("ccc", "CCC").replace("rmse", "RMSE") for column in sized]
        lines += [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
        applied = rows[rows["r"].notna()]
        groups = [part for _, part in applied.groupby(["method", "recipe"], sort=False)]
        for part in sorted(groups, key=lambda part: -part["r"].mean()):
            first = part.iloc[0]
            shown = first["method"] + (" (published)" if first["recipe"] == "published" else "")
            family = registry.get(first["method"]).info.family
            shown = f"*{shown}* (control)" if family == "control" else shown
            cells = [spread(part[c]) for c in ("r", "ccc", "rmse", "coverage")] + [f"{part['cpu'].mean():.0f}"]
            cells += [spread(part[c]) for c in sized]
            lines.append(f"| {shown} | {first['kind']} | {' | '.join(cells)} |")
        for title, (r, ccc, rmse, cpu) in pair.originals.items():
            cells = f"cell | {r:.2f} | {ccc:.2f} | {rmse:.3f} | | {cpu or ''}"
            lines.append(f"| original {title} | {cells} |{' |' * len(sized)}")
        refused = rows[rows["reason"].notna()].drop_duplicates("method")
        if len(refused):
            said = [f"{m} ({r})" for m, r in zip(refused["method"], refused["reason"], strict=True)]
            lines += ["", f"Not applicable: {'; '.join(said)}."]
    return "\n".join(lines) + "\n"


def spread(values: pd.Series) -> str:
    """Return mean and standard deviation over the seeds."""
    if values.isna().any():
        return ""
    return f"{values.mean():.3f}" + (f" ± {values.std(ddof=0):.3f}" if values.std(ddof=0) >= 5e-4 else "")


def main(only: list[str], pairs: list[str], recipes: list[str]) -> None:
    """Run what is missing, write the table after every row, then the page."""
    table = pd.read_csv(TABLE, sep="\t", dtype={"settings": str}) if TABLE.exists() else pd.DataFrame()
    rows = {tuple(row[name] for name in KEY): row for row in table.to_dict("records")}
    for title in pairs or PAIRS:
        pair, loaded = PAIRS[title], None
        for name, recipe in jobs(pair):
            if (only and name not in only) or (recipes and recipe not in recipes):
                continue
            settings = pair.published.get(name, ()) if recipe == "published" else ()
            for seed in SEEDS:
                key, known = (title, name, recipe, seed), digest(name, recipe, settings)
                if rows.get(key, {}).get("settings") == known:
                    continue
                loaded = loaded or pair.load()
                found = run(loaded, name, recipe, settings, seed)
                rows[key] = dict(zip(KEY, key, strict=True)) | {"settings": known} | found
                print(*key, {k: v for k, v in found.items() if k != "kind"}, flush=True)
                pd.DataFrame(rows.values()).to_csv(TABLE, sep="\t", index=False, float_format="%.6g")
    columns = [*KEY, "settings", "reason", "kind", "r", "ccc", "rmse", "coverage", "cpu", *SIZED_COLUMNS]
    PAGE.write_text(page(pd.DataFrame(rows.values(), columns=columns)), "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in ("--only", "--pair", "--recipe"):
        parser.add_argument(option, default="", help="names between commas")
    arguments = parser.parse_args()
    main(*([name for name in text.split(",") if name] for text in (arguments.only, arguments.pair, arguments.recipe)))
