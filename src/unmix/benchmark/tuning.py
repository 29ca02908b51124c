"""Search of settings by the error on pseudobulk of another laboratory, or of donors that are left out.

The search is Optuna's (tree-structured Parzen estimator), in rounds: the trials of a round are chosen before any of
them is done, and are told in their order. Every choice is drawn from a generator of the seed and the number of the
trial, so that an interrupted search ends as one without interruption.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, model_validator

from unmix import engine, methods
from unmix.benchmark import own
from unmix.engine import answer
from unmix.errors import NotApplicable, UnmixError, UsageError
from unmix.settings import asdict
from unmix.settings.words import names as all_names
from unmix.settings.words import schema_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import anndata as ad
    import optuna

    from unmix.benchmark.own import Own

#: Trials that are chosen together.
ROUND = 4
#: Error of settings that cannot be trained with: larger than any of fractions.
WORST = 1.0


class Range(BaseModel):
    """What a setting may be in a search: numbers from `low` to `high`, or `choices`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    low: int | float = 0
    high: int | float = 0
    log: bool = False
    choices: tuple[str | bool, ...] = ()

    @model_validator(mode="after")
    def _has_a_width(self) -> Range:
        if not self.choices and not (self.low < self.high and (self.low > 0 or not self.log)):
            message = f"from {self.low} to {self.high} is no range"
            raise ValueError(message)
        return self

    def distribution(self, whole: bool) -> optuna.distributions.BaseDistribution:
        """Return it as Optuna has it."""
        from optuna import distributions

        if self.choices:
            return distributions.CategoricalDistribution(self.choices)
        if whole:
            return distributions.IntDistribution(int(self.low), int(self.high), log=self.log)
        return distributions.FloatDistribution(float(self.low), float(self.high), log=self.log)


@cache
def declared() -> dict[str, Range]:
    """Return the ranges that are searched by default (data/tuning.toml), by the name of the setting."""
    text = resources.files("unmix").joinpath("data", "tuning.toml").read_text("utf-8")
    return {name: Range.model_validate(rule) for name, rule in _leaves(tomllib.loads(text))}


def _leaves(table: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, dict[str, Any]]]:
    for name, own_part in table.items():
        if {"low", "choices"} & own_part.keys():
            yield prefix + name, own_part
        else:
            yield from _leaves(own_part, f"{prefix}{name}.")


def space(method: str, recipe: str = "default", ranges: Iterable[str] = ()) -> dict[str, Any]:
    """Return the settings that are searched, with their distributions.

    Parameters
    ----------
    method, recipe
        Whose settings.
    ranges
        ``NAME=LOW:HIGH``, ``NAME=LOW:HIGH:log`` or ``NAME=A,B,C``, in place of the declared ones; where there are none,
        all declared ranges of settings that the recipe has.

    Raises
    ------
    UsageError
        If the recipe has none of the settings, or a range is none or leaves that of its setting.
    """
    kind = type(engine.resolve(methods.get(method), recipe))
    have = set(all_names(kind))
    wanted = dict(map(_range, ranges)) or {name: rule for name, rule in declared().items() if name in have}
    if not wanted:
        raise UsageError(
            f"no range is declared for a setting of {method}",
            "ranges of some of its settings",
            f"--range NAME=LOW:HIGH; unmix_methods.py --format json {method} lists all settings",
        )
    found = {}
    for name, rule in wanted.items():
        schema = schema_at(kind, name.split("."))
        values = rule.choices or (rule.low, rule.high)
        for value in values:  # refuses an unknown setting, and a value out of its range, in words
            engine.resolve(methods.get(method), recipe, [f"{name}={json.dumps(value).strip(chr(34))}"])
        found[name] = rule.distribution(schema.get("type") == "integer")
    return found


def _range(text: str) -> tuple[str, Range]:
    name, _, rest = text.partition("=")
    parts = rest.split(":")
    try:
        if len(parts) == 1:
            return name, Range(choices=tuple(part.strip() for part in rest.split(",") if part.strip()))
        low, high = (json.loads(part) for part in parts[:2])
        return name, Range(low=low, high=high, log=parts[2:] == ["log"])
    except ValueError as error:
        raise UsageError(
            f"--range {text}",
            "NAME=LOW:HIGH, NAME=LOW:HIGH:log or NAME=A,B,C",
            "for example --range train.lr=1e-4:1e-2:log",
        ) from error


def settings_of(parameters: dict[str, Any]) -> list[str]:
    """Return the values of a trial as settings, ``a.b=value``; numbers to four digits."""
    return [
        f"{name}={float(f'{value:.4g}') if isinstance(value, float) else json.dumps(value).strip(chr(34))}"
        for name, value in parameters.items()
    ]


def task(reference: ad.AnnData, other: ad.AnnData | None, samples: int, seed: int, say: Callable[[str], None]) -> Own:
    """Return the case whose error is made small: samples of the other laboratory, else of what is held out."""
    name = "donors" if other is None else "laboratory"
    made = own.cases(reference, other=other, names=[name], samples=samples, seed=seed, say=say)
    if not made:
        raise UsageError(
            "nothing to measure the error on", "two references that share cell types", "give another --other"
        )
    return made[0]


def error(case: Own, method: str, recipe: str, settings: Iterable[str], seed: int) -> float:
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

    Trial 0 has the settings of the recipe, so that what is found is never worse than they are on this case.

    Parameters
    ----------
    case, method, recipe
        What is trained, and on what its error is measured.
    ranges
        Of :func:`space`.
    storage
        Optuna's journal. Searches of other data, ranges or seeds stand beside each other in it.
    trials
        In all.
    seed
        Of the choices, and of every training.
    say
        Takes a sentence for every trial.
    """
    import optuna
    from optuna.storages.journal import JournalFileBackend
    from optuna.trial import TrialState

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=optuna.storages.JournalStorage(JournalFileBackend(str(storage))),
        study_name=name_of(case, method, recipe, ranges, seed),
        load_if_exists=True,
    )
    while (done := sum(one.state.is_finished() for one in study.trials)) < trials:
        begun = [one.number for one in study.trials if one.state == TrialState.RUNNING]
        for number in range(done + len(begun), min(trials, (done // ROUND + 1) * ROUND)):
            if number == 0:
                study.enqueue_trial(_of_recipe(method, recipe, ranges), skip_if_exists=True)
            study.sampler = optuna.samplers.TPESampler(
                seed=_seed(seed, number), n_startup_trials=2 * ROUND, constant_liar=True
            )
            begun.append(study.ask(ranges).number)
        for number in sorted(begun):
            settings = [] if number == 0 else settings_of(study.trials[number].params)
            try:
                value = error(case, method, recipe, settings, seed)
            except NotApplicable:
                raise
            except UnmixError as fault:
                say(f"Trial {number}: {fault.found}.")
                value = WORST
            study.tell(number, value)
            say(f"Trial {number}: error {100 * value:.2f} points, {', '.join(settings) or f'the recipe {recipe}'}.")
    return study


def name_of(case: Own, method: str, recipe: str, ranges: dict[str, Any], seed: int) -> str:
    """Return a name that tells searches of other data, settings, ranges or seeds apart."""
    total = hashlib.sha256(repr((sorted(ranges.items()), seed, case.said)).encode())
    for test in case.tests:
        total.update(np.ascontiguousarray(test.bulk.X).tobytes())
    total.update(np.ascontiguousarray(case.reference.X.data).tobytes())
    return f"{method}-{recipe}-{total.hexdigest()[:16]}"


def _seed(seed: int, number: int) -> int:
    return int(np.random.default_rng([seed, number]).integers(2**31))


def _of_recipe(method: str, recipe: str, ranges: dict[str, Any]) -> dict[str, Any]:
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
    best = study.best_trial
    settings = [] if best.number == 0 else settings_of(best.params)
    return asdict(engine.resolve(methods.get(method), recipe, settings))
