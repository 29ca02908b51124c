"""The sections in words: summary, checks, limitations, provenance."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from unmix.engine.prior import sentence
from unmix.report import accuracy
from unmix.report.estimates import by_abundance
from unmix.report.methods_text import recipe_name
from unmix.report.words import count, listed, number, percent, quantity

if TYPE_CHECKING:
    from unmix.report.results import Result, Results

#: What the quantity of a table means for its reader.
QUANTITY_LIMITS = {
    "cell": "These are fractions of cells. They differ from fractions of mRNA, because a large cell holds more mRNA "
    "than a small one.",
    "mrna": "These are fractions of mRNA, not of cells: a type of large, active cells has a larger share of the mRNA "
    "than of the cells. Do not compare them with cell counts without a correction.",
    "purity": "Purity is the share of malignant cells. It gives no information about the other cells.",
    "score": "These are scores, not fractions. Compare one cell type between samples. Do not compare cell types within "
    "a sample, and do not read them as percentages.",
}
#: What the source of the mRNA per cell means for its reader.
MRNA_LIMITS = {
    "published": " The mRNA per cell was published for blood cells. An error in it affects all samples alike: it moves "
    "the level of a type, and hardly the order of the samples.",
    "reference": " The mRNA per cell was taken from the total counts of the reference cells. Counts underestimate it "
    "in large cells such as monocytes. A table of mRNA per cell corrects this (--mrna-per-cell).",
    "table": " The mRNA per cell comes from the table that was given; an error in it affects all samples alike.",
}


def summary(results: Results) -> dict[str, Any]:
    """Say what was estimated, which samples to check, and how accurate the estimates are."""
    lead = results.headline
    samples, types = lead.values.shape
    members = lead.run.get("members", {})
    others = [one for one in results.methods if not (one.control or one is lead or one.name in members)]
    controls = [result for result in results.methods if result.control and result is not lead]
    cards = [(f"{samples:,}", "sample" if samples == 1 else "samples"), (str(types), "cell types")]
    beside = [count(len(others), "other method")] if others else []
    beside += [count(len(controls), "control")] if controls else []
    said = [
        _kind(lead),
        f"The {quantity(lead)} of {count(types, 'cell type')} in {count(samples, 'sample')} were estimated with "
        f"{_named(lead)}{', an input-independent control' if lead.control else ''}."
        + (f" Results of {' and '.join(beside)} are shown for comparison." if beside else ""),
    ]
    if lead.quantity in ("cell", "mrna"):
        mean = lead.leading.values.mean()[by_abundance(lead.leading)[:3]]
        largest = listed([f"{name} ({percent(value)}%)" for name, value in mean.items()])
        said[1] += f" The most abundant cell types{' on average' if samples > 1 else ''} are {largest}."
    if lead.quantity in ("cell", "mrna") and lead.levels.alike:
        said.insert(1, lead.levels.sentence())
    if members:
        said.append(_of_members(lead, members))
    if used := lead.run.get("prior"):
        said.append(f"{sentence(used)} This moved all samples alike, and not the differences between them.")
    if lead.run.get("unexpressed", {}).get("warned"):
        said.append(lead.run["unexpressed"]["sentence"])
    for failed, words in ((False, "not applicable to these data"), (True, "failed")):
        if missing := [one.title for one in results.skipped if not one.part and one.failed == failed]:
            said.append(
                f"Also requested, but {words}: {listed(missing)}. The section on skipped and failed methods gives the "
                "reasons and possible remedies."
            )
    if lead.learned.get("quick"):
        said.append("The model was trained with --quick, which only tests a pipeline. Do not use these estimates.")
    if lead.flags is not None:
        flagged = lead.flags.index[lead.flags != "ok"]
        cards.append((f"{len(flagged):,}", "flagged sample" if len(flagged) == 1 else "flagged samples"))
        said.append(
            f"{len(flagged):,} of {count(samples, 'sample')} {'is' if len(flagged) == 1 else 'are'} flagged and should "
            f"be checked: {listed(flagged)}."
            if len(flagged)
            else "No sample is flagged: the cell types of the reference can explain the expression of every sample."
        )
    if lead.metrics is None:
        said.append("No known fractions were given, so the accuracy of these estimates is not known.")
        return {"cards": cards, "paragraphs": said}
    r, mae = (lead.metric("mean_type", metric)["value"] for metric in ("pearson", "mae"))
    cards += [] if math.isnan(r) else [(number(r), "mean r per cell type")]
    cards += [] if math.isnan(mae) else [(percent(mae), "mean absolute error, points")]
    return {"cards": cards, "paragraphs": said + accuracy.paragraphs(results)}


def _named(lead: Result) -> str:
    """Return the method in a sentence."""
    members = lead.run.get("members")
    return f"the consensus of {len(members)} methods" if members else lead.title


def _of_members(lead: Result, members: dict[str, str]) -> str:
    """Say which methods a consensus combines, and which of the panel are missing."""
    said = f"The consensus is the {lead.run['rule']} of {listed(members.values())}, each by the same mRNA per cell."
    if missing := lead.run.get("missing"):
        said += f" Without {listed(missing)}, which belong to the default consensus but gave no fractions here."
    return said


def _kind(lead: Result) -> str:
    """Say what the fractions are fractions of, and by which mRNA per cell."""
    if used := lead.run.get("mrna_per_cell"):
        # A consensus of cell states, whose shares it does not know, has no fractions of mRNA
        mrna = "fractions_mrna.tsv" in lead.run.get("outputs", {})
        return f"These are fractions of cells, by {used['words']}." + (
            " fractions_mrna.tsv holds the fractions of mRNA." if mrna else ""
        )
    return {
        "cell": "These are fractions of cells, by the mRNA per cell that the method assumes.",
        "mrna": "These are fractions of mRNA, not of cells.",
        "purity": "This is the share of malignant cells.",
        "score": "These are scores, not fractions.",
    }[lead.quantity]


def no_estimate(results: Results) -> dict[str, Any]:
    """Say that there is no estimate."""
    if unusable := results.skipped[0].preceding:
        why = f"The {unusable} cannot be used."
    else:
        asked = f"{count(len(results.skipped), 'method')} {'was' if len(results.skipped) == 1 else 'were'} requested"
        failed = any(one.failed for one in results.skipped)
        why = f"{asked}, and none {'gave a result' if failed else 'is applicable to these data'}."
    return {
        "cards": [],
        "paragraphs": [f"There are no estimates. {why} The next section gives the reason and a remedy."],
    }


def skipped(results: Results) -> dict[str, Any] | None:
    """Say why methods that were asked for gave no result."""
    return {"methods": results.skipped} if results.skipped else None


def checks(results: Results) -> dict[str, Any] | None:
    """Repeat the messages of the input check, the reference step and the prediction."""
    bulk = [(row["level"], row["sentence"]) for row in results.checks]
    said = {sentence for _, sentence in bulk}
    groups = [("Bulk samples", bulk), ("Reference", [("note", text) for text in results.reference])]
    for lead in results.methods[:1]:
        notes = [text for text in lead.run.get("messages", []) if text not in said]
        groups.append((f"Estimation with {lead.title}", [("note", text) for text in notes]))
    groups = [(title, rows) for title, rows in groups if rows]
    return {"groups": groups} if groups else None


def limits(results: Results) -> dict[str, Any]:
    """Say what the numbers do not show."""
    lead = results.headline
    said = [QUANTITY_LIMITS[lead.quantity]]
    if source := lead.run.get("mrna_per_cell", {}).get("source"):
        said[0] += MRNA_LIMITS["published" if source in ("epic", "quantiseq") else source]
    if lead.quantity != "purity":
        said.append(
            "Only cell types of the reference can be found. Other cells in a sample are attributed to the most similar "
            "types, which are then overestimated."
        )
    content = lead.run.get("unexpressed", {})
    if "median" in content and content["median"] is None:
        said.append(content["sentence"])
    if lead.quantity in ("cell", "mrna"):
        said += [
            "Fractions are relative. When one type increases, the others decrease even if their cell numbers do not "
            "change.",
            "A small fraction does not prove that a type is present, and 0 does not prove that it is absent. Read the "
            "interval: the sample may contain any share between its ends. Where it begins at 0, the type may be absent "
            "or reach the upper end, and the estimate is the best single value. Where it begins above 0, the type is "
            "present, if the reference has the right cell types.",
        ]
    if lead.lower is not None:
        said.append(
            "The intervals are based on errors in pseudobulk of reference cells. They are widened by a choice of unmix "
            "for samples that are further from the reference. Errors in another tissue or disease can be larger than "
            "they suggest."
        )
        if lead.learned.get("intervals", {}).get("held_out") == "cells":
            said.append(
                "The reference names fewer than three donors, so the intervals are based on other cells of the "
                "same donors. They are too narrow for a new donor."
            )
    if lead.metrics is not None:
        said += _limits_of_accuracy(results)
    return {"sentences": said}


def _limits_of_accuracy(results: Results) -> list[str]:
    controls = [result for result in results.methods if result.control and result.metrics is not None]
    pooled = {c.title: c.metric("all", "pearson")["value"] for c in controls if c.name != "oracle"}
    pooled = {title: r for title, r in pooled.items() if not math.isnan(r)}
    best = max(pooled, key=pooled.__getitem__, default=None)
    example = (
        f" The input-independent control {best} reaches {number(pooled[best])} here."
        if best and pooled[best] > 0.3
        else ""
    )
    samples = int(results.headline.metrics.query("level == 'type'")["n"].max())
    said = [
        f"Pooled r (over all cell types at once) mostly reflects that some types are always abundant.{example} "
        "Use r per cell type instead.",
        "Known fractions have errors too, for example from gating, dead cells or another aliquot of the sample.",
        "Accuracy on these samples may not apply to other tissues, protocols or diseases.",
    ]
    if samples < 20:
        said.append(f"With {count(samples, 'sample')}, correlations are uncertain. Consider their intervals first.")
    return said


def provenance(results: Results) -> dict[str, Any]:
    """List versions, seeds, settings and inputs, enough to repeat every run."""
    rows = []
    for result in results.methods:
        run, learned = result.run, result.learned
        inputs = run.get("inputs", {})
        facts = {
            "command": " ".join(str(word) for word in run.get("command", [])),
            "settings": result.learned.get("settings", []),
            "recipe": run.get("recipe", {}),
            "mrna_per_cell": run.get("mrna_per_cell", {}),
            "model": {k: v for k, v in learned.items() if k != "reference_genes"},  # thousands of names
        }
        facts = {k: v for k, v in facts.items() if v}
        rows.append(
            {
                "result": result,
                "unmix": run.get("unmix", ""),
                "seed": learned.get("seed", run.get("seed", "")),
                "device": run.get("device", ""),
                "seconds": run.get("seconds", ""),
                "memory": run.get("peak_memory_mb", ""),
                "inputs": [(name, file.get("path", ""), file.get("sha256", "")) for name, file in inputs.items()],
                "recipe": recipe_name(result),
                "quick": learned.get("quick", False),
                "facts": json.dumps(facts, indent=2, ensure_ascii=False) if facts else "",
            }
        )
    asked = results.request
    return {
        "rows": rows,
        "versions": results.headline.run.get("versions", {}),
        "asked": {"command": " ".join(asked.get("command", [])), "samplesheet": asked.get("samplesheet", "")}
        | asked.get("row", {})
        | {f"parameter {name}": value for name, value in asked.get("parameters", {}).items()},
    }
