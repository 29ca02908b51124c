"""The sections in words: the summary, the checks, the limits, how it was made, what to cite."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from unmix.evaluate import metrics
from unmix.report import accuracy
from unmix.report.estimates import by_abundance
from unmix.report.words import count, listed, number, percent, quantity

if TYPE_CHECKING:
    from unmix.report.results import Result, Results

LIN = "Lin LI-K. A concordance correlation coefficient to evaluate reproducibility. Biometrics 45, 255-268 (1989)."
#: What the quantity of a table means for its reader.
QUANTITY_LIMITS = {
    "cell": "These are fractions of cells. Methods that estimate fractions of mRNA, and truths that count mRNA, differ "
    "from them: a large cell holds more mRNA than a small one.",
    "mrna": "These are fractions of mRNA, not of cells: a type with large, active cells takes a larger share of the "
    "mRNA than of the cells. Do not compare them with cell counts without a correction.",
    "purity": "Purity is the share of malignant cells; it says nothing about what the rest consists of.",
    "score": "These are scores, not fractions. Compare one cell type between samples; never compare two cell types "
    "within a sample, and read no percentage into them.",
}


def summary(results: Results) -> dict[str, Any]:
    """Say what was estimated, how far to trust it, and how accurate it is."""
    lead = results.headline
    samples, types = lead.values.shape
    others = [result for result in results.methods if not result.control and result is not lead]
    controls = [result for result in results.methods if result.control and result is not lead]
    cards = [(f"{samples:,}", "sample" if samples == 1 else "samples"), (str(types), "cell types")]
    beside = [count(len(others), "other method")] if others else []
    beside += [count(len(controls), "control")] if controls else []
    said = [
        f"The {quantity(lead)} of {count(types, 'cell type')} in {count(samples, 'sample')} were estimated with "
        f"{lead.title}{', a control, which looks at no sample' if lead.control else ''}"
        + (f"; {' and '.join(beside)} stand beside it for comparison." if beside else ".")
    ]
    if lead.quantity in ("cell", "mrna"):
        mean = lead.values.mean()[by_abundance(lead)[:3]]
        largest = listed([f"{name} ({percent(value)}%)" for name, value in mean.items()])
        said[0] += f" Largest{' on average' if samples > 1 else ''}: {largest}."
    if missing := [one.title for one in results.left_out if not one.part]:
        said.append(
            f"Asked for as well, but not applicable to these data: {listed(missing)}. Why, and what to do about it, "
            "stands under Methods left out."
        )
    if lead.learned.get("quick"):
        said.append("The model was trained with --quick, to try the way: do not use these numbers.")
    if lead.flags is not None:
        flagged = lead.flags.index[lead.flags != "ok"]
        cards.append((f"{len(flagged):,}", "flagged sample" if len(flagged) == 1 else "flagged samples"))
        said.append(
            f"{len(flagged):,} of {count(samples, 'sample')} should be read with care: {listed(flagged)}."
            if len(flagged)
            else "No sample is flagged: as far as can be seen, all are pseudobulk of the reference's cell types."
        )
    if lead.metrics is None:
        said.append("No truth was given for it, so this page cannot say how accurate these estimates are.")
        return {"cards": cards, "paragraphs": said}
    r, mae = (lead.metric("mean_type", metric)["value"] for metric in ("pearson", "mae"))
    cards += [] if math.isnan(r) else [(number(r), "mean r per cell type")]
    cards += [] if math.isnan(mae) else [(percent(mae), "points of error on average")]
    return {"cards": cards, "paragraphs": said + accuracy.paragraphs(results)}


def no_estimate(results: Results) -> dict[str, Any]:
    """Say that there is no estimate."""
    tried = count(len(results.left_out), "method")
    said = f"There are no estimates: {tried} {'was' if len(results.left_out) == 1 else 'were'} asked for, and none can "
    said += "be applied to these data. Why, and what to do about it, stands under Methods left out."
    return {"cards": [], "paragraphs": [said]}


def left_out(results: Results) -> dict[str, Any] | None:
    """Say why methods that were asked for could not be applied."""
    return {"methods": results.left_out} if results.left_out else None


def checks(results: Results) -> dict[str, Any] | None:
    """Repeat what the input doctor, the reference step and the prediction said."""
    bulk = [(row["level"], row["sentence"]) for row in results.checks]
    said = {sentence for _, sentence in bulk}
    groups = [("Bulk samples", bulk), ("Reference", [("note", text) for text in results.reference])]
    for lead in results.methods[:1]:
        notes = [text for text in lead.run.get("messages", []) if text not in said]
        groups.append((f"Estimation with {lead.title}", [("note", text) for text in notes]))
    groups = [(title, rows) for title, rows in groups if rows]
    return {"groups": groups} if groups else None


def limits(results: Results) -> dict[str, Any]:
    """Say what the numbers cannot tell."""
    lead = results.headline
    said = [QUANTITY_LIMITS[lead.quantity]]
    if lead.run.get("mrna_per_cell"):
        said[0] += " The mRNA of a cell comes from a table that was given; an error there is in every sample alike."
    elif lead.quantity == "cell" and lead.learned.get("mrna_per_cell"):
        said[0] += (
            " The counts of the reference's cells stand for their mRNA, which they understate in large cells such as "
            "monocytes; a table of mRNA per cell corrects this (--mrna-per-cell)."
        )
    if lead.quantity != "purity":
        said.append(
            "Only the cell types of the reference can be found. What a sample holds beyond them is shared out among "
            "the types most like it, and makes them too large."
        )
    if lead.quantity in ("cell", "mrna"):
        said += [
            "Fractions are relative: when one type grows the others shrink, even if their cells are as many as before.",
            "A small fraction is no proof that a type is present, nor is 0 proof that it is absent. If the interval "
            "reaches 0, treat the type as not shown.",
        ]
    if lead.lower is not None:
        said.append(
            "The intervals were set on pseudobulk of cells of the reference, and are wider for samples further from it, by "
            "what is usual between laboratories. A bulk of another tissue or disease has larger errors than they say."
        )
        if lead.learned.get("intervals", {}).get("held_out") == "cells":
            said.append(
                "The reference names fewer than three donors, so the intervals were set on other cells of the same "
                "donors: they are too narrow for a new donor."
            )
    if lead.metrics is not None:
        said += _limits_of_accuracy(results)
    return {"sentences": said}


def _limits_of_accuracy(results: Results) -> list[str]:
    controls = [result for result in results.methods if result.control and result.metrics is not None]
    pooled = {c.title: c.metric("all", "pearson")["value"] for c in controls if c.name != "oracle"}
    pooled = {title: r for title, r in pooled.items() if not math.isnan(r)}
    best = max(pooled, key=pooled.__getitem__, default=None)
    proof = (
        f": here {best}, which looks at no sample, reaches {number(pooled[best])}"
        if best and pooled[best] > 0.3
        else ""
    )
    samples = int(results.headline.metrics.query("level == 'type'")["n"].max())
    said = [
        f"Pooled r (over all cell types at once) mostly reflects that some types are always common{proof}. That is why "
        "r per cell type leads.",
        "The truth is a measurement too: gates, dead cells and other tubes of the same blood add errors of their own.",
        "Accuracy on these samples need not carry over to other tissues, protocols or diseases.",
    ]
    if samples < 20:
        said.append(f"{count(samples, 'sample')} tell little about a correlation: look at the intervals first.")
    return said


def provenance(results: Results) -> dict[str, Any]:
    """List versions, seeds, settings and inputs, enough to repeat every run."""
    rows = []
    for result in results.methods:
        run, learned = result.run, result.learned
        inputs = run.get("inputs", {})
        told = {
            "command": " ".join(str(word) for word in run.get("command", [])),
            "recipe": run.get("recipe", {}),
            "mrna_per_cell": run.get("mrna_per_cell", {}),
            "model": {k: v for k, v in learned.items() if k != "reference_genes"},  # thousands of names
        }
        told = {k: v for k, v in told.items() if v}
        rows.append(
            {
                "result": result,
                "unmix": run.get("unmix", ""),
                "seed": learned.get("seed", run.get("seed", "")),
                "device": run.get("device", ""),
                "seconds": run.get("seconds", ""),
                "memory": run.get("peak_memory_mb", ""),
                "inputs": [(name, file.get("path", ""), file.get("sha256", "")) for name, file in inputs.items()],
                "quick": learned.get("quick", False),
                "facts": json.dumps(told, indent=2, ensure_ascii=False) if told else "",
            }
        )
    return {"rows": rows, "versions": results.headline.run.get("versions", {})}


def citing(results: Results) -> dict[str, Any]:
    """Write a methods text to paste, with its references."""
    lead = results.headline
    references: list[tuple[str, str]] = []
    reference = lead.learned.get("reference", {})
    version = f" {lead.run['unmix']}" if lead.run.get("unmix") else ""
    seed = lead.learned.get("seed", lead.run.get("seed"))
    said = [
        f"{quantity(lead).capitalize().replace('Mrna', 'mRNA')} of {count(lead.values.shape[1], 'cell type')} "
        f"({listed(lead.values.columns, most=40)}) were estimated from the bulk expression of "
        f"{count(len(lead.values), 'sample')} with {_cited(lead, references)} as implemented in unmix{version}"
        + (f" (seed {seed})." if seed is not None else ".")
    ]
    if reference:
        donors = reference.get("donors", 0)
        said.append(
            f"The single-cell reference held {count(reference.get('cells', 0), 'cell')} and "
            f"{count(reference.get('genes', 0), 'gene')}" + (f" of {count(donors, 'donor')}." if donors else ".")
        )
    if lead.lower is not None:
        level = f"{lead.level}% " if lead.level else ""
        held = lead.learned.get("intervals", {}).get("held_out", "cells")
        said.append(f"The {level}intervals are split-conformal, calibrated on simulated pseudobulk of held-out {held}.")
    if sizes := lead.run.get("mrna_per_cell"):
        told = listed([f"{name} {size:g}" for name, size in sizes.items() if name in lead.values.columns], most=40)
        said.append(f"Fractions are of cells by these amounts of mRNA per cell: {told}.")
    others = [result for result in results.methods if not result.control and result is not lead]
    if others:
        names = listed([_cited(result, references) for result in others], most=40)
        said.append(f"For comparison the samples were also estimated with {names}.")
    controls = [result.title for result in results.methods if result.control]
    if controls:
        said.append(f"Controls that look at no sample ({listed(controls)}) were run beside them.")
    if lead.metrics is not None:
        references.append((LIN, "10.2307/2532051"))
        notes = " ".join(lead.evaluation.get("notes", []))
        said.append(
            "Accuracy was measured per cell type across samples (Pearson r, Lin's concordance coefficient "
            f"[{len(references)}], mean absolute error), with 95% intervals of {metrics.RESAMPLES:,} bootstrap "
            f"resamples of the samples. {notes}".strip()
        )
    return {"text": " ".join(said), "references": references}


def _cited(result: Result, references: list[tuple[str, str]]) -> str:
    """Return the name of a method with the number of its reference, if it has one."""
    method = result.method
    if not (method.get("citation") or method.get("doi")):
        return result.title
    references.append((method.get("citation") or result.title, method.get("doi", "")))
    return f"{result.title} [{len(references)}]"
