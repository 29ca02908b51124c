"""Search of settings by the error on pseudobulk of another laboratory, or of donors that are left out.

The search is Optuna's (tree-structured Parzen estimator), in rounds: the trials of a round are chosen before any of
them is done, and are told in their order. Every choice is drawn from a generator of the seed and the number of the
trial, so that an interrupted search ends as one without interruption. A search whose trials are measured by other
processes (workflows/tune.nf) is the same search: it is repeated from its start with the errors that are known, up to
the round that is not.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from unmix import engine, methods
from unmix.benchmark import own
from unmix.benchmark.spaces import settings_of
from unmix.engine import answer
from unmix.errors import NotApplicable, UnmixError, UsageError
from unmix.settings import asdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import anndata as ad
    import optuna

    from unmix.benchmark.own import Own

#: Trials that are chosen together.
ROUND = 4
#: Error of settings that cannot be trained with: larger than any of fractions.
WORST = 1.0


def task(reference: ad.AnnData, other: ad.AnnData | None, samples: int, seed: int, say: Callable[[str], None]) -> Own:
    """Return the case whose error is made small: samples of the other laboratory, else of what is held out."""
    name = "donors" if other is None else "laboratory"
    made = own.cases(reference, other=other, names=[name], samples=samples, seed=seed, say=say)
    if not made:
        raise UsageError(
            "nothing to measure the error on", "two references that share cell types", "give another --other"
        )
    return made[0]


def error(case: Own, method: str, recipe: str, settings: Sequence[str], seed: int) -> float:
    """Return the root mean square error of fractions of cells, of a training with these settings.

    Raises
    ------
    UnmixError
        If the method cannot be trained on the case.
    """
    given = {"bulk": case.tests[0].bulk} if methods.get(method).needs.bulk else {}
    model = engine.train(
        method, case.reference, recipe=recipe, settings=tuple(settings), seed=seed, device="cpu", **given
    )
    squares = []
    for test in case.tests:
        found = answer.predict([model], test.bulk, device="cpu", mrna_per_cell="reference").values
        truth = test.truth["cells"][list(found)].to_numpy()
        squares.append((found.to_numpy() - truth) ** 2)
    return float(np.sqrt(np.mean(squares)))


def measured(
    case: Own, method: str, recipe: str, settings: Sequence[str], seed: int, say: Callable[[str], None]
) -> float:
    """Return the error of a trial; :data:`WORST`, and a sentence, for settings that cannot be trained with.

    Raises
    ------
    NotApplicable
        If no settings of the method can be applied.
    """
    try:
        return error(case, method, recipe, settings, seed)
    except NotApplicable:
        raise
    except UnmixError as fault:
        say(f"{', '.join(settings)}: {fault.found}.")
        return WORST


def search(
    case: Own,
    method: str,
    recipe: str,
    ranges: dict[str, Any],
    storage: Path,
    *,
    trials: int,
    seed: int,
    say: Callable[[str], None],
) -> optuna.Study:
    """Do the trials that the storage lacks, and return the search.

    Parameters
    ----------
    case, method, recipe
        What is trained, and on what its error is measured.
    ranges
        Of :func:`unmix.benchmark.spaces.space`.
    storage
        As for :func:`kept`.
    trials
        In all.
    seed
        Of the choices, and of every training.
    say
        Takes a sentence for every trial.
    """

    def measure(number: int, chosen: list[str]) -> float:
        value = measured(case, method, recipe, chosen, seed, say)
        say(f"Trial {number}: error {100 * value:.2f} points, {', '.join(chosen) or f'the recipe {recipe}'}.")
        return value

    study = kept(storage, name_of(case, method, recipe, ranges, seed))
    advance(study, of_recipe(method, recipe, ranges), ranges, measure, trials=trials, seed=seed)
    return study


def advance(
    study: optuna.Study,
    start: dict[str, Any],
    ranges: dict[str, Any],
    measure: Callable[[int, list[str]], float | None],
    *,
    trials: int,
    seed: int,
) -> list[int]:
    """Do the trials that a search lacks.

    Trial 0 has the settings of the recipe, so that what is found is never worse than they are on this case.

    Parameters
    ----------
    study
        Of :func:`kept`, or one in memory.
    start
        Of :func:`of_recipe`.
    ranges
        Of :func:`unmix.benchmark.spaces.space`.
    measure
        Takes number and settings of a trial, and returns its error; None if it is not known.
    trials
        In all.
    seed
        Of the choices.

    Returns
    -------
    list of int
        The trials of a round whose errors are not known, and without which no other can be chosen; none when the
        search is at its end.
    """
    import optuna
    from optuna.trial import TrialState

    while (done := sum(one.state.is_finished() for one in study.trials)) < trials:
        begun = [one.number for one in study.trials if one.state == TrialState.RUNNING]
        for number in range(done + len(begun), min(trials, (done // ROUND + 1) * ROUND)):
            if number == 0:
                study.enqueue_trial(start, skip_if_exists=True)
            study.sampler = optuna.samplers.TPESampler(
                seed=_seed(seed, number), n_startup_trials=2 * ROUND, constant_liar=True
            )
            begun.append(study.ask(ranges).number)
        unknown = []
        for number in sorted(begun):
            value = measure(number, settings(study, number))
            if value is None:
                unknown.append(number)
            else:
                study.tell(number, value)
        if unknown:
            return unknown
    return []


def settings(study: optuna.Study, number: int) -> list[str]:
    """Return the settings of a trial beside those of the recipe."""
    return [] if number == 0 else settings_of(study.trials[number].params)


def kept(storage: Path | None, name: str) -> optuna.Study:
    """Return the search that a file keeps (Optuna's journal), or a new one; without a file, one in memory.

    Searches of other names (:func:`name_of`) stand beside each other in it.
    """
    import optuna
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    journal = None if storage is None else optuna.storages.JournalStorage(JournalFileBackend(str(storage)))
    return optuna.create_study(storage=journal, study_name=name, load_if_exists=True)


def name_of(case: Own, method: str, recipe: str, ranges: dict[str, Any], seed: int) -> str:
    """Return a name that tells searches of other data, settings, ranges or seeds apart."""
    total = hashlib.sha256(repr((sorted(ranges.items()), seed, case.said)).encode())
    for test in case.tests:
        total.update(np.ascontiguousarray(test.bulk.X).tobytes())
    total.update(np.ascontiguousarray(case.reference.X.data).tobytes())
    return f"{method}-{recipe}-{total.hexdigest()[:16]}"


def _seed(seed: int, number: int) -> int:
    return int(np.random.default_rng([seed, number]).integers(2**31))


def of_recipe(method: str, recipe: str, ranges: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a recipe that lie within the ranges."""
    values: dict[str, Any] = {}
    for name, distribution in ranges.items():
        value: Any = asdict(methods.get(method).recipes[recipe])
        for key in name.split("."):
            value = value[key]
        if distribution._contains(distribution.to_internal_repr(value)):
            values[name] = value
    return values


def tuned(study: optuna.Study, method: str, recipe: str) -> dict[str, Any]:
    """Return the recipe with the settings of the smallest error: data that ``--recipe`` reads."""
    return asdict(engine.resolve(methods.get(method), recipe, settings(study, study.best_trial.number)))
