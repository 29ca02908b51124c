"""One bulk, several references: models of any method, weighted by how well each reference fits the cohort.

With every reference, the composition of the cohort is also estimated by the joint log-scale model
(:mod:`unmix.classical.cohort`), whose errors are unlike those of other methods. How far it and the model disagree in
the mean of the cohort, d, shows how well the reference tells the levels of its cell types in this bulk. The weight of
a model is exp(-d / 0.1), the same for all samples. How well a reference reconstructs the bulk (SCDC; Dong et al. 2021)
is no such sign: on real blood it gave nearly all weight to the worst reference (docs/default_answer.md).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from unmix.classical import cohort, mapping
from unmix.contract.alignment import aligned
from unmix.contract.method import silent
from unmix.engine import cell_fractions
from unmix.engine.prediction import predict as predict_one
from unmix.errors import DataError
from unmix.io import levels as coarser
from unmix.io.levels import Levels

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import anndata as ad
    import pandas as pd

    from unmix.contract.model import Model
    from unmix.io.fractions import Fractions

#: Disagreement that takes a weight to 1/e, and that from which levels are doubtful.
SCALE, DOUBTFUL = 0.1, 0.25
#: Added to mean fractions before their logarithms are compared.
OFFSET = 0.001
#: Genes that bulk and reference must share for the second estimate.
GENES = 100
#: Tables of fractions of which the weighted mean is taken.
PARTS = ("values", "lower", "upper", "lower_relative", "upper_relative", "mrna")


def predict(
    models: Sequence[Model],
    bulk: ad.AnnData,
    *,
    level: float = 0.9,
    device: str = "auto",
    mrna_per_cell: str | pd.Series = "none",
    say: Callable[[str], None] = silent,
) -> Fractions:
    """Estimate the fractions of bulk samples with models of several references.

    Parameters
    ----------
    models
        Of :func:`unmix.engine.train`: one method on several references, or several methods.
    bulk, level, device, mrna_per_cell, say
        As for :func:`unmix.predict`.

    Returns
    -------
    Fractions
        The mean, weighted by reference, over all cell types of the references: a type that some of them lack is the
        mean of the others, and rows are divided by their sum. Intervals are the weighted mean of the models', wider
        by how far these disagree (weighted standard deviation, `between_references`). Flags and distances are those of
        the heaviest model; the table ``references`` holds the weights.

    Raises
    ------
    DataError
        If the models differ in what they estimate, estimate scores, or share fewer than two cell types.
    """
    import pandas as pd

    first = models[0]
    for other in models:
        shared = set(other.reported) & set(first.reported)
        if len(shared) < 2 or other.quantity != first.quantity or other.quantity == "score":
            raise DataError(
                f"a model of {other.quantity} with {', '.join(sorted(other.reported))} cannot be averaged with one "
                f"of {first.quantity} with {', '.join(sorted(first.reported))}",
                "models of the same quantity, with cell types of the same names",
                "merge or rename types with a label map when preparing the references; --set fractions=cell or mrna",
            )
    types = list(dict.fromkeys(name for model in models for name in model.reported))
    known = np.array([[name in model.reported for name in types] for model in models])
    for name in (name for name, everywhere in zip(types, known.all(0), strict=True) if not everywhere):
        has = [str(i + 1) for i, model in enumerate(models) if name in model.reported]
        say(f"{name} is a cell type of reference {', '.join(has)} only: its estimate is theirs.")
    found = [predict_one(model, bulk, level=level, device=device, say=say) for model in models]
    found = _to_cells(models, found, mrna_per_cell, say)
    weights = weigh([disagreement(model, f.mrna, bulk) for model, f in zip(models, found, strict=True)], say)
    lead = int(weights.argmax())
    mean = _mean(found, weights, lead)
    levels = common([one.levels for one in found], say)
    sums = [
        _mean([one.sums[number] for one in found], weights, lead).around(coarser.summed(mean.values, groups))
        for number, groups in enumerate(levels.groups)
    ]
    samples = found[0].values.index
    names = [f"{i + 1} ({model.method})" for i, model in enumerate(models)]
    return replace(
        mean,
        mrna_per_cell=_mrna_per_cell([one.mrna_per_cell for one in found]),
        held_out=_held_out(found, weights),
        tables={"references": pd.DataFrame(np.tile(weights, (len(samples), 1)), samples, names)},
        levels=levels,
        sums=tuple(sums),
    )


def _mean(found: Sequence[Fractions], weights: np.ndarray, lead: int) -> Fractions:
    """Return the weighted mean of fractions over all that any of them has, with what else the one in the lead says.

    What some of them lack is the mean of the others. Intervals are wider by the weighted standard deviation.
    """
    import pandas as pd

    types = list(dict.fromkeys(name for one in found for name in one.values))
    known = np.array([[name in one.values for name in types] for one in found])
    share = weights[:, None] * known
    share = (share / share.sum(0))[:, None]
    given = {name: [getattr(f, name) for f in found] for name in PARTS}
    parts = {
        name: np.stack([table.reindex(columns=types, fill_value=0.0) for table in tables])
        for name, tables in given.items()
        if all(table is not None for table in tables)
    }
    mean = {name: (share * part).sum(0) for name, part in parts.items()}
    spread = np.sqrt((share * (parts["values"] - mean["values"]) ** 2).sum(0))
    for name in mean.keys() & {"lower", "lower_relative"}:
        mean[name] = mean[name] - spread
    for name in mean.keys() & {"upper", "upper_relative"}:
        mean[name] = mean[name] + spread
    whole = {name: mean["mrna" if name == "mrna" else "values"].sum(1, keepdims=True) for name in mean}
    samples = found[0].values.index
    tables = {
        name: pd.DataFrame(np.clip(part / np.maximum(whole[name], 1e-12), 0, 1), samples, types)
        for name, part in mean.items()
    }
    return replace(found[lead], **tables, between_references=pd.DataFrame(spread, samples, types))


def common(several: Sequence[Levels], say: Callable[[str], None]) -> Levels:
    """Return the levels that references or methods share, over the types of all; none, with a message, if they differ.

    The coarsest of their leading levels leads.
    """
    first = several[0]
    if all(one == first for one in several):
        return first
    joined = [dict(groups) for groups in first.groups]
    alike = all(one.names == first.names for one in several)
    for own, groups in ((own, groups) for one in several for own, groups in zip(joined, one.groups, strict=False)):
        alike &= all(own.setdefault(name, group) == group for name, group in groups.items())
    if not alike or not first.groups:
        say(
            "The references group their cell types unlike each other, so that there are fractions of the types alone; "
            "give all the same --cell-type-tree."
        )
        return Levels()
    lead = max(several, key=lambda one: one.leads)
    return lead.model_copy(update={"groups": joined})


def _to_cells(
    models: Sequence[Model], found: Sequence[Fractions], source: str | pd.Series, say: Callable[[str], None]
) -> list[Fractions]:
    """Return fractions of cells by every reference, all by one source of the mRNA per cell."""

    def converted(source: str | pd.Series, say: Callable[[str], None]) -> list[Fractions]:
        return [cell_fractions.to_cells(model, f, source, say) for model, f in zip(models, found, strict=True)]

    own = converted(source, say)
    sources = {one.mrna_per_cell.get("source") for one in own}
    if len(sources) == 1:
        return own
    common = "none" if None in sources else "reference"
    say(
        f"The references would use different mRNA per cell ({', '.join(sorted(map(str, sources)))}), so all use "
        f"--mrna-per-cell {common}."
    )
    return converted(common, say)


def _mrna_per_cell(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return one record of the mRNA per cell with the types of all references; where they differ, of the first."""
    merged: dict[str, Any] = {}
    for record in records:
        for key, value in record.items():
            merged[key] = (
                _mrna_per_cell([merged.get(key, {}), value]) if isinstance(value, dict) else merged.get(key, value)
            )
    return merged


def _held_out(found: Sequence[Fractions], weights: np.ndarray) -> pd.DataFrame | None:
    """Return the estimates of every reference's own held-out pseudobulk, with its weight; None if one has none."""
    import pandas as pd

    if any(one.held_out is None for one in found):
        return None
    pairs = enumerate(zip(found, weights, strict=True), 1)
    return pd.concat([one.held_out.assign(reference=number, weight=weight) for number, (one, weight) in pairs])


def weigh(disagreements: Sequence[float | None], say: Callable[[str], None] = silent) -> np.ndarray:
    """Return the weights of models (sum 1) by their disagreements; equal where one of these is not known.

    Parameters
    ----------
    disagreements
        Of :func:`disagreement`.
    say
        Takes the disagreement and the weight of every reference, and a warning where the disagreement is large.
    """
    known = [d for d in disagreements if d is not None]
    if len(known) < len(disagreements):
        say("References are weighted alike: with one of them, a second estimate of the composition is not possible.")
        return np.full(len(disagreements), 1 / len(disagreements))
    weights = np.exp((min(known) - np.array(known)) / SCALE)
    weights /= weights.sum()
    for number, (d, weight) in enumerate(zip(known, weights, strict=True), 1):
        say(f"Reference {number} has the weight {weight:.2f} (disagreement of two estimates of the levels: {d:.2f}).")
        if d > DOUBTFUL:
            say(
                f"Two estimates with reference {number} disagree by {d:.2f}, more than {DOUBTFUL}: levels of its cell "
                "types are doubtful in this bulk."
            )
    return weights


def disagreement(model: Model, fractions: pd.DataFrame | None, bulk: ad.AnnData) -> float | None:
    """Return how far a model and the joint log-scale model of its reference disagree in the mean of a cohort.

    None where the two cannot be compared: the fractions of mRNA are not known, the model's types are not those of the
    reference, or there are fewer than `GENES` genes, no sample or fewer than two types.

    Parameters
    ----------
    model
        Whose reference it is.
    fractions
        Of mRNA by the model, samples x types.
    bulk
        Samples x genes, linear.
    """
    genes = np.array(model.facts["reference_genes"])
    samples, profiles = aligned(bulk, genes), model.profiles(genes)
    shared = ~np.isnan(samples).any(0) & profiles.any(0)
    samples, profiles = samples[:, shared], profiles[:, shared]
    expressed, types = samples.any(1), np.flatnonzero(profiles.any(1))
    own = sorted(model.facts["reference"]["cells_per_type"]) == sorted(model.cell_types)
    if fractions is None or not own or shared.sum() < GENES or not expressed.any() or len(types) < 2:
        return None
    joint = np.zeros((int(expressed.sum()), len(profiles)))
    joint[:, types] = cohort.estimate(mapping.Mapped(samples[expressed], profiles[types]), profiles[types])
    return difference(model.summed(joint), fractions.loc[expressed, model.reported].to_numpy())


def difference(first: np.ndarray, second: np.ndarray) -> float:
    """Return the mean over types of the difference of two cohorts' mean compositions (samples x types, log ratios)."""
    logs = np.log(np.stack([first.mean(0), second.mean(0)]) + OFFSET)
    logs -= logs.mean(1, keepdims=True)
    return float(np.abs(logs[0] - logs[1]).mean())
