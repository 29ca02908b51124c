"""Many fits, each in a process of its own, so that one that fails or is killed takes no other with it."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass
from multiprocessing import connection
from typing import TYPE_CHECKING

from unmix import __version__
from unmix.benchmark import store
from unmix.benchmark.case import read_case
from unmix.benchmark.store import Done, Fit, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from multiprocessing.context import ForkServerProcess
    from pathlib import Path

    from unmix.benchmark.case import Case

#: Imported once, in the process that those of the fits are forked from.
_PRELOADED = ["unmix.benchmark.preloaded"]


@dataclass(frozen=True)
class Job:
    """A fit that is to be done.

    Attributes
    ----------
    case
        Folder of the case.
    fit
        What is trained.
    recipe
        Name of the recipe, or file with its settings.
    digests
        Of the case and of the settings.
    """

    case: Path
    fit: Fit
    recipe: str
    digests: tuple[str, str]


def jobs(cases: Sequence[Case], methods: Sequence[str], recipes: Sequence[str], seeds: Sequence[int]) -> list[Job]:
    """Return the fits of all methods on all cases: one seed after the other, in the order in which these are given.

    A method without one of several recipes is left out for it.
    """
    from unmix import methods as registry
    from unmix.benchmark.fitting import named, settings_digest

    have = {(m, r) for m in methods for r in recipes if r.endswith(".json") or r in registry.get(m).recipes}
    settings = {(method, recipe): settings_digest(method, recipe) for method, recipe in have}
    digests = {case.name: case.digest() for case in cases}
    return [
        Job(case.folder, Fit(case.name, m, named(r), seed), r, (digests[case.name], settings[m, r]))
        for seed in seeds
        for r in recipes
        for case in cases
        for m in methods
        if (m, r) in have
    ]


def run(todo: Iterable[Job], folder: Path, number: int, threads: int, say: Callable[[Record], None]) -> None:
    """Do every fit that the store lacks, `number` at a time.

    Parameters
    ----------
    todo
        In the order in which they are begun.
    folder
        Of the store.
    number, threads
        Processes at a time, and threads of each.
    say
        Takes the record of every fit that was done.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    running: dict[ForkServerProcess, Job] = {}
    try:
        for job in todo:
            if store.finished(folder, job.fit, *job.digests):
                continue
            while len(running) >= number:
                _reap(running, folder, say)
            process = context.Process(target=_fit, args=(job, folder, threads))
            process.start()
            running[process] = job
        while running:
            _reap(running, folder, say)
    finally:
        for process in running:
            process.terminate()


def _reap(running: dict[ForkServerProcess, Job], folder: Path, say: Callable[[Record], None]) -> None:
    """Wait until a process ends; one that was killed leaves no record, and gets one here."""
    ended = connection.wait([process.sentinel for process in running])
    for process in [process for process in running if process.sentinel in ended]:
        job = running.pop(process)
        process.join()
        if process.exitcode:
            how = f"by signal {-process.exitcode}" if process.exitcode < 0 else f"with exit code {process.exitcode}"
            said = f"its process ended {how}"
            store.write(folder, Done(Record(job.fit, store.FAILED, *job.digests, __version__, said)))
        say(store.read(job.fit.path(folder)))


def _fit(job: Job, folder: Path, threads: int) -> None:
    """Do a fit, in its process."""
    import torch

    from unmix.benchmark.fitting import fit

    torch.set_num_threads(threads)
    store.write(folder, fit(read_case(job.case), job.fit.method, job.recipe, job.fit.seed))
