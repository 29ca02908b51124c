"""One fit: train a method on the reference of a case, estimate its tests, and compare with the known fractions."""

from __future__ import annotations

import hashlib
import json
import resource
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unmix import __version__, engine, methods
from unmix.benchmark import store
from unmix.benchmark.case import REFERENCE
from unmix.benchmark.store import Done, Fit, Record
from unmix.contract.method import silent
from unmix.engine import answer, cell_fractions
from unmix.errors import NotApplicable, UnmixError
from unmix.evaluation import pairing
from unmix.io import check
from unmix.io.truth import read_truth
from unmix.reference.prepare import read_reference
from unmix.settings import asdict, read

if TYPE_CHECKING:
    import anndata as ad

    from unmix.benchmark.case import Case, Test
    from unmix.contract.model import Model
    from unmix.io.fractions import Fractions


def named(recipe: str) -> str:
    """Return the name of a recipe: of a file with settings, its name without the ending."""
    return Path(recipe).stem if recipe.endswith(".json") else recipe


def settings_digest(method: str, recipe: str) -> str:
    """Return what identifies the settings of a fit.

    Raises
    ------
    UsageError
        If the method has no such recipe, or the file is none.
    """
    chosen = engine.resolve(methods.get(method), read(Path(recipe)) if recipe.endswith(".json") else recipe)
    return hashlib.sha256(json.dumps(asdict(chosen), sort_keys=True).encode()).hexdigest()[:16]


def fit(case: Case, method: str, recipe: str, seed: int, device: str = "cpu") -> Done:
    """Train a method, estimate every test of a case, and compare.

    A method that learns from the bulk, and a published recipe, which chooses its genes by the bulk, is trained for
    every test; all others once, or for every list of genes where a bulk has few of those of the reference.

    Errors of the method are part of the record.
    """
    import pandas as pd

    started, fitter = time.process_time(), None
    tables, tests, failures, members = [], {}, [], {}
    for test in case.tests:
        told = {"scenario": test.scenario, "level": test.level, "counts": test.counts}
        try:
            fitter = fitter or _Fitter(case, method, recipe, seed, device)
            found = fitter.compared(test)
        except Exception as error:  # noqa: BLE001 - a fault of one method is a result of the benchmark
            failures.append(error)
            why = str(error) if isinstance(error, UnmixError) else f"{type(error).__name__}: {error}"
            tests[test.name] = told | {"error": why}
            continue
        tables.append(found.pairs.long().assign(test=test.name))
        tests[test.name] = told | {"quantity": found.pairs.quantity, "notes": found.pairs.notes}
        if method in methods.PANEL:
            members[test.name] = found.fractions, found.how
    if tables:
        status = store.OK
    else:
        refused = all(isinstance(error, NotApplicable) for error in failures)
        status = store.NOT_APPLICABLE if refused else store.FAILED
    record = Record(
        Fit(case.name, method, named(recipe), seed),
        status,
        case.digest(),
        settings_digest(method, recipe),
        __version__,
        "" if tables else next(iter(tests.values()))["error"],
        "" if fitter is None or fitter.model is None else fitter.model.quantity,
        round(fitter.seconds if fitter else 0.0, 2),
        round(time.process_time() - started, 2),
        round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        tests,
        case.said,
    )
    return Done(record, pd.concat(tables) if tables else None, members)


class _Fitter:
    """Models of one method on a case, each trained when a test first needs it.

    Attributes
    ----------
    model
        Trained last.
    seconds
        CPU time of all trainings.
    """

    def __init__(self, case: Case, method: str, recipe: str, seed: int, device: str) -> None:
        self._case, self._device, self._method = case, device, method
        self._by_bulk = methods.get(method).needs.bulk or recipe == "published"
        self._reference = read_reference(case.path(REFERENCE))
        chosen = read(Path(recipe)) if recipe.endswith(".json") else recipe
        self._options = {"recipe": chosen, "seed": seed, "device": device, **_given(case, method, self._reference)}
        self._genes: list[str] | None = None
        self.model: Model | None = None
        self.seconds = 0.0

    def compared(self, test: Test) -> Compared:
        """Return the estimates of a test beside its truth."""
        bulk = read_bulk(self._case, test.bulk, test.unit, self._reference)
        genes = check.few_shared(bulk.var_names, self._reference.var) or None
        if self.model is None or self._by_bulk or genes != self._genes:
            before, self._genes = time.process_time(), genes
            given = {"bulk": bulk if self._by_bulk else None, "genes": genes, **self._options}
            self.model = engine.train(self._method, self._reference, **given)
            self.seconds += time.process_time() - before
        return compared(self._case, test, self.model, bulk, self._device)


def read_bulk(case: Case, name: str, unit: str, reference: ad.AnnData) -> ad.AnnData:
    """Return samples of a case, checked, with the genes of its reference."""
    return check.read_bulk(case.path(name), unit, reference.var, orthologs=case.orthologs)


@dataclass(frozen=True)
class Compared:
    """Estimates of a test beside its truth.

    Attributes
    ----------
    pairs
        In what the truth counts.
    fractions
        The same estimates over all cell types, as a consensus combines them.
    how
        Arguments of :func:`unmix.evaluation.pairing.pair`.
    """

    pairs: pairing.Pairs
    fractions: Fractions
    how: dict[str, Any]


def compared(case: Case, test: Test, model: Model, bulk: ad.AnnData, device: str) -> Compared:
    """Estimate a test, in what its truth counts, and pair estimates and truth.

    Raises
    ------
    UnmixError
        If the model cannot estimate these samples, or what it estimates is not in the truth.
    """
    import pandas as pd

    if test.counts == "RNA":
        own = engine.predict(model, bulk, device=device)
        fractions = found = cell_fractions.to_mrna(model, own)
        if model.method in methods.PANEL:  # with the held-out pseudobulk that members share
            fractions = cell_fractions.to_cells(model, own, pd.Series(1.0, model.reported), silent)
    else:
        fractions = found = answer.predict(model, bulk, device=device, mrna_per_cell=test.mrna_per_cell)
    kind = "mrna" if test.counts == "RNA" else "cell"
    truth = read_truth(case.path(test.truth), kind, samples=list(bulk.obs_names))
    if truth.shape[1] == 1:  # one type says nothing of a composition
        found = replace(found, quantity="purity") if found.quantity != "score" else found
    how = {"label_map": _label_map(test, model, found), "renormalise": test.renormalise}
    pairs = pairing.pair(found.values, truth, quantity=found.quantity, long=found.long(), **how)
    return Compared(pairs, fractions, how)


def _label_map(test: Test, model: Model, found: Fractions) -> dict[str, str] | None:
    """Return cell type of the reference to that of the truth, empty for those that belong to none."""
    if not test.sums or methods.get(model.method).needs.malignant:
        return None
    of = {own: name for name, several in test.sums.items() for own in several}
    if found.quantity == "score" and (
        added := [n for n, own in test.sums.items() if len({*own} & {*found.values}) > 1]
    ):
        raise NotApplicable(f"scores of several cell types cannot be added to one of {added[0]}")
    return {name: of.get(name, "") for name in found.values}


def _given(case: Case, method: str, reference: ad.AnnData) -> dict[str, Any]:
    """Return what a method needs beside the reference and the bulk, as far as the case gives it."""
    needs, given = methods.get(method).needs, {}
    if needs.calibration and case.calibration:
        bulk = read_bulk(case, case.calibration.bulk, case.calibration.unit, reference)
        given["calibration"] = bulk, read_truth(case.path(case.calibration.fractions), samples=list(bulk.obs_names))
    if needs.malignant:
        given["malignant"] = case.malignant
    if needs.prior and case.prior != "none":
        given["prior"] = case.prior
    return given
