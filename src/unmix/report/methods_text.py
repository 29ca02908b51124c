"""The paragraph for the methods section of a manuscript, with its references: what was done, and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from unmix import methods
from unmix.contract.method import Method
from unmix.evaluation import metrics
from unmix.report.bibtex import bibtex
from unmix.report.words import MINUS, count, listed, quantity
from unmix.settings import asdict
from unmix.uncertainty.domain_shift import BETWEEN_LABORATORY

if TYPE_CHECKING:
    from unmix.report.results import Result, Results

#: A citation and its DOI.
Reference = tuple[str, str]
LIN = (
    "Lin LI-K. A concordance correlation coefficient to evaluate reproducibility. Biometrics 45, 255-268 (1989).",
    "10.2307/2532051",
)
LEI = (
    "Lei J et al. Distribution-free predictive inference for regression. Journal of the American Statistical "
    "Association 113, 1094-1111 (2018).",
    "10.1080/01621459.2017.1307116",
)
RACLE = (
    "Racle J et al. Simultaneous enumeration of cancer and immune cell types from bulk tumor gene expression data. "
    "eLife 6, e26476 (2017).",
    "10.7554/eLife.26476",
)
FINOTELLO = (
    "Finotello F et al. Molecular and pharmacological modulators of the tumor immune contexture revealed by "
    "deconvolution of RNA-seq data. Genome Medicine 11, 34 (2019).",
    "10.1186/s13073-019-0638-6",
)
#: Where the mRNA per cell of a source is published.
MRNA_PER_CELL = {"published": [RACLE, FINOTELLO], "epic": [RACLE], "quantiseq": [FINOTELLO]}
#: How the paragraph names a recipe.
RECIPES = {
    "default": "the default settings of unmix",
    "published": "the settings of the publication",
    "own": "user-supplied settings",
}
#: Pseudobulk or samples whose errors give the intervals, by what was held out.
HELD_OUT = {
    "donors": "pseudobulk of held-out donors of the reference",
    "cells": "pseudobulk of held-out cells of the same donors",
    "replicates": "mixtures of held-out replicates of the profiles",
    "calibration samples": "bulk samples with known fractions that were held out of the training",
}
#: Settings that are listed, and characters of a value that is.
LISTED, SHORT = 8, 24


def citing(results: Results) -> dict[str, Any]:
    """Write the paragraph."""
    references: list[Reference] = []
    lead = results.headline
    said = [*_estimation(lead, references), *_reference(lead), *_intervals(lead, references)]
    said += [*_comparison(results, references), *_groups(lead)]
    return {"text": " ".join(said), "references": references, "bibtex": bibtex(references)}


def recipe_name(result: Result) -> str:
    """Return the name of the recipe of a result, and how many settings the user changed; empty if not recorded."""
    name = result.learned.get("recipe_name", "")
    changed = len(result.learned.get("settings", []))
    return f"{name}, {count(changed, 'setting')} changed" if changed else name


def _estimation(lead: Result, references: list[Reference]) -> list[str]:
    """Say what was estimated with which method and settings."""
    learned, seed = lead.learned, lead.learned.get("seed", lead.run.get("seed"))
    recipe, changed = learned.get("recipe_name", ""), list(learned.get("settings", []))
    version = " ".join(["unmix", *filter(None, [lead.run.get("unmix")])])
    if members := lead.run.get("members"):
        return _consensus(lead, members, references)
    what = quantity(lead).capitalize().replace("Mrna", "mRNA")
    types = [str(name) for name in lead.values.columns]
    differing = _differences(lead)
    name = _cited(lead, references)
    if lead.method.get("family") == "deep" and recipe != "published":
        same = differing is not None and not any(setting.startswith("nets") for setting in differing)
        name = f"{'the network' if same else 'a neural network based on that'} of {name}"
    settings = f" and {RECIPES[recipe]}" if recipe in RECIPES else ""
    seeded = f" (seed {seed})" if seed is not None else ""
    said = [
        f"{what} in {count(len(lead.values), 'bulk sample')} were estimated with {name}{settings}, as implemented in "
        f"{version}{seeded}.",
        f"The {count(len(types), 'cell type')} were {listed(types, most=40)}.",
    ]
    if changed:
        said.append(f"Settings changed by the user: {listed(changed, most=LISTED)}.")
    if differing and recipe != "published":
        said.append(f"Settings that differ from those of the publication: {listed(differing, most=LISTED)}.")
    if learned.get("quick"):
        said.append("The training was shortened to test the pipeline (--quick).")
    if used := lead.run.get("mrna_per_cell"):
        said += _mrna_per_cell(used, types, references)
    return said


def _consensus(lead: Result, members: dict[str, str], references: list[Reference]) -> list[str]:
    """Say how a consensus was computed, with the literature of its members."""
    types = [str(name) for name in lead.values.columns]
    cited = listed([_cited_by_name(name, title, references) for name, title in members.items()], most=40)
    said = [
        f"{quantity(lead).capitalize()} in {count(len(lead.values), 'bulk sample')} are the {lead.run['rule']} of the "
        f"estimates of {len(members)} methods, divided by its sum: {cited}, all with the same mRNA per cell, as "
        f"implemented in unmix {lead.run.get('unmix', '')} (seed {lead.learned.get('seed')}).",
        f"The {count(len(types), 'cell type')} were {listed(types, most=40)}.",
    ]
    if used := lead.run.get("mrna_per_cell"):
        said += _mrna_per_cell(used, types, references)
    return said


def _cited_by_name(name: str, title: str, references: list[Reference]) -> str:
    """Return the title of a member with the number of its reference."""
    if not methods.has(name):
        return title
    info = methods.get(name).info
    return f"{title} [{_number((info.citation, info.doi), references)}]"


def _mrna_per_cell(used: dict[str, Any], types: list[str], references: list[Reference]) -> list[str]:
    """Say with which mRNA per cell fractions of cells were computed, and what its choice adds to the intervals."""
    sources = MRNA_PER_CELL.get(used["source"], [])
    cited = f" [{', '.join(str(_number(source, references)) for source in sources)}]" if sources else ""
    names = used.get("states") or types  # of a type of several states, the values of these
    values = listed([f"{name} {used['values'][name]:g}" for name in names], most=40)
    said = [f"Fractions of cells and their intervals were computed with {used['words']}{cited}: {values}."]
    if used["candidates"]:
        said.append(
            "The range of estimates by the values of EPIC, of quanTIseq and of the reference's counts was added to the "
            "intervals in quadrature, which is a choice of unmix and not conformal."
        )
    return said


def _reference(lead: Result) -> list[str]:
    """Describe the reference, and the others where there were several."""
    reference = lead.learned.get("reference", {})
    if not reference:
        return []
    types = count(len(reference.get("cells_per_type", {})), "cell type")
    if reference.get("kind") == "profiles":
        return [
            f"The reference contained {count(reference['cells'], 'profile')} of {types} and "
            f"{count(reference.get('genes', 0), 'gene')}, without single cells."
        ]
    donors = f" from {count(reference['donors'], 'donor')}" if reference.get("donors") else ""
    return [
        f"The reference contained {count(reference.get('cells', 0), 'cell')} of {types}{donors} and "
        f"{count(reference.get('genes', 0), 'gene')}."
    ]


def _intervals(lead: Result, references: list[Reference]) -> list[str]:
    """Say exactly what the intervals are: the conformal part, and what unmix adds to it."""
    if lead.lower is None:
        return []
    intervals = lead.learned.get("intervals", {})
    held_out = HELD_OUT.get(intervals.get("held_out", ""), "pseudobulk of held-out cells")
    number = f" (n = {intervals['pseudobulk']:,})" if intervals.get("pseudobulk") else ""
    level = f"{lead.level}% intervals" if lead.level else "Intervals"
    said = [
        f"{level}: split-conformal [{_number(LEI, references)}] on {held_out}{number}, with errors scaled by "
        f"0.1 + √(p(1 {MINUS} p)) of the estimate p."
    ]
    if lead.run.get("members"):
        said.append("Their errors are those of the consensus itself on the same pseudobulk for all of its methods.")
    method = _registered(lead)
    if method and type(method).estimate_with_bounds is not Method.estimate_with_bounds:
        said.append("They enlarge or reduce the bounds that the method itself gives.")
    said.append(
        "Their width was multiplied by the distance of the sample from the reference where it exceeded the typical "
        "distance of pseudobulk."
    )
    if intervals.get("held_out") == "calibration samples":
        said.append("This factor is a choice of unmix and not conformal.")
    else:
        said.append(
            f"A between-laboratory error of s.d. 0 to {BETWEEN_LABORATORY:g} on the same scale, increasing with this "
            "distance, was added in quadrature."
        )
        said.append("Both the factor and this term are choices of unmix and not conformal.")
    return said


def _comparison(results: Results, references: list[Reference]) -> list[str]:
    """Name the other references and methods, the controls, and how accuracy was measured."""
    lead, said = results.headline, []
    if also := sum(name.startswith("also_") for name in lead.run.get("inputs", {})):
        said.append(
            f"Estimates are means over {also + 1} references, weighted by exp(-d / 0.1). Here d is the difference "
            "between the mean compositions of the samples by this method and by a joint log-scale model with the same "
            "reference (mean over cell types of the absolute difference of centred logarithms). The weighted s.d. "
            "between the references was added to the intervals on both sides."
        )
    members = lead.run.get("members", {})
    others = [one for one in results.methods if not (one.control or one is lead or one.name in members)]
    if others:
        names = [
            _cited(other, references) + (f" ({recipe})" if (recipe := recipe_name(other)) else "") for other in others
        ]
        said.append(f"For comparison, the samples were also estimated with {listed(names, most=40)}.")
    controls = [result.title for result in results.methods if result.control]
    if controls:
        said.append(f"Input-independent controls: {listed(controls)}.")
    if lead.metrics is not None:
        said.append(
            "Accuracy was measured per cell type across samples by Pearson r, Lin's concordance correlation "
            f"coefficient [{_number(LIN, references)}] and mean absolute error. The 95% intervals are of "
            f"{metrics.RESAMPLES:,} bootstrap resamples of the samples."
        )
    return said


def _groups(lead: Result) -> list[str]:
    """Say how groups of samples were compared."""
    facts = lead.comparison
    if not facts:
        return []
    relative = listed(facts["reference_types"]) if facts["reference_types"] else "all cell types"
    taken = [*facts["covariates"], *([facts["block"]] if facts["block"] else [])]
    adjusted = f", adjusted for {listed(taken)}" if taken else ""
    drawn = (
        f" Their {facts['level'] * 100:g}% intervals are those of the mixture of {facts['draws']} draws from the "
        "intervals of the fractions, in each of which the samples of a cell type share their error."
        if facts["draws"]
        else ""
    )
    return [
        "The composition was compared by linear models of log2 ratios to the geometric mean of "
        f"{relative}{adjusted}.{drawn} q values are those of Benjamini and Hochberg."
    ]


def _registered(result: Result) -> Method | None:
    """Return the method of a result, if unmix has it."""
    name = result.method.get("name", result.name)
    return methods.get(name) if methods.has(name) else None


def _differences(result: Result) -> list[str] | None:
    """Return the settings that differ from those of the publication; None where these are not known."""
    method = _registered(result)
    published = method.recipes.get("published") if method else None
    if published is None or not result.run.get("recipe"):
        return None
    theirs, ours = _flat(asdict(published)), _flat(result.run["recipe"])
    return [_change(name, value, theirs.get(name)) for name, value in ours.items() if value != theirs.get(name)]


def _flat(recipe: dict[str, Any], group: str = "") -> dict[str, Any]:
    """Return settings by their names with dots."""
    flat: dict[str, Any] = {}
    for name, value in recipe.items():
        flat |= _flat(value, f"{group}{name}.") if isinstance(value, dict) else {f"{group}{name}": value}
    return flat


def _change(name: str, ours: object, theirs: object) -> str:
    """Write a setting with both values, or its name alone where they are long."""
    texts = [_written(value) for value in (ours, theirs)]
    return f"{name} {texts[0]} (published: {texts[1]})" if max(map(len, texts)) <= SHORT else name


def _written(value: object) -> str:
    """Write a value as briefly as ``--set`` reads it."""
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value)


def _cited(result: Result, references: list[Reference]) -> str:
    """Return the name of a method with the number of its reference, if it has one."""
    method = result.method
    if not (method.get("citation") or method.get("doi")):
        return result.title
    return f"{result.title} [{_number((method.get('citation') or result.title, method.get('doi', '')), references)}]"


def _number(reference: Reference, references: list[Reference]) -> int:
    """Return the number of a reference, which is added where it is cited first."""
    if reference not in references:
        references.append(reference)
    return references.index(reference) + 1
