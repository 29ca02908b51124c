"""The steps that use models: predict, consensus, explain and express."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unmix.contract.model import Model
    from unmix.pipeline.record import Run


def predict(
    run: Run,
    model: Path,
    bulk: Path,
    out_dir: Path,
    *,
    also: Sequence[Path] = (),
    unit: str = "auto",
    level: float = 0.9,
    mrna_per_cell: str = "auto",
    prior: str = "none",
    orthologs: bool = False,
    gene_map: Path | None = None,
) -> None:
    """Estimate the fractions of a bulk, with intervals, and write their tables."""
    from unmix import engine
    from unmix.contract.model import Model
    from unmix.engine import alignment, answer
    from unmix.engine import mrna_per_cell as sources
    from unmix.engine.prior import WORDS, read_prior
    from unmix.engine.reading import checked_for
    from unmix.evaluation.fit import fit
    from unmix.io.fractions import write_fractions

    if mrna_per_cell not in sources.SOURCES:
        run.input("mrna_per_cell", Path(mrna_per_cell))
    if prior not in WORDS:
        run.input("prior", Path(prior))
    source, declared = sources.read_source(mrna_per_cell), read_prior(prior)
    trained = _model_and_bulk(run, model, bulk, gene_map)
    run.facts["method"], run.facts["recipe"] = engine.literature(trained.method), trained.recipe
    run.facts["model"] = {name: fact for name, fact in trained.facts.items() if name != "reference_genes"}
    run.facts["level"] = level
    for number, path in enumerate(also):
        run.input(f"also_{number}", path)
    models = [trained, *map(Model.load, also)]
    samples = checked_for(models, bulk, unit, run.say, orthologs=orthologs, gene_map=gene_map)
    given = {"level": level, "device": run.device, "mrna_per_cell": source, "prior": declared, "say": run.say}
    fractions = answer.predict(models, samples, **given)
    run.facts |= {"mrna_per_cell": fractions.mrna_per_cell, "levels": fractions.levels.model_dump()}
    run.facts["prior"] = fractions.prior
    run.facts["unexpressed"] = fractions.unknown_content
    run.facts["transductive"] = bool(also) or alignment.transductive(trained)
    if not also:  # several references have several profiles
        fractions = replace(fractions, tables=fractions.tables | fit(trained, samples, fractions))
    write_fractions(fractions, lambda name: run.output(out_dir / name))


def consensus(run: Run, fractions_long: Sequence[Path], out_dir: Path, *, level: float = 0.9) -> None:
    """Combine the fractions of several methods, and write the tables of the consensus."""
    from unmix import methods
    from unmix.engine.consensus import consensus, record
    from unmix.io.fractions import write_fractions
    from unmix.io.long_tables import BESIDE, read_estimates

    members, records = zip(*map(read_estimates, fractions_long), strict=True)
    for member, path in zip(members, fractions_long, strict=True):
        run.input(member.method, path)
        for name in BESIDE:
            run.input(f"{member.method} {name}", path.with_name(name))
    run.facts |= record(members, records, methods.PANEL)
    fractions = consensus(members, level=level, say=run.say)
    run.facts |= {"level": fractions.level, "mrna_per_cell": fractions.mrna_per_cell, "prior": fractions.prior}
    run.facts["levels"] = fractions.levels.model_dump()
    write_fractions(fractions, lambda name: run.output(out_dir / name))


def explain(
    run: Run,
    model: Path,
    bulk: Path,
    out: Path,
    *,
    unit: str = "auto",
    top: int = 25,
    gene_sets: Path | None = None,
    orthologs: bool = False,
    gene_map: Path | None = None,
    plot: Path | None = None,
) -> None:
    """Attribute fractions to genes, and write the strongest."""
    from unmix import engine
    from unmix.engine import explanation
    from unmix.engine.reading import checked_for
    from unmix.io import tables

    run.input("gene_sets", gene_sets)
    trained = _model_and_bulk(run, model, bulk, gene_map)
    run.facts["method"] = engine.literature(trained.method)
    samples = checked_for([trained], bulk, unit, run.say, orthologs=orthologs, gene_map=gene_map)
    found = explanation.strongest(trained, samples, top, device=run.device, say=run.say)
    tables.write_table(found.rows.set_index("sample"), run.output(out), "sample")
    if gene_sets:
        enriched = explanation.gene_sets(found.mean, trained, gene_sets, run.seed)
        beside = out.with_suffix(".gene_sets.tsv")
        tables.write_table(enriched.set_index("cell_type"), run.output(beside), "cell_type")
    if plot:
        explanation.draw(found.rows, run.output(plot))
    run.facts["largest_error_of_the_sums"] = found.error


def express(
    run: Run,
    model: Path,
    bulk: Path,
    out: Path,
    *,
    unit: str = "auto",
    orthologs: bool = False,
    gene_map: Path | None = None,
    fractions: Path | None = None,
    samples: Path | None = None,
    contrasts: Path | None = None,
    condition: str | None = None,
    reference: str | None = None,
) -> None:
    """Estimate the expression of every cell type, by the method of the model or from given fractions, and write it."""
    from unmix import engine
    from unmix.comparison.expression import check_questions, from_fractions
    from unmix.engine.expression import express
    from unmix.engine.reading import checked_for
    from unmix.io import tables

    check_questions(fractions, samples, contrasts, condition, reference)
    trained = _model_and_bulk(run, model, bulk, gene_map)
    named = {"orthologs": orthologs, "gene_map": gene_map}
    if not fractions:
        run.facts["method"], run.facts["recipe"] = engine.literature(trained.method), trained.recipe
        checked = checked_for([trained], bulk, unit, run.say, **named)
        found = express(trained, checked, device=run.device, say=run.say)
        run.facts["transductive"] = bool(found.data.uns["unmix"]["transductive"])
        found.write(run.output(out))
        return
    for name, path in {"fractions": fractions, "samples": samples, "contrasts": contrasts}.items():
        run.input(name, path)
    asked = {"samples": samples, "contrasts": contrasts, "condition": condition, "reference": reference}
    given = from_fractions(trained, bulk, fractions, unit=unit, seed=run.seed, say=run.say, **asked, **named)
    given.expression.write(run.output(out))
    for name, rows, index in (("groups", given.groups, "group"), ("differential", given.differential, "contrast")):
        if rows is not None:
            tables.write_table(rows.set_index(index), run.output(out.with_suffix(f".{name}.tsv")), index)


def _model_and_bulk(run: Run, model: Path, bulk: Path, gene_map: Path | None) -> Model:
    """Return a model; it, the bulk and the map of genes are inputs of the step."""
    from unmix.contract.model import Model

    run.input("model", model)
    run.input("bulk", bulk)
    run.input("gene_map", gene_map)
    return Model.load(model)
