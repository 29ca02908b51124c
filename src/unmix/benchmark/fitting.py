"""One fit: train a method on the reference of a case, estimate its tests, and compare with the known fractions."""

from __future__ import annotations

import hashlib
import json
import resource
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unmix import __version__, engine, methods
from unmix.benchmark import store
from unmix.benchmark.case import REFERENCE
from unmix.benchmark.store import Fit, Record
from unmix.engine import answer, cell_fractions
from unmix.errors import NotApplicable, UnmixError
from unmix.evaluation import pairing
from unmix.io import check
from unmix.io.truth import read_truth
from unmix.reference.prepare import read_reference
from unmix.settings import asdict, read

if TYPE_CHECKING:
    import anndata as ad
    import pandas as pd

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


def fit(case: Case, method: str, recipe: str, seed: int, device: str = "cpu") -> tuple[Record, pd.DataFrame | None]:
    """Train a method, estimate every test of a case, and compare.

    A method that learns from the bulk, and a published recipe, which chooses its genes by the bulk, is trained for
    every test; all others once, or for every list of genes where a bulk has few of those of the reference.

    Returns
    -------
    tuple
        The record, and the estimates beside the truth (columns :data:`unmix.benchmark.store.COLUMNS`), if there are
        any. Errors of the method are part of the record.
    """
    import pandas as pd

    started, tables, tests, model, training, learned = time.process_time(), [], {}, None, 0.0, None
    said, status = "", store.FAILED
    by_bulk = methods.get(method).needs.bulk or recipe == "published"
    try:
        reference = read_reference(case.path(REFERENCE))
        given = _given(case, method, reference)
        for test in case.tests:
            told = {"scenario": test.scenario, "level": test.level, "counts": test.counts}
            bulk = read_bulk(case, test.bulk, test.unit, reference)
            genes = check.few_shared(bulk.var_names, reference.var) or None
            if model is None or by_bulk or genes != learned:
                before, learned = time.process_time(), genes
                chosen = read(Path(recipe)) if recipe.endswith(".json") else recipe
                options = {"bulk": bulk if by_bulk else None, "genes": genes, "recipe": chosen, **given}
                model = engine.train(method, reference, seed=seed, device=device, **options)
                training += time.process_time() - before
            try:
                pairs = compared(case, test, model, bulk, device)
            except UnmixError as error:
                said, tests[test.name] = said or str(error), told | {"error": str(error)}
                status = store.NOT_APPLICABLE if isinstance(error, NotApplicable) else store.FAILED
                continue
            tables.append(pairs.long().assign(test=test.name))
            tests[test.name] = told | {"quantity": pairs.quantity, "notes": pairs.notes}
    except NotApplicable as error:
        said, status = str(error), store.NOT_APPLICABLE
    except UnmixError as error:
        said = str(error)
    except Exception as error:  # noqa: BLE001 - a fault of one method is a result of the benchmark
        said = f"{type(error).__name__}: {error}"
    status, said = (store.OK, "") if tables else (status, said)
    record = Record(
        Fit(case.name, method, named(recipe), seed),
        status,
        case.digest(),
        settings_digest(method, recipe),
        __version__,
        said,
        "" if model is None else model.quantity,
        round(training, 2),
        round(time.process_time() - started, 2),
        round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        tests,
        case.said,
    )
    return record, pd.concat(tables) if tables else None


def read_bulk(case: Case, name: str, unit: str, reference: ad.AnnData) -> ad.AnnData:
    """Return samples of a case, checked, with the genes of its reference."""
    return check.read_bulk(case.path(name), unit, reference.var, orthologs=case.orthologs)


def compared(case: Case, test: Test, model: Model, bulk: ad.AnnData, device: str) -> pairing.Pairs:
    """Estimate a test, in what its truth counts, and pair estimates and truth.

    Raises
    ------
    UnmixError
        If the model cannot estimate these samples, or what it estimates is not in the truth.
    """
    if test.counts == "RNA":
        found = cell_fractions.to_mrna(model, engine.predict(model, bulk, device=device))
    else:
        found = answer.predict(model, bulk, device=device, mrna_per_cell=test.mrna_per_cell)
    kind = "mrna" if test.counts == "RNA" else "cell"
    truth = read_truth(case.path(test.truth), kind, samples=list(bulk.obs_names))
    if truth.shape[1] == 1:  # one type says nothing of a composition
        found = replace(found, quantity="purity") if found.quantity != "score" else found
    return pairing.pair(
        found.values,
        truth,
        quantity=found.quantity,
        long=found.long(),
        label_map=_label_map(test, model, found),
        renormalise=test.renormalise,
    )


def _label_map(test: Test, model: Model, found: Fractions) -> dict[str, str] | None:
    """Return cell type of the reference to that of the truth, empty for those that belong to none."""
    if not test.sums or methods.get(model.method).needs.malignant:
        return None
    of = {own: name for name, several in test.sums.items() for own in several}
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
