"""Write docs/methods/ and docs/fidelity.md from the registry: make sync."""

from __future__ import annotations

import inspect
import json
import re
import sys
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

import pandas as pd

from unmix import methods as registry
from unmix.settings.words import at, in_words, names, schema_at

if TYPE_CHECKING:
    from unmix.contract.method import Method
    from unmix.settings import Settings

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent / "docs"
FAMILIES = {"deep": "Deep-learning methods", "classical": "Classical methods", "control": "Controls"}
QUANTITIES = {
    "cell": "fractions of cells",
    "mrna": "fractions of mRNA",
    "purity": "the share of malignant cells",
    "score": "scores, which compare samples and not cell types",
}
NEEDS = {
    "cells": "single cells",
    "bulk": "the bulk at training",
    "calibration": "bulk samples with known fractions",
    "malignant": "which cell types are malignant",
    "gene_sets": "published gene sets",
    "prior": "a declared prior (`--prior`)",
    "profiles": "samples of pure types (`--kind profiles`)",
}
TAKES = {
    "signature": "a published signature",
    "gene_sets": "published gene sets",
    "pretrained": "networks in the authors' format",
}
COLUMNS = ("method", "year", "gives", "needs beside profiles of the cell types", "when to take it", "beat the controls")
MADE = "Made by `make sync` from the registry of methods; do not edit."


def needs(method: type[Method]) -> str:
    """Return what a method needs beside profiles of the cell types, in words."""
    said = [words for name, words in NEEDS.items() if getattr(method.needs, name)]
    if method.needs.donors > 1:
        said.append(f"{method.needs.donors} donors, or replicates of the profiles")
    return ", ".join(said)


def plain(description: str) -> str:
    """Return the description of a setting as text for a cell of a table."""
    return re.sub(r":\w+:`([^`]+)`", r"`\1`", " ".join(description.split())).replace("|", "\\|")


def value(recipe: Settings, name: str) -> str:
    """Return a value of a recipe in JSON; the parts of networks only where they are not the default."""
    found = at(recipe, *name.split("."))
    text = json.dumps(found, default=lambda part: part.model_dump(mode="json", exclude_defaults=True))
    return re.sub(r"(\d)\.0\b", r"\1", text)


def recipes(method: type[Method]) -> list[str]:
    """Return the table of a method's settings: name, range, a column for each recipe, description."""
    kind = type(method.recipes["default"])
    if not names(kind):
        return []
    columns = ["`--set`", "value", *method.recipes, "meaning"]
    lines = ["## Settings", "", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for name in names(kind):
        rule = schema_at(kind, name.split("."))
        values = [value(recipe, name) for recipe in method.recipes.values()]
        cells = [f"`{name}`", in_words(rule), *values, plain(rule["description"])]
        lines.append(f"| {' | '.join(cells)} |")
    network = schema_at(kind, ["nets", 0]).get("properties", {})
    parts = [f"- `{name}`, {in_words(rule)}: {plain(rule['description'])}" for name, rule in network.items()]
    return [*lines, "", *(["Each network of `nets` has:", "", *parts, ""] if parts else [])]


def page(method: type[Method]) -> str:
    """Return the page of a method: its card, its idea and its settings."""
    info, idea = method.info, inspect.cleandoc(sys.modules[method.__module__].__doc__ or "")
    facts = [f"- Estimates {QUANTITIES[method.quantity]}."]
    if wanted := needs(method):
        facts.append(f"- Needs {wanted}.")
    else:
        facts.append("- Needs only profiles of the cell types: of single cells, or without them (`--kind profiles`).")
    if method.takes:
        option = method.takes.replace("_", "-")
        facts.append(f"- Takes {TAKES[method.takes]}: `--{option}`, in a samplesheet the column `{method.takes}`.")
    lines = [f"# {info.title} (`{method.name}`)", "", info.summary, "", *facts]
    lines += section("When to use it", [f"- {sentence}" for sentence in info.when])
    advice = [info.comparison, registry.standing(method.name)]
    lines += section("On real samples", [" ".join(filter(None, advice))] * any(advice))
    lines += section("Idea", [idea])
    lines += section("Literature", [f"{info.citation}{f' doi:{info.doi}' if info.doi else ''}"] * bool(info.citation))
    if info.licence:
        lines += ["", f"Licence of the original code, which unmix does not contain: {info.licence}."]
    lines += section("Compared with the original", [info.original] * bool(info.original))
    lines += section("What was chosen here", [f"- {sentence}" for sentence in info.chosen])
    lines += section("Measured", [f"- {figure.text} `{figure.command}`" for figure in info.tuning])
    return "\n".join([*lines, "", *recipes(method), MADE, ""])


def section(title: str, lines: list[str]) -> list[str]:
    """Return a section of a page; nothing where it has no lines."""
    return ["", f"## {title}", "", *lines] if lines else []


def beaten(name: str) -> str:
    """Return on how many sets of real samples a method had a lower RMSE than the controls; empty if unknown."""
    sets = registry.real_samples().get(name, [])
    return f"{sum(error < control for _, error, control in sets)} of {len(sets)} sets" if sets else ""


def index(methods: list[type[Method]]) -> str:
    """Return the table of all methods."""
    lines = [
        "# Methods",
        "",
        MADE,
        "What the review names and unmix leaves out: [methods_not_included](../methods_not_included.md).",
        "The last column counts the sets of real samples on which a method had a lower RMSE than `uniform` and",
        "`reference_mean`; its page names them, and [default_answer](../default_answer.md) has the figures.",
    ]
    for family, title in FAMILIES.items():
        header = (
            "| method | year | gives | needs beside profiles of the cell types | when to take it | beat the controls |"
        )
        lines += ["", f"## {title}", "", header]
        lines.append("|---|---|---|---|---|---|")
        for m in methods:
            if m.info.family == family:
                kind = "mRNA" if m.quantity == "mrna" else m.quantity
                link = f"[{m.name}]({m.name}.md)"
                told = " ".join(filter(None, [m.info.summary, m.info.comparison]))
                lines.append(f"| {link} | {m.info.year or ''} | {kind} | {needs(m)} | {told} | {beaten(m.name)} |")
    return "\n".join(lines) + "\n"


def system(name: str) -> str:
    """Return the system of the review that a method belongs to: UCD has two methods."""
    return "ucd" if name.startswith("ucd") else name


def fidelity(methods: list[type[Method]]) -> str:
    """Return how close each method is to its original: what was compared, what stops a comparison, what was chosen."""
    points = pd.read_csv(DOCS / "fidelity.tsv", sep="\t", keep_default_na=False)
    shown = [method for method in methods if method.info.family != "control"]
    systems = list(dict.fromkeys(system(method.name) for method in shown if method.info.family == "deep"))
    kinds = {"weights": "weights", "code": "code", "accuracy": "accuracy on the same data"}
    compared = []
    for name in systems:
        own = points[points["method"].map(system) == name]
        cells = ["yes" if (own["kind"] == kind).any() else "-" for kind in kinds]
        compared.append([name, *cells, " ".join(own.loc[own["kind"] == "stops", "data"])])
    of_points = points[points["kind"] != "stops"].drop(columns="kind")
    heads = ["method", "compared with the original", "chosen where the source is silent, or differently"]
    return Template((HERE / "fidelity_page.md").read_text("utf-8")).substitute(
        number=len(systems),
        systems=markdown(["system", *kinds.values(), "what stops more"], compared),
        points=markdown(
            ["method", "data", "original", "unmix", "difference", "shown by"], of_points.to_numpy().tolist()
        ),
        recipes=recipes_beside(shown),
        chosen=markdown(heads, [[m.name, m.info.original, " ".join(m.info.chosen)] for m in shown]),
    )


def markdown(heads: list[str], rows: list[list[str]]) -> str:
    """Return a table."""
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def recipes_beside(methods: list[type[Method]]) -> str:
    """Return the published recipes beside the default ones on real sets, and which methods have none."""
    table = pd.read_csv(DOCS / "results.tsv", sep="\t")
    figures = table.groupby(["method", "case", "test", "recipe"], sort=False)[["r", "ccc", "rmse"]].mean()
    rows = []
    for (method, case, test), row in figures.dropna(how="all").unstack("recipe").iterrows():
        default, published = (row.xs(recipe, level="recipe").dropna() for recipe in ("default", "published"))
        if len(published):
            rows.append([method, case, test, *(", ".join(f"{v:.3f}" for v in own) for own in (default, published))])
    without = [method for method in methods if "published" not in method.recipes]
    equal, own = (", ".join(m.name for m in without if bool(m.info.doi) == known) for known in (True, False))
    said = f"Without a published recipe, because it would equal `default`: {equal}. A method of unmix itself: {own}."
    return f"{markdown(['method', 'reference', 'samples', 'default', 'published'], rows)}\n\n{said}"


def pages() -> dict[Path, str]:
    """Return every page by its path."""
    methods = list(registry.all_methods().values())
    made = {DOCS / "methods" / f"{method.name}.md": page(method) for method in methods}
    return {**made, DOCS / "methods" / "README.md": index(methods), DOCS / "fidelity.md": fidelity(methods)}


if __name__ == "__main__":
    (DOCS / "methods").mkdir(exist_ok=True)
    for old in (DOCS / "methods").glob("*.md"):
        old.unlink()
    for path, text in pages().items():
        path.write_text(text, "utf-8")
