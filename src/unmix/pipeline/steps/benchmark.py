"""The steps of the benchmark: cases, fits of methods on them, figures, their page, and the search of settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unmix.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from unmix.benchmark.store import Record
    from unmix.pipeline.record import Run


def cases(
    run: Run, reference: Path, out: Path, *, other: Path | None = None, scenarios: str = "all", samples: int = 60
) -> None:
    """Make cases of a reference, each in a folder of its name; `scenarios` are names between commas."""
    from unmix.benchmark import own
    from unmix.reference.prepare import read_reference

    run.input("reference", reference)
    run.input("other", other)
    names = () if scenarios == "all" else [name.strip() for name in scenarios.split(",") if name.strip()]
    given = {"other": read_reference(other) if other else None, "names": names, "samples": samples}
    made = own.cases(read_reference(reference), seed=run.seed, say=run.say, **given)
    for case in made:
        own.write(case, lambda name: run.output(out / name))
    run.say(f"Cases: {', '.join(f'{case.name} ({len(case.tests)} tests)' for case in made)}.")


def fit(
    run: Run,
    cases: Sequence[Path],
    out: Path,
    *,
    methods: Sequence[str] = (),
    recipes: Sequence[str] = ("default",),
    seeds: Sequence[int] = (0,),
    number: int = 1,
) -> None:
    """Do the fits that the store `out` lacks, `number` at a time; of all methods where none is named."""
    from unmix import methods as registry
    from unmix.benchmark import running, store
    from unmix.benchmark.case import read_case

    read = [read_case(folder) for folder in cases]
    todo = running.jobs(read, methods or list(registry.all_methods()), recipes, seeds)
    waiting = [job for job in todo if not store.finished(out, job.fit, *job.digests)]
    run.say(f"{len(todo) - len(waiting)} of {len(todo)} fits are in the store.")
    done: list[Record] = []

    def say(record: Record) -> None:
        done.append(record)
        fit = record.fit
        why = f": {record.said.splitlines()[0]}" if record.said else f", {record.cpu_seconds:.0f} s"
        run.say(f"{fit.case} {fit.method} {fit.recipe} {fit.seed} {record.status}{why}")
        run.progress(len(done), len(waiting), "fits")

    running.run(waiting, out, number, run.threads, say)
    spent = sum(record.cpu_seconds for record in done)
    run.say(f"{len(done)} fits done in {spent:,.0f} CPU seconds.")


def table(run: Run, stores: Sequence[Path], out: Path, *, fits: Path | None = None) -> None:
    """Write the figures of stores, and a row per fit.

    Raises
    ------
    DataError
        If the stores hold no fit.
    """
    from unmix.benchmark import figures

    found = figures.status(stores)
    if found.empty:
        raise DataError("no fit in the store", "a store that unmix_benchmark.py fit has written", "give its folder")
    figures.table(stores).to_csv(run.output(out), sep="\t", index=False, float_format="%.8g", lineterminator="\n")
    if fits:
        found.to_csv(run.output(fits), sep="\t", index=False, lineterminator="\n")
    counts = ", ".join(f"{number} {status}" for status, number in found["status"].value_counts().items())
    run.say(f"{len(found)} fits: {counts}.")


def page(run: Run, stores: Sequence[Path], out: Path) -> None:
    """Write the page of a benchmark on one's own reference, and the figures on it.

    Raises
    ------
    DataError
        If the stores hold no fit.
    """
    from unmix.benchmark import stress
    from unmix.report.benchmark import benchmark

    found, records = stress.gathered(stores)
    if not records:
        raise DataError("no fit in the store", "a store that unmix_benchmark.py fit has written", "give its folder")
    run.output(out / "index.html").write_text(benchmark(found, records), encoding="utf-8")
    table = stress.tidy(found)
    table.to_csv(run.output(out / "benchmark.tsv"), sep="\t", index=False, float_format="%.8g", lineterminator="\n")


def tune(
    run: Run,
    reference: Path,
    out: Path,
    *,
    method: str,
    recipe: str = "default",
    other: Path | None = None,
    ranges: Sequence[str] = (),
    trials: int = 40,
    samples: int = 60,
    storage: Path | None = None,
    trial: Path | None = None,
    measured: Path | None = None,
    pending: Path | None = None,
) -> None:
    """Search settings of a method, and write the best recipe and a table of the trials beside it.

    With `trial`, only that one is measured, and written with its error. With `measured` and `pending`, no trial is
    measured here: those that the search needs next are written, until it is at its end.

    Raises
    ------
    UsageError
        If Optuna is not installed, or options contradict each other.
    """
    import importlib.util
    import json

    from unmix.benchmark import trials as files
    from unmix.benchmark import tuning
    from unmix.benchmark.spaces import space
    from unmix.reference.prepare import read_reference

    if trial is None and importlib.util.find_spec("optuna") is None:
        raise UsageError("Optuna is not installed", "the extra tune", "pip install 'unmix[tune]'")
    if (measured is None) != (pending is None) or (trial is not None and measured is not None):
        expected = "--trial alone, or --measured and --pending together"
        raise UsageError("these options do not go together", expected, "see docs/tuning.md")
    run.input("reference", reference)
    run.input("other", other)
    run.input("trial", trial)

    def write(path: Path, data: object) -> None:
        run.output(path).write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    case = tuning.task(read_reference(reference), read_reference(other) if other else None, samples, run.seed, run.say)
    if trial:
        given = files.read_trial(trial)["settings"]
        error = tuning.measured(case, method, recipe, given, run.seed, run.say)
        write(out, {"settings": given, "error": error})
        return
    searched = space(method, recipe, ranges)
    how = {"trials": trials, "seed": run.seed}
    if measured is None:
        storage = storage or out.with_suffix(".journal")
        run.refuse_inputs(storage)
        study, unknown = tuning.search(case, method, recipe, searched, storage, **how, say=run.say), []
    else:
        start, known = tuning.of_recipe(method, recipe, searched), files.read_trials(measured)
        study = tuning.kept(None, method)
        unknown = tuning.advance(study, start, searched, known, **how)
    for number in unknown:
        write(pending / f"{number}.json", {"settings": tuning.settings(study, number)})
    if unknown:
        run.say(f"To be measured next: trial {', '.join(map(str, unknown))}.")
        return
    before, after = study.trials[0].value, study.best_value
    run.facts |= {"method": method, "start": recipe, "error_before": before, "error_after": after}
    write(out, tuning.tuned(study, method, recipe))
    table = study.trials_dataframe(attrs=("number", "value", "params"))
    table.to_csv(run.output(out.with_suffix(".trials.tsv")), sep="\t", index=False, lineterminator="\n")
    run.say(
        f"Root mean square error {100 * before:.2f} points by the recipe {recipe}, {100 * after:.2f} by trial "
        f"{study.best_trial.number}. The best of many trials on the same samples is better there than elsewhere."
    )
