"""Build the entries of the registry from public data, and measure the models: make zoo.

Entries go to the folder in which registry:NAME finds them ($UNMIX_REGISTRY, or one in the user's cache). The models are
measured on the 20 blood samples of the demo, whose fractions were measured by flow cytometry: root mean square error
and Lin's concordance over all fractions, Pearson's r as the mean over cell types.

--record  write what the building of a reference found, where nothing is recorded yet, to registry_recorded.json: sha256
          of the public files, cells, donors. Later buildings must find the same. Look at the difference before you
          commit it.
--write   write the accuracy of the models to registry_measured.json, and the tables of docs/registry.md.

zoo.py NAME... takes these entries only, and --packaged those that are made of data in Python packages (a release holds
them). An entry that cannot be built does not stop the others; the status is then 1.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

from unmix.io import records, registry

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / ".cache" / "demo"
PAGE = ROOT / "docs" / "registry.md"
#: Wheels that hold public data and are not installed; scripts/demo_data.py has fetched them.
WHEELS = {"immucellai2": "immucellai2-*.whl"}
#: Names of the cell types in the known fractions of the demo, by their names in the registry.
TRUTH = {
    "B cells": "B.cells",
    "CD4 T cells": "CD4.T.cells",
    "CD8 T cells": "CD8.T.cells",
    "NK cells": "NK.cells",
    "Monocytes": "monocytic.lineage",
    "Monocytic lineage": "monocytic.lineage",
}
FIGURES = {"rmse": ("all", "rmse"), "ccc": ("all", "ccc"), "pearson": ("mean_type", "pearson")}
START, END = "<!-- made by scripts/zoo.py -->", "<!-- end -->"


def step(name: str, *arguments: object) -> str:
    """Run a script of bin/ and return what it prints."""
    command = [sys.executable, ROOT / "bin" / f"unmix_{name}.py", *arguments]
    done = subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def build(kind: registry.Kind, name: str) -> None:
    """Build an entry, unless this version of it is on this machine."""
    try:
        registry.local(f"{registry.PREFIX}{name}", kind)
    except registry.DataError:
        source = []
        if kind == "references" and (pattern := WHEELS.get(registry.get(kind, name).source.package)):
            source = ["--source", next(DEMO.glob(pattern))]
        step("download", kind, name, "--build", *source, "--quiet")


def measure(name: str) -> dict[str, float]:
    """Return how accurate a model is on the samples of the demo."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        step("predict", f"registry:{name}", DEMO / "bulk.tsv", "--unit", "tpm", "--out-dir", folder, "--quiet")
        rows = [f"{ours}\t{theirs}" for ours, theirs in TRUTH.items() if ours in registry.card("models", name)["types"]]
        (folder / "names.tsv").write_text("\n".join(["from\tto", *rows]) + "\n")
        out = folder / "metrics.tsv"
        step(
            *("evaluate", folder / "fractions.tsv", DEMO / "truth.tsv"),
            *("--label-map", folder / "names.tsv", "--out", out, "--quiet"),
        )
        table = pd.read_csv(out, sep="\t")
    values = dict(zip(zip(table["level"], table["metric"], strict=True), table["value"], strict=True))
    return {figure: round(float(values[key]), 3) for figure, key in FIGURES.items()}


def record(name: str) -> None:
    """Write what the building of a reference found, unless that of an earlier one is recorded."""
    if registry.verified("references", name):
        return
    made = records.read(registry.record_of(registry.place("references", name)))["made"]
    facts = {key: one.model_dump() for key, one in registry.recorded().items()} | {name: made}
    path = registry.DATA / "registry_recorded.json"
    path.write_text(json.dumps(dict(sorted(facts.items())), indent=2) + "\n")
    registry.recorded.cache_clear()
    print(f"{name}: recorded {made['cells']:,} cells of {made['donors']} donors, files {', '.join(made['files'])}")


def packaged() -> list[str]:
    """Return the entries made of data in Python packages: references, then their models."""
    found = registry.registry()
    names = [name for name, one in found.references.items() if one.source.package]
    return names + [name for name, one in found.models.items() if one.reference in names]


def main(names: list[str], *, record_new: bool = False, write: bool = False) -> list[str]:
    """Build and measure; return the entries that could not be built."""
    entries = {name: kind for kind in ("references", "models") for name in getattr(registry.registry(), kind)}
    chosen = {name: kind for name, kind in entries.items() if not names or name in names}
    figures, failed = dict(registry.measured()), []
    for name, kind in chosen.items():
        try:
            build(kind, name)
        except subprocess.CalledProcessError:
            failed.append(name)
            continue
        if record_new and kind == "references":
            record(name)
        if kind == "models":
            figures[name] = measure(name)
            print(name, *(f"{figure} {value:.3f}" for figure, value in figures[name].items()))
    if write:
        path = registry.DATA / "registry_measured.json"
        path.write_text(json.dumps(dict(sorted(figures.items())), indent=2) + "\n")
        registry.measured.cache_clear()
        page = PAGE.read_text(encoding="utf-8")
        before, rest = page.split(START)
        PAGE.write_text(f"{before}{START}\n{tables()}{END}{rest.split(END)[1]}", encoding="utf-8")
    return failed


def tables() -> str:
    """Return the tables of the page: references, then models with their accuracy."""
    lines = ["| reference | what it holds | cells | donors | licence | recipe | built from |", f"|---{'|---' * 6}|"]
    for name in registry.registry().references:
        card = registry.card("references", name)
        origin = card["source"]
        source = " ".join(filter(None, [origin["package"], origin["package_version"]]))
        source = source or f"[{'CELLxGENE' if origin['layout'] else 'GEO'}]({origin['page']})"
        what = f"{card['title']}; {card['species']}. {card['advice']}"
        recipe = "verified" if registry.verified("references", name) else "**not built, unverified**"
        facts = [name, what, card["cells"] or "", card["donors"] or "", card["licence"], recipe, source]
        lines.append(f"| {' | '.join(map(str, facts))} |")
    lines += ["", "| model | RMSE | concordance | r, mean of cell types |", "|---|---|---|---|"]
    for name in registry.registry().models:
        found = registry.measured().get(name)
        absent = "not measured" if registry.verified("models", name) else "**not built, unverified**"
        values = [f"{found[figure]:.3f}" for figure in FIGURES] if found else [absent, "", ""]
        lines.append(f"| {name} | {' | '.join(values)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if not word.startswith("--")] + (
        packaged() if "--packaged" in sys.argv else []
    )
    if unbuilt := main(words, record_new="--record" in sys.argv, write="--write" in sys.argv):
        sys.exit(f"Not built: {', '.join(unbuilt)}. The sentences above say why.")
