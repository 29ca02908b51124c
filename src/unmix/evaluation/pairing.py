"""Match estimates and known fractions (samples, cell types, scale), and measure their agreement."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from unmix.errors import DataError, NotApplicable
from unmix.evaluation import metrics
from unmix.io.cell_names import near_names

if TYPE_CHECKING:
    from collections.abc import Collection

#: What the reader of a comparison should know where the truth of a table meets estimates of mRNA.
MRNA_AND_CELLS = (
    "The estimates are fractions of mRNA. Known fractions of a table are mostly of cells, as from flow cytometry. "
    "The mRNA per cell then counts as error. unmix_predict.py --mrna-per-cell gives fractions of cells, and --quantity "
    "mrna says that the known fractions are of mRNA."
)
#: Kinds whose rows sum to 1, so that they can be renormalised over the shared types.
COMPOSITIONS = ("cell", "mrna")


@dataclass(frozen=True)
class Pairs:
    """Estimates and truth of the same samples and cell types.

    Attributes
    ----------
    truth, estimate
        Samples x cell types.
    lower, upper
        Ends of the estimates' intervals, NaN where there are none.
    quantity
        What the estimates are: a key of ``unmix.io.fractions.QUANTITIES``.
    notes
        What was done to make them comparable, in sentences.
    """

    truth: pd.DataFrame
    estimate: pd.DataFrame
    lower: pd.DataFrame
    upper: pd.DataFrame
    quantity: str
    notes: list[str] = field(default_factory=list)

    def metrics(self, rng: np.random.Generator) -> pd.DataFrame:
        """Return :func:`unmix.evaluation.metrics.evaluate` of these pairs."""
        ends = {} if self.lower.isna().all(axis=None) else {"lower": self.lower, "upper": self.upper}
        return metrics.evaluate(self.truth, self.estimate, rng, quantity=self.quantity, **ends)

    def long(self) -> pd.DataFrame:
        """Return one row per sample and cell type that were compared: what with what."""
        samples, types = self.truth.shape
        tables = {"truth": self.truth, "estimate": self.estimate, "lower": self.lower, "upper": self.upper}
        pairs = pd.DataFrame(
            {
                "sample": self.truth.index.repeat(types),
                "cell_type": list(self.truth.columns) * samples,
                **{name: table.to_numpy().ravel() for name, table in tables.items()},
            }
        )
        return pairs[pairs["truth"].notna()].reset_index(drop=True)


def pair(
    estimate: pd.DataFrame,
    truth: pd.DataFrame,
    *,
    quantity: str = "cell",
    long: pd.DataFrame | None = None,
    label_map: dict[str, str] | None = None,
    renormalise: bool = True,
) -> Pairs:
    """Bring estimate and truth to the same samples, cell types and scale.

    Parameters
    ----------
    estimate, truth
        Samples x cell types.
    quantity
        What the estimate holds.
    long
        ``fractions_long.tsv`` of the same estimate, for the intervals.
    label_map
        As from :func:`unmix.io.read_label_map`; several types mapped to one are added. A name that only the truth has
        is renamed there.
    renormalise
        Scale both to sum 1 over the shared types (compositions only).

    Raises
    ------
    DataError
        Without a shared sample, or with fewer shared types than there must be: 2, or 1 for scores and purity.
    NotApplicable
        The same for scores, for which a benchmark can skip the method.
    """
    notes: list[str] = []
    lower, upper = _intervals(estimate, long)
    tables = {"estimate": estimate, "lower": lower, "upper": upper}
    if not set(estimate.index) & set(truth.index) and set(estimate.index) & set(truth.columns):
        truth = truth.T
        notes.append("The truth has its samples in columns; it was transposed.")
    if label_map:
        theirs = {name: new for name, new in label_map.items() if name in truth and name not in estimate}
        ours = {name: new for name, new in label_map.items() if name not in theirs}
        tables, said = _relabel(tables, ours, quantity)
        if theirs:
            truth = _relabel_truth(truth, theirs)
            said.append(f"Renamed in the truth by the label map: {_names(theirs, most=12)}.")
        notes += said
    samples = _shared_samples(estimate.index, truth.index, notes)
    types = _shared_types(tables["estimate"].columns, truth.columns, quantity, notes)
    samples, types = _measured(truth.loc[samples, types], tables["estimate"].loc[samples, types], quantity, notes)
    truth = truth.loc[samples, types]
    # what the truth does not know counts nowhere, nor in the sums to which both are scaled
    tables = {name: table.loc[samples, types].where(truth.notna()) for name, table in tables.items()}
    if renormalise and quantity in COMPOSITIONS:
        total, true_total = tables["estimate"].sum(axis=1), truth.sum(axis=1)
        empty = (total <= 0) | (true_total <= 0)
        if empty.any():
            notes.append(f"Samples not compared, because their shared types add up to 0: {_names(samples[empty])}.")
        truth = truth.div(true_total, axis=0)[~empty]
        tables = {name: table.div(total, axis=0)[~empty] for name, table in tables.items()}
        notes.append(f"Estimate and truth were both scaled to sum 1 over the {len(types)} shared cell types.")
    elif quantity in COMPOSITIONS:
        notes.append("Estimate and truth were compared as they are, without scaling to the shared cell types.")
    if truth.empty:
        raise DataError(
            "no shared sample has values of the shared cell types in both tables",
            "numbers in both tables that add up to more than 0",
            "look at the two tables and the label map",
        )
    return Pairs(truth=truth, quantity=quantity, notes=notes, **tables)


def summary(table: pd.DataFrame) -> str:
    """Say in one line what a table of metrics shows, per-type correlation first."""
    mean = table[table["level"] == "mean_type"].set_index("metric")
    r = mean.loc["pearson"]
    samples = int(table.loc[table["level"] == "type", "n"].max())
    types = int((table["level"] == "type").sum() / table.loc[table["level"] == "type", "metric"].nunique())
    parts = [f"Over {samples} samples and {types} cell types:"]
    if np.isnan(r["value"]):
        parts.append("r per cell type is not defined, because the truth does not vary")
    else:
        parts.append(f"mean r per cell type {_interval(r)} (median {r['median']:.3f} of {int(r['n'])})")
    for metric, name in (("ccc", "CCC"), ("rmse", "RMSE"), ("mae", "MAE"), ("coverage", "interval coverage")):
        if metric in mean.index and not np.isnan(mean.loc[metric, "value"]):
            parts.append(f"{name} {mean.loc[metric, 'value']:.3f}")
    constant = table[(table["level"] == "type") & (table["flag"] == "constant_estimate")]["cell_type"].nunique()
    text = f"{parts[0]} {', '.join(parts[1:])}."
    return text + (f" {constant} cell types were estimated as constant (r = 0)." if constant else "")


def _interval(row: pd.Series) -> str:
    if np.isnan(row["lower"]):
        return f"{row['value']:.3f}"
    return f"{row['value']:.3f} [{row['lower']:.3f}, {row['upper']:.3f}]"


def _intervals(estimate: pd.DataFrame, long: pd.DataFrame | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return lower and upper as samples x types; NaN where the long table has none."""
    if long is None:
        none = estimate * np.nan
        return none, none
    wide = long.pivot_table(index="sample", columns="cell_type", values=["lower", "upper"], dropna=False)
    return tuple(
        wide[end].reindex(index=estimate.index, columns=estimate.columns).astype(float) for end in ("lower", "upper")
    )


def _relabel(
    tables: dict[str, pd.DataFrame], label_map: dict[str, str], quantity: str
) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Rename, add and drop cell types; the sum of several types has no interval."""
    types = tables["estimate"].columns
    unknown = [name for name in label_map if name not in types]
    notes = [f"In neither table, though the label map names them: {_names(unknown)}."] if unknown else []
    kept = [name for name in types if label_map.get(name, name)]
    dropped = [name for name in types if name not in kept]
    if dropped:
        notes.append(f"Dropped by the label map: {_names(dropped)}.")
    target = pd.Index([label_map.get(name, name) for name in kept], name=types.name)
    several = target[target.duplicated()].unique()
    if len(several) and quantity == "score":
        raise DataError(
            f"the label map merges several scores into {several[0]!r}",
            "one score per cell type, because scores have no common scale and cannot be added",
            "map one of them and drop the others (empty to)",
        )
    for name in several:
        added = [old for old, new in zip(kept, target, strict=True) if new == name]
        notes.append(f"{name} is the sum of {_names(added, most=12)}.")
    result = {key: table[kept].T.groupby(target, sort=False).sum(min_count=1).T for key, table in tables.items()}
    for end in ("lower", "upper"):
        result[end][list(several)] = np.nan
    return result, notes


def _relabel_truth(truth: pd.DataFrame, label_map: dict[str, str]) -> pd.DataFrame:
    """Rename, add and drop known types; a sum with a part that is not known is not known."""
    kept = truth[[name for name in truth if label_map.get(name, name)]]
    parts = kept.T.groupby([label_map.get(name, name) for name in kept], sort=False)
    return parts.sum().where(parts.count().eq(parts.size(), axis=0)).T


def _shared_samples(estimate: pd.Index, truth: pd.Index, notes: list[str]) -> pd.Index:
    shared = estimate[estimate.isin(truth)]
    if not len(shared):
        same = len(estimate) == len(truth)
        raise DataError(
            f"the estimate and the truth share no sample name; the estimate has {_names(estimate, most=3)}, "
            f"the truth has {_names(truth, most=3)}"
            + (f" (both have {len(truth)} samples: perhaps the same ones under other names)" if same else ""),
            "the same sample names in both tables; samples are never matched by their order",
            "rename the samples of one table to those of the other",
        )
    for side, names in (("estimate", estimate[~estimate.isin(truth)]), ("truth", truth[~truth.isin(estimate)])):
        if len(names):
            notes.append(f"{len(names)} samples are only in the {side}: {_names(names)}.")
    return shared


def _shared_types(estimate: pd.Index, truth: pd.Index, quantity: str, notes: list[str]) -> pd.Index:
    shared = truth[truth.isin(estimate)]
    near = near_names(estimate[~estimate.isin(truth)], truth[~truth.isin(estimate)])
    lines = ", ".join(f"{one!r} to {other!r}" for one, other in near[:8])
    needed = 2 if quantity in COMPOSITIONS else 1
    if len(shared) < needed:
        error = NotApplicable if quantity == "score" else DataError  # scores may be of no cell type at all (ESTIMATE)
        raise error(
            f"the estimate and the truth share {len(shared)} cell types; the estimate has "
            f"{_names(estimate, most=12)}, the truth has {_names(truth, most=12)}",
            f"at least {needed} cell types with the same name in both",
            "give a table from/to that turns the names of one into those of the other (unmix_evaluate.py --label-map, "
            "unmix_run.py --truth-map)" + (f", for example {lines}" if near else ""),
        )
    for side, names in (("estimate", estimate[~estimate.isin(truth)]), ("truth", truth[~truth.isin(estimate)])):
        if len(names):
            notes.append(f"Cell types only in the {side}, not compared: {_names(names, most=30)}.")
    if near:
        notes.append(f"Some of these may mean the same; a label map joins them (from {lines}).")
    return shared


def _measured(
    truth: pd.DataFrame, estimate: pd.DataFrame, quantity: str, notes: list[str]
) -> tuple[pd.Index, pd.Index]:
    """Return the samples and types that can be compared: a type that was not measured takes no sample with it.

    A type without any value goes, then samples without an estimate or with fewer values than a comparison needs. What
    is missing then is a cell of the table.
    """
    unknown = truth.isna().all(axis=0)
    if unknown.all():
        raise DataError(
            "the truth holds no value for the shared samples and cell types",
            "numbers in the shared samples and cell types",
            "look at the two tables and the label map",
        )
    if unknown.any():
        notes.append(f"Cell types not compared, because the truth holds no value: {_names(truth.columns[unknown])}.")
    truth = truth.loc[:, ~unknown]
    needed = min(2 if quantity in COMPOSITIONS else 1, truth.shape[1])
    gaps = (truth.notna().sum(axis=1) < needed) | estimate[truth.columns].isna().any(axis=1)
    if gaps.any():
        notes.append(f"Samples not compared, because values are missing: {_names(truth.index[gaps])}.")
    truth = truth[~gaps]
    empty = truth.isna().all(axis=0)  # measured only in samples that are not compared
    truth = truth.loc[:, ~empty]
    if missing := int(truth.isna().to_numpy().sum()):
        some = truth.columns[truth.isna().any(axis=0)]
        notes.append(
            f"{missing} {'value is' if missing == 1 else 'values are'} missing in the truth ({_names(some)}): "
            "not compared, and their samples were scaled without them."
        )
    return truth.index, truth.columns


def _names(names: Collection[object], most: int = 5) -> str:
    """List the first names and count the rest."""
    names = [str(name) for name in names]
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
