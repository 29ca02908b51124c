"""The steps that show estimates: evaluate, compare and report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unmix.errors import UnmixError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from unmix.pipeline.record import Run


def evaluate(
    run: Run,
    fractions: Path,
    truth: Path,
    out: Path,
    *,
    label_map: Path | None = None,
    long: Path | None = None,
    quantity: str | None = None,
    renormalise: bool = True,
    pairs: Path | None = None,
) -> None:
    """Compare estimated with known fractions, and write metrics and pairs."""
    import numpy as np

    from unmix.evaluation import known, pairing
    from unmix.io import tables

    for name, path in {"fractions": fractions, "truth": truth, "label_map": label_map, "long": long}.items():
        run.input(name, path)
    compared = known.paired(
        fractions, truth, long=long, label_map=label_map, quantity=quantity, renormalise=renormalise, say=run.say
    )
    table = compared.metrics(np.random.default_rng(run.seed))
    run.facts["evaluation"] = {"quantity": compared.quantity, "renormalised": renormalise, "notes": compared.notes}
    tables.write_table(table.set_index("level"), run.output(out), index_label="level")
    if pairs:
        tables.write_table(compared.long().set_index("sample"), run.output(pairs), index_label="sample")
    run.say(pairing.summary(table))


def compare(
    run: Run,
    fractions: Path,
    samples: Path,
    out_dir: Path,
    *,
    contrasts: Path | None = None,
    **options: Any,
) -> None:
    """Compare the composition of samples (:func:`unmix.comparison.compare`), and write its tables."""
    from unmix.comparison import compare, write

    for name, path in {"fractions": fractions, "samples": samples, "contrasts": contrasts}.items():
        run.input(name, path)
    found = compare(fractions, samples, contrasts, seed=run.seed, say=run.say, **options)
    run.facts["comparison"] = found.facts
    write(found, lambda name: run.output(out_dir / name))


def report(
    run: Run,
    results_dir: Path,
    out: Path,
    *,
    title: str = "",
    headline: str | None = None,
    pdf: Path | None = None,
    tables: Path | None = None,
) -> None:
    """Write the page of a folder of results, the tables beside it, and the page as PDF; the page needs neither."""
    from unmix import report as pages
    from unmix.io.outputs import standing
    from unmix.report.beside import FILES, write_beside

    for path in [*standing(results_dir, "**/*.tsv"), *standing(results_dir, "**/*.json")]:
        if path.name not in FILES:
            run.keep(f"table {path.name}", path)
    results = pages.read_results(results_dir, headline)
    page = pages.render(results, title)
    run.output(out).write_text(page, encoding="utf-8")
    if tables:
        write_beside(results, title, lambda name: run.output(tables / name))
    if pdf:
        from unmix.report.pdf import as_pdf

        run.commit(None)
        try:
            printed = as_pdf(page)
        except UnmixError as error:
            run.say(f"No PDF: {error.found}. {error.do}.")
        else:
            run.output(pdf).write_bytes(printed)


def index(run: Run, summary: Path, reports: Sequence[Path], out: Path, *, request: Path | None = None) -> None:
    """Write the page that lists the rows of a run; `reports` are ``<id>.json`` (docs/data_contracts.md)."""
    import json

    from unmix.io import records
    from unmix.io.long_tables import read_long
    from unmix.report.index import index

    run.input("summary", summary)
    table = read_long(summary, ("id", "method", "status", "step", "found", "do"))
    facts = {path.name.removesuffix(".json"): json.loads(path.read_text(encoding="utf-8")) for path in reports}
    asked = records.read(request) if request else {}
    run.output(out).write_text(index(table, facts, asked), encoding="utf-8")
