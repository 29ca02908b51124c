"""The steps before a training: reference and check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unmix.pipeline.record import Run


def reference(
    run: Run,
    inputs: Sequence[Path],
    out: Path,
    *,
    label_map: Path | None = None,
    report: Path | None = None,
    cells: Path | None = None,
    cell_type_tree: str = "auto",
    gene_map: Path | None = None,
    keep: Sequence[str] = (),
    **settings: Any,
) -> None:
    """Prepare a reference (`settings` of :func:`unmix.reference.prepare.prepare_reference`), and describe its cells."""
    from unmix.io.tables import read_label_map
    from unmix.reference import selection, single_cells
    from unmix.reference.prepare import prepare_reference

    for number, path in enumerate(inputs, start=1):
        for place, file in enumerate(single_cells.files(path) if path.exists() else ()):
            run.input(f"input {number}{f' {file.name}' if place else ''}", file)
    run.input("label map", label_map)
    run.input("cells", cells)
    run.input("gene map", gene_map)
    run.input("cell type tree", Path(cell_type_tree))
    settings |= {
        "cell_type_tree": cell_type_tree,
        "label_map": read_label_map(label_map) if label_map else None,
        "cells": cells,
        "gene_map": gene_map,
        "keep": selection.parse(keep),
    }
    prepared = prepare_reference(inputs, seed=run.seed, progress=run.progress, **settings)
    for sentence in prepared.uns["unmix"]["messages"]:
        run.say(sentence)
    run.facts = {"counts": prepared.uns["unmix"]["counts"], "shape": prepared.shape}
    prepared.write_h5ad(run.output(out))
    if report and (prepared.uns["unmix"]["kind"] == "profiles" or prepared.obs["cell_type"].nunique() < 2):
        run.say("No report: it needs single cells of two types or more.")
    elif report:
        from unmix.report import reference as page

        html, table = page.describe(prepared, out.stem, run.seed)
        run.output(report).write_text(html, encoding="utf-8")
        table.to_csv(run.output(report.with_suffix(".tsv")), sep="\t", float_format="%.6g", lineterminator="\n")


def check(
    run: Run,
    bulk: Path,
    out_dir: Path,
    *,
    reference: Path | None = None,
    unit: str = "auto",
    species: str = "auto",
    orthologs: bool = False,
    gene_map: Path | None = None,
) -> None:
    """Check a bulk, and write it as the other steps read it, with all findings."""
    import pandas as pd

    from unmix.io import check as doctor
    from unmix.io import tables

    run.input("bulk", bulk)
    run.input("reference", reference)
    run.input("gene map", gene_map)
    genes = prepared = None
    if reference:
        from unmix.reference.prepare import read_reference

        prepared = read_reference(reference)
        genes = prepared.var
    data, findings = doctor.examine(bulk, unit, genes, species, orthologs, gene_map)
    for finding in findings:
        run.say(f"{finding.level}: {finding.sentence}")
    run.facts = {"unit": data.uns["unmix"]["unit"], "log": data.uns["unmix"]["log"], "shape": data.shape}
    data.write_h5ad(run.output(out_dir / "bulk.h5ad"))
    if genes is not None and (shared := doctor.few_shared(data.var_names, genes)):
        run.output(out_dir / "shared_genes.txt").write_text("\n".join(shared) + "\n", encoding="utf-8")
    table = pd.DataFrame(findings).set_index("level")
    tables.write_table(table, run.output(out_dir / "check.tsv"), "level")
    tables.write_table(data.obs, run.output(out_dir / "quality.tsv"), "sample")
    if prepared is not None:
        from unmix.evaluation.marker_signal import marker_signal

        signal, run.facts["markers"] = marker_signal(data, prepared)
        tables.write_table(signal.set_index("sample"), run.output(out_dir / "marker_signal.tsv"), "sample")
