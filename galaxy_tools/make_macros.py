#!/usr/bin/env python
"""Write macros_methods.xml, what the wrappers take from the library: methods with their needs and settings, units, ...

Run ``python galaxy_tools/make_macros.py`` after a change of the registry; a test says when it was forgotten.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

from unmix.benchmark.scenarios import scenarios
from unmix.benchmark.spaces import declared
from unmix.io import registry
from unmix.io.units import UNITS
from unmix.methods import PANEL, all_methods
from unmix.reference.qc import PRESETS
from unmix.settings import asdict
from unmix.settings.words import LARGEST, MOST, in_words, names, schema_at
from unmix.simulate.scenarios import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from unmix.contract.method import Method

OUT = Path(__file__).parent / "macros_methods.xml"
DEFAULT = "scaden"
#: The entry that stands for the panel of methods and their consensus.
CONSENSUS = "default"
FIND = "Type a part of its name to find it"
METHOD = 'argument="--method" type="select" label="Method"'
COMPARED = ("uniform", "reference_mean")
#: Scenarios that a benchmark has unless others are chosen: those of few tests, each a training of some methods.
MEASURED = ("donors", "rare", "spillover")
UNIT_LABELS = {
    "auto": "Detect automatically",
    "counts": "Raw counts",
    "tpm": "TPM",
    "fpkm": "FPKM or RPKM",
    "cpm": "CPM",
    "cp10k": "counts per 10,000 (scanpy, Seurat)",
    "microarray": "Microarray intensities",
}
LOGARITHMS = {"log2": "log2", "ln": "natural log", "log10": "log10"}
RECIPES = {"default": "Default of unmix", "published": "As published"}
#: Recipes that single methods have besides.
FURTHER = {
    "other": "With the column Other: cells that the reference lacks",
    "published_adaptive": "As published, adapted to the samples",
    "published_r": "As published, of the package for R",
    "sorted": "As published, for samples of sorted cells as the reference",
}
#: Settings of the shared parts of a recipe that the forms offer, with their labels; a method's own are all offered.
SHARED = {
    "train.steps": "Training steps",
    "train.batch": "Samples per training step",
    "train.lr": "Learning rate",
    "train.patience": "Stop after this many validations without improvement (0: never)",
    "simulation.cells": "Cells per simulated sample",
    "simulation.samples": "Simulated samples (0: new ones at every step)",
    "simulation.sparse": "Share of simulated samples that lack some cell types",
    "simulation.platform": "Noise between platforms, as standard deviation of the natural logarithm",
    "simulation.dropout": "Share of genes set to zero in every simulated sample",
    "prep.per_type": "Marker genes per cell type",
    "prep.pseudocount": "Pseudocount before the logarithm",
    "genes.per_type": "Marker genes per cell type",
    "genes.top": "Most variable genes",
}
PARTS = {name.split(".")[0] for name in SHARED}


def option(value: str, label: str, *, selected: bool) -> str:
    """Return an entry of a menu."""
    mark = ' selected="true"' if selected else ""
    return f"<option value={quoteattr(value)}{mark}>{escape(label)}</option>"


def menu_label(method: type[Method]) -> str:
    """Return how the menu shows a method: by its key, so that a user who types it finds it before all others."""
    of = ", ".join(str(word) for word in (method.info.family, method.info.year) if word)
    return f"{method.name}: {method.info.title.removesuffix(' (control)')} ({of})"


def unit_label(unit: str) -> str:
    """Return how the menu shows a unit."""
    if unit in UNIT_LABELS:
        return UNIT_LABELS[unit]
    prefix = next(prefix for prefix in LOGARITHMS if unit.startswith(prefix))
    return f"{UNIT_LABELS[unit.removeprefix(prefix)]}, {LOGARITHMS[prefix]}"


def help_line(method: type[Method]) -> str:
    """Return the method as an entry of the help, in reStructuredText."""
    source = f" {method.info.citation}" if method.info.citation else ""
    licence = f" Licence of the original: {method.info.licence}." if method.info.licence else ""
    name = f"**{method.info.title}** (``{method.name}``, {method.info.family})"
    return f"- {name}: {method.info.summary}{source}{licence}"


def numbers(recipe: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, int | float]]:
    """Return the numbers of a recipe by their dotted names."""
    for key, value in recipe.items():
        if isinstance(value, dict):
            yield from numbers(value, f"{prefix}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield prefix + key, value


def limits(rule: dict[str, Any]) -> str:
    """Return the range of a setting as attributes; Galaxy has inclusive ends only, the script refuses the others."""
    low, high = (rule.get(f"{side}imum", rule.get(f"exclusive{side.capitalize()}imum")) for side in ("min", "max"))
    ends = {"min": low, "max": None if high in (MOST, LARGEST) else high}
    return "".join(f' {side}="{end:g}"' for side, end in ends.items() if end is not None)


def meaning(name: str, rule: dict[str, Any]) -> str:
    """Return what a setting is, by its docstring in the recipe; those of shared parts have a label that says it."""
    if name in SHARED:
        return ""
    return re.sub(r" \(:func:.*?\)|``", "", " ".join(rule["description"].split())) + " "


def setting(name: str, values: dict[str, int | float], rule: dict[str, Any]) -> str:
    """Return a number of a recipe as a parameter that stays empty unless the user changes it."""
    label = SHARED.get(name) or name.replace(".", ": ").replace("_", " ").capitalize()
    kind = "integer" if rule["type"] == "integer" else "float"
    shown = [f"{values['default']:g} by default"] if "default" in values else []
    shown += [f"{value:g} as published" for recipe, value in values.items() if recipe == "published"]
    words = f"{meaning(name, rule)}{in_words(rule).capitalize()}; {', '.join(shown)}. In recipes and run.json: {name}"
    field = name.replace(".", "__")
    texts = f"label={quoteattr(label)} help={quoteattr(words)}"
    return f'<param name="{field}" type="{kind}"{limits(rule)} optional="true" {texts}/>'


def settings(method: type[Method]) -> list[str]:
    """Return the section with the numbers of a method, if it has any."""
    values: dict[str, dict[str, int | float]] = {}
    for recipe, data in method.recipes.items():
        for name, value in numbers(asdict(data)):
            if name in SHARED or name.split(".")[0] not in PARTS:
                values.setdefault(name, {})[recipe] = value
    if not values:
        return []
    head = '<section name="settings" title="Change single settings of this method" expanded="false">'
    kind = type(method.recipes["default"])
    rows = (setting(name, values[name], schema_at(kind, name.split("."))) for name in values)
    return [head, *(f"    {row}" for row in rows), "</section>"]


def when(method: type[Method]) -> list[str]:
    """Return what the form asks once this method is chosen: what it needs, its recipe, its numbers."""
    needs = method.needs
    lines = [f'<expand macro="{"bulk_needed" if needs.bulk else "bulk_optional"}"/>']
    lines += [
        f'<expand macro="{need}"/>'
        for need in ("calibration", "malignant", "gene_sets", "prior")
        if getattr(needs, need)
    ]
    lines += ['<param argument="--recipe" type="select" label="Settings">']
    lines += [f"    {option(n, {**RECIPES, **FURTHER}[n], selected=n == 'default')}" for n in method.recipes]
    lines += ["</param>", *settings(method)]
    return [f'<when value="{method.name}">', *(f"    {line}" for line in lines), "</when>"]


def simple(method: type[Method]) -> bool:
    """Say whether a method needs nothing but a reference of cells and the bulk."""
    needs = method.needs
    return not (needs.calibration or needs.malignant or needs.gene_sets or needs.profiles or needs.prior)


def menu(attributes: str, entries: Iterable[str]) -> list[str]:
    """Return a select parameter."""
    return [f"<param {attributes}>", *(f"    {entry}" for entry in entries), "</param>"]


def units(attributes: str) -> list[str]:
    """Return the menu of the units of expression values."""
    entries = (option(unit, unit_label(unit), selected=unit == "auto") for unit in UNITS)
    return menu(f'{attributes} help="What is declared is checked against the numbers"', entries)


def registry_menu(kind: registry.Kind) -> list[str]:
    """Return the menu of the models or the references of the registry."""
    titles = {
        name: registry.card(kind, name)["title"] + (" (unverified)" * (not registry.verified(kind, name)))
        for name in getattr(registry.registry(), kind)
    }
    entries = [option(name, f"{name}: {title}", selected=name == next(iter(titles))) for name, title in titles.items()]
    return menu(f'name="{kind}" type="select" label="{kind.removesuffix("s").capitalize()}"', entries)


def macros() -> str:
    """Return the macro file."""
    methods = list(all_methods().values())
    plain = [method for method in methods if simple(method)]
    panel = [all_methods()[name].info.title for name in PANEL]
    dois = dict.fromkeys(method.info.doi for method in methods if method.info.doi)
    blocks = {
        "choice": [
            '<conditional name="choice">',
            *(
                f"    {line}"
                for line in menu(
                    f'{METHOD} help="{FIND}. The help below describes the methods"',
                    (option(m.name, menu_label(m), selected=m.name == DEFAULT) for m in methods),
                )
            ),
            *(f"    {line}" for method in methods for line in when(method)),
            "</conditional>",
        ],
        "method": menu(
            f'name="method" type="select" label="Method" help="Shown first in the report. {FIND}"',
            [
                option(CONSENSUS, f"default: consensus of {', '.join(panel)}", selected=True),
                *(option(m.name, menu_label(m), selected=False) for m in plain if m.info.family != "control"),
            ],
        ),
        "compared": menu(
            'name="compared" type="select" multiple="true" optional="true" label="Compare with" '
            'help="Controls are independent of the input. A useful method is more accurate than the controls"',
            (option(m.name, menu_label(m), selected=m.name in COMPARED) for m in plain),
        ),
        "measured": menu(
            'name="methods" type="select" multiple="true" optional="false" label="Methods to measure" '
            'help="The four methods of the default consensus, whose row is made of theirs, and controls, beside which '
            'an error is small or large"',
            (option(m.name, menu_label(m), selected=m.name in (*PANEL, *COMPARED)) for m in plain),
        ),
        "tuned": menu(
            f'name="method" type="select" label="Method" help="{FIND}"',
            (
                option(m.name, menu_label(m), selected=m.name == DEFAULT)
                for m in plain
                if m.info.family != "control" and {*names(type(m.recipes["default"]))} & declared().keys()
            ),
        ),
        "scenarios": menu(
            'name="scenarios" type="select" multiple="true" optional="false" label="Scenarios"',
            (option(n, f"{n}: {s.asks}", selected=n in MEASURED) for n, s in scenarios().items()),
        ),
        "recipe": menu(
            'argument="--recipe" type="select" label="Settings" '
            'help="Methods without published settings of their own use the default"',
            (option(name, label, selected=name == "default") for name, label in RECIPES.items()),
        ),
        "unit": units('argument="--unit" type="select" label="Unit of the bulk samples"'),
        "calibration_unit": units(
            'argument="--calibration-unit" type="select" label="Unit of the calibration samples"'
        ),
        "preset": menu(
            'argument="--preset" type="select" label="Quality control of the cells"',
            (option(n, f"{n}: {preset.source}", selected=n == "standard") for n, preset in PRESETS.items()),
        ),
        "scenario": menu(
            'argument="--scenario" type="select" label="Scenario"',
            (
                option(n, f"{n}: {', '.join(f'{k} {v}' for k, v in s.items())}".rstrip(": "), selected=n == "standard")
                for n, s in SCENARIOS.items()
            ),
        ),
        **{f"registry_{kind}": registry_menu(kind) for kind in registry.ENDINGS},
        "method_citations": [f'<citation type="doi">{escape(doi)}</citation>' for doi in dois],
    }
    tokens = {
        "@METHODS_HELP@": [help_line(method) for method in methods],
        "@EXPRESSING_HELP@": [f"- {method.info.title} (``{method.name}``)" for method in methods if method.expresses],
    }
    lines = ["<macros>", "    <!-- Made by make_macros.py from the library; do not edit. -->"]
    for name, block in blocks.items():
        lines += [f'    <xml name="{name}">', *(f"        {line}" for line in block), "    </xml>"]
    for name, block in tokens.items():
        lines += [f'    <token name="{name}"><![CDATA[', *block, "    ]]></token>"]
    return "\n".join([*lines, "</macros>"]) + "\n"


if __name__ == "__main__":
    OUT.write_text(macros(), encoding="utf-8")
