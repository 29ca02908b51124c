"""Bulk and reference to a folder of results, in one process.

The steps, their files and their order are those of workflows/deconvolve.nf for one row of a samplesheet, so that the
tables have the same bytes.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from unmix import methods as registry
from unmix.errors import DataError, NotApplicable, UsageError
from unmix.pipeline import parameters, start
from unmix.pipeline.jobs import SORTS, entries, jobs
from unmix.pipeline.record import recorded
from unmix.pipeline.work import CONSENSUS, Machine, Work, job_of

if TYPE_CHECKING:
    from pathlib import Path

    from unmix.pipeline.row import Options, Row


def run(row: Row, options: Options, out: Path, machine: Machine) -> None:
    """Write the results of one bulk data set to `out`, laid out as docs/data_contracts.md describes.

    A method that cannot be applied, or fails, leaves its reason in ``<method>/skipped.json``, and the others run.

    Parameters
    ----------
    row, options, machine
        What is given, how it is done and where.
    out
        Folder, new or of an earlier run by the same methods, which is replaced.

    Raises
    ------
    UsageError
        An option that cannot be used, or a folder that holds results of other methods.
    DataError
        A file that is missing; or the bulk or the reference cannot be used: the report has been written and says why.
    NotApplicable
        None of the methods can be applied; as for DataError.
    """
    known = registry.all_methods()
    chosen, panel = parameters.choose(options.methods, options.controls, known, registry.PANEL)
    fields = asdict(row) | {"id": "", **{sort: entries(getattr(row, sort)) for sort in SORTS}}
    todo = jobs([fields], chosen, known, panel)
    start.check_files(row, options, [path for job in todo for path in job["published"]])
    prepared = start.unchanged(row)
    start.make_room(out, [job["method"] for job in todo], start.files(row, options).values())
    if machine.pages:
        with recorded(job_of(machine, "run", options.seed)) as job:
            for name, path in start.read(row, options, todo):
                job.input(name, path)
            start.write_request(job.output(out / start.REQUEST), row, options, job.origin())
    work = Work(row, options, out, machine)
    try:
        work.prepare(prepared)
    except (DataError, UsageError, NotApplicable):  # the reason has been written
        work.report()
        raise
    failures = {job["method"]: failure for job in todo if (failure := work.method(job))}
    done = [job["method"] for job in todo if job["method"] not in failures]
    if (members := [name for name in done if name in panel]) and work.consensus(members):
        done = [CONSENSUS, *done]
    if row.truth:
        for name in done:
            work.evaluate(name)
    if options.samples:
        controls = {job["method"] for job in todo if job["control"]}
        for name in [name for name in done if name not in controls]:
            work.compare(name)
    asked = chosen if options.methods == "none" else parameters.check_methods(options.methods, known, registry.PANEL)
    headline = next((name for name in done if name in (CONSENSUS, *asked)), None)
    if headline:
        work.lead(headline)
    work.report()
    if not headline:
        raise failures[asked[0]]
