"""Write docs/methods/ and docs/fidelity.md from the registry: make sync."""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unmix import methods as registry
from unmix.settings import asdict

if TYPE_CHECKING:
    from unmix.contract.method import Method

DOCS = Path(__file__).resolve().parent.parent / "docs"
FAMILIES = {"deep": "Deep-learning methods", "classical": "Classical methods", "control": "Controls"}
QUANTITIES = {
    "cell": "fractions of cells",
    "mrna": "fractions of mRNA",
    "purity": "the share of malignant cells",
    "score": "scores, which compare samples and not cell types",
}
NEEDS = {
    "bulk": "the bulk at training",
    "calibration": "bulk samples with known fractions",
    "malignant": "which cell types are malignant",
    "weights": "published gene sets or a signature",
    "tissue": "a reference of pure tissues",
}
WEIGHTS = {"tables": "published signatures or gene sets", "network": "a published network of its own format"}
MADE = "Made by `make sync` from the registry of methods; do not edit."


def needs(method: type[Method]) -> str:
    """Return what a method needs beside a single-cell reference, in words."""
    said = [words for name, words in NEEDS.items() if getattr(method.needs, name)]
    if method.needs.donors > 1:
        said.append(f"{method.needs.donors} donors")
    return ", ".join(said)


def flat(recipe: Any, prefix: str = "") -> dict[str, str]:
    """Return a recipe as ``a.b -> value`` in JSON."""
    values: dict[str, str] = {}
    for name, value in recipe.items():
        nested = isinstance(value, dict) and value
        values |= flat(value, f"{prefix}{name}.") if nested else {prefix + name: json.dumps(value)}
    return values


def recipes(method: type[Method]) -> list[str]:
    """Return the table of a method's recipes, a column each."""
    columns = {name: flat(asdict(recipe)) for name, recipe in method.recipes.items()}
    names = list(dict.fromkeys(name for column in columns.values() for name in column))
    if not names:
        return []
    lines = ["## Settings", "", f"| `--set` | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    lines += [f"| `{name}` | {' | '.join(column.get(name, '') for column in columns.values())} |" for name in names]
    return [*lines, ""]


def page(method: type[Method]) -> str:
    """Return the page of a method: its card, its idea and its settings."""
    info, idea = method.info, inspect.cleandoc(sys.modules[method.__module__].__doc__ or "")
    facts = [f"- Estimates {QUANTITIES[method.quantity]}."]
    if wanted := needs(method):
        facts.append(f"- Needs {wanted}, beside the reference.")
    if method.weights:
        facts.append(f"- Takes {WEIGHTS[method.weights]}: `--weights`, in a samplesheet the column `weights`.")
    lines = [f"# {info.title} (`{method.name}`)", "", info.summary, "", *facts]
    lines += section("When to use it", [f"- {sentence}" for sentence in info.when])
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


def index(methods: list[type[Method]]) -> str:
    """Return the table of all methods."""
    lines = [
        "# Methods",
        "",
        MADE,
        "What the review names and unmix leaves out: [methods_left_out](../methods_left_out.md).",
    ]
    for family, title in FAMILIES.items():
        lines += ["", f"## {title}", "", "| method | year | gives | needs beside a reference | when to take it |"]
        lines.append("|---|---|---|---|---|")
        for m in methods:
            if m.info.family == family:
                kind = "mRNA" if m.quantity == "mrna" else m.quantity
                link = f"[{m.name}]({m.name}.md)"
                lines.append(f"| {link} | {m.info.year or ''} | {kind} | {needs(m)} | {m.info.summary} |")
    return "\n".join(lines) + "\n"


def fidelity(methods: list[type[Method]]) -> str:
    """Return how close each method is to its original."""
    lines = [
        "# How close each method is to its original",
        "",
        MADE,
        "The figures are asserted in tests/golden where the original's numbers can be had; the table says where not.",
        "Accuracy beside the originals: [results](results.md).",
        "",
        "| method | compared with the original | chosen where the source is silent, or differently |",
        "|---|---|---|",
    ]
    shown = [method for method in methods if method.info.family != "control"]
    return "\n".join([*lines, *(f"| {m.name} | {m.info.original} | {' '.join(m.info.chosen)} |" for m in shown)]) + "\n"


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
