"""The steps of one run, and the machine on which it is done."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import shutil
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unmix import methods as registry
from unmix.errors import NotApplicable, OutputError, UnmixError
from unmix.io.outputs import refused
from unmix.pipeline import samplesheet, start, steps
from unmix.pipeline.record import Run, recorded
from unmix.reference import prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from unmix.pipeline.row import Options, Row

CONSENSUS = "consensus"
#: Tables of a method that are not copied to the folder of the results.
OF_THE_METHOD = ("pairs.tsv", "held_out.tsv", "attributions.tsv")
OF_THE_METHOD += ("type_expression.groups.tsv", "type_expression.differential.tsv")


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where a run is done, and who listens.

    Attributes
    ----------
    device, threads
        ``auto``, ``cpu`` or ``cuda``; None: all threads.
    say, progress
        Take sentences, and what is done, the total and what these are.
    command
        What the user typed; by default the command line of this process.
    pages
        Whether to write the pages, of the results and of the reference.
    """

    device: str
    threads: int | None
    say: Callable[[str], None]
    progress: Callable[[int, int, str], None]
    command: Sequence[str] | None = None
    pages: bool = True


def job_of(machine: Machine, step: str, seed: int, tell: Callable[[str], None] | None = None) -> Run:
    """Return a step on the machine."""
    given = {"device": machine.device, "threads": machine.threads, "command": machine.command}
    return Run(step, seed=seed, tell=tell or machine.say, progress=machine.progress, **given)


class Work:
    """The steps of one run."""

    def __init__(self, row: Row, options: Options, out: Path, machine: Machine) -> None:
        self.row, self.options, self.out, self.machine = row, options, out, machine
        self.name = samplesheet.reference_name(str(row.reference))
        self.reference = out / "references" / f"{self.name}.h5ad"
        self.bulk = out / "check" / "bulk.h5ad"
        self.told: set[str] = set()
        self.models: dict[str, Path] = {}
        self.read = functools.cache(prepare.read_reference)  # all methods learn from the same cells

    @contextlib.contextmanager
    def step(self, step: str, record: Path | None = None, skipped: Path | None = None, of: str = "") -> Iterator[Run]:
        """Do a step; a sentence is told once, with the name of the method that it is of."""
        machine = self.machine

        def tell(sentence: str) -> None:
            if (told := sentence.removeprefix("ok: ")) not in self.told:
                self.told.add(told)
                machine.say(f"{of}: {sentence}" if of else sentence)

        with recorded(job_of(machine, step, self.options.seed, tell), record, skipped) as job:
            yield job

    def prepare(self, prepared: bool) -> None:
        """Prepare the reference, unless it is `prepared`, and check the bulk."""
        row = self.row
        if prepared:
            self.reference = row.reference
        else:
            shown = self.machine.pages and row.reference_kind == "cells"
            page = self.reference.with_suffix(".report.html") if shown else None
            record, skipped = self.reference.with_suffix(".run.json"), self.out / "reference" / "skipped.json"
            with self.step("reference", record, skipped) as job:
                steps.reference(
                    job,
                    [row.reference],
                    self.reference,
                    kind=row.reference_kind,
                    cells=row.cells,
                    cell_type_key=row.cell_type_key or "cell_type",
                    cell_state_key=row.cell_state_key,
                    donor_key=row.donor_key,
                    label_map=row.label_map,
                    cell_type_tree=row.cell_type_tree,
                    report=page,
                )
        folder = self.bulk.parent
        with self.step("check", folder / "run.json", folder / "skipped.json") as job:
            named = {"orthologs": row.orthologs, "gene_map": row.gene_map}
            steps.check(job, row.bulk, folder, reference=self.reference, unit=row.unit, **named)

    def method(self, job: dict[str, Any]) -> UnmixError | None:
        """Train a method and estimate; return why it cannot be done."""
        row, options, name = self.row, self.options, job["method"]
        folder, genes = self.out / name, self.bulk.with_name("shared_genes.txt")
        learned = genes if genes.exists() else None
        part = f".genes-{hashlib.md5(genes.read_bytes(), usedforsecurity=False).hexdigest()[:8]}" if learned else ""
        model = self.out / "models" / f"{self.name}{part}.{name}.safetensors"
        checkpoint = model.with_name(f".{model.name}.checkpoint")
        calibrated = job["needs_calibration"]
        published = "published" in registry.all_methods()[name].recipes
        recipe = options.recipe if published or options.recipe != "published" else "default"
        with self.caught("train", name, folder / "skipped.json") as failure:
            with self.step("train", model.with_suffix(".run.json"), folder / "skipped.json", name) as run:
                steps.train(
                    run,
                    self.reference,
                    model,
                    method=name,
                    bulk=self.bulk if job["needs_bulk"] else None,
                    calibration_bulk=row.calibration_bulk if calibrated else None,
                    calibration_unit=row.calibration_unit if calibrated else "auto",
                    calibration_fractions=row.calibration_fractions if calibrated else None,
                    orthologs=calibrated and row.orthologs,
                    prior=row.prior if job["needs_prior"] else "none",
                    gene_map=row.gene_map if calibrated else None,
                    malignant=[row.malignant] if job["needs_malignant"] and row.malignant else (),
                    **{job["takes"]: [Path(path) for path in job["published"]]} if job["published"] else {},
                    ontology=row.ontology,
                    genes=learned,
                    recipe=recipe,
                    settings=options.settings,
                    quick=options.quick,
                    checkpoint=checkpoint,
                    read=self.read,
                )
            checkpoint.unlink(missing_ok=True)  # the model stands
            with self.step("predict", folder / "run.json", folder / "skipped.json", name) as run:
                given = {"level": options.level, "mrna_per_cell": row.mrna_per_cell, "prior": row.prior}
                steps.predict(run, model, self.bulk, folder, **given)
        if failure:
            return failure[0]
        self.models[name] = model
        if options.explain and not job["control"]:
            self.further("explain", "attributions", ".tsv", name, model, plot=folder / "attributions.svg")
        if options.express and job["expresses"]:
            self.further("express", "expression", ".h5ad", name, model)
        if options.type_expression and not job["control"]:
            self.type_expression(name, model)
        return None

    def type_expression(self, name: str, model: Path) -> None:
        """Estimate the expression of the types from the fractions of a method."""
        tables = [self.out / name / f"{table}.tsv" for table in ("fractions_mrna", "fractions")]
        given = {"samples": self.options.samples, "contrasts": self.options.contrasts}
        given["fractions"] = next(path for path in tables if path.exists())  # the second is refused, with the reason
        self.further("express", "type_expression", ".h5ad", name, model, **given)

    def further(self, step: str, what: str, ending: str, name: str, model: Path, **given: Any) -> None:
        """Explain or express."""
        place = self.out / name / f"{what}{ending}"
        skipped = place.with_suffix(".skipped.json")
        with self.caught(step, name, skipped), self.step(step, place.with_suffix(".run.json"), skipped, name) as run:
            getattr(steps, step)(run, model, self.bulk, place, **given)

    def consensus(self, members: list[str]) -> bool:
        """Combine the fractions of methods; return whether that could be done."""
        folder = self.out / CONSENSUS
        tables = [self.out / name / "fractions_long.tsv" for name in sorted(members)]
        skipped = folder / "skipped.json"
        attempt = self.step("consensus", folder / "run.json", skipped)
        with self.caught("consensus", CONSENSUS, skipped) as failure, attempt as run:
            steps.consensus(run, tables, folder, level=self.options.level)
        if self.options.type_expression and not failure:
            self.type_expression(CONSENSUS, self.models[min(members)])  # all are of one reference
        return not failure

    def evaluate(self, name: str) -> None:
        """Compare the fractions of a method with the known ones."""
        out = self.out / name / "metrics.tsv"
        skipped, tables = out.with_suffix(".skipped.json"), {"long": "fractions_long.tsv", "pairs": "pairs.tsv"}
        attempt = self.step("evaluate", out.with_suffix(".run.json"), skipped, name)
        with self.caught("evaluate", name, skipped), attempt as run:
            given = {key: out.with_name(table) for key, table in tables.items()}
            fractions = out.with_name("fractions.tsv")
            steps.evaluate(run, fractions, self.row.truth, out, label_map=self.options.truth_map, **given)

    def lead(self, name: str) -> None:
        """Copy the tables of a method to the folder of the results; an input that stands there is not overwritten."""
        with self.step("run") as job:
            for field, path in start.files(self.row, self.options).items():
                job.input(field, path)
            for path in [*(self.out / name).glob("*.tsv"), self.out / name / "run.json"]:
                if path.name not in OF_THE_METHOD:
                    shutil.copyfile(path, job.output(self.out / path.name))

    def compare(self, name: str) -> None:
        """Compare the groups of the samples in the fractions of a method."""
        folder, options = self.out / name, self.options
        skipped = folder / "comparison.skipped.json"
        attempt = self.step("compare", folder / "comparison.run.json", skipped, name)
        with self.caught("compare", name, skipped), attempt as run:
            given = {"contrasts": options.contrasts, "level": options.level}
            steps.compare(run, folder / "fractions_long.tsv", options.samples, folder, **given)

    def report(self) -> None:
        """Write the page, where pages are asked for."""
        if not self.machine.pages:
            return
        page, options = self.out / "report.html", self.options
        with self.step("report") as run:
            pdf = page.with_suffix(".pdf") if options.pdf else None
            steps.report(run, self.out, page, title=options.title, pdf=pdf, tables=self.out)

    @contextlib.contextmanager
    def caught(self, step: str, name: str, skipped: Path) -> Iterator[list[UnmixError]]:
        """Let what follows fail alone; the list that is yielded then holds the reason.

        A full disk ends the run. A fault of the program is shown in full, and stands in the record as one.
        """
        failure: list[UnmixError] = []
        try:
            yield failure
        except OutputError:
            raise
        except UnmixError as error:
            failure.append(error)
        except Exception as error:
            if refused(error):
                raise
            traceback.print_exc(file=sys.stderr)
            bug = UnmixError(f"a fault of the program: {error!r}", "", "please report it with the lines on stderr")
            with self.step(step) as job:
                job.facts["method"] = {"name": name}
                job.skip(bug, skipped)
            failure.append(bug)
        if failure:
            how = "skipped" if isinstance(failure[0], NotApplicable) else "failed"
            what = name if step in ("train", CONSENSUS) else f"{step} of {name}"
            self.machine.say(f"{what} {how}: {failure[0].found.removesuffix('.')}. Do: {failure[0].do}")
