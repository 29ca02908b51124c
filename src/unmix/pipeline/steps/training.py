"""The step train."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from unmix.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import anndata as ad

    from unmix.pipeline.record import Run


def train(
    run: Run,
    reference: Path,
    out: Path,
    *,
    method: str,
    bulk: Path | None = None,
    unit: str = "auto",
    calibration_bulk: Path | None = None,
    calibration_unit: str = "auto",
    calibration_fractions: Path | None = None,
    malignant: Sequence[str] = (),
    prior: str = "none",
    signature: Sequence[Path] = (),
    gene_sets: Sequence[Path] = (),
    pretrained: Sequence[Path] = (),
    orthologs: bool = False,
    gene_map: Path | None = None,
    ontology: Path | None = None,
    genes: Path | Sequence[str] | None = None,
    recipe: str = "default",
    settings: Sequence[str] = (),
    quick: bool = False,
    checkpoint: Path | None = None,
    read: Callable[[Path], ad.AnnData] | None = None,
) -> None:
    """Train a method and write the model; `read` reads the reference (where several methods share it).

    `genes` are the genes to learn from: a file of them, or their names.
    """
    from unmix import engine
    from unmix import methods as registry
    from unmix import settings as settings_of
    from unmix.engine.prior import WORDS, read_prior
    from unmix.engine.reading import checked, read_calibration
    from unmix.io import text
    from unmix.reference.prepare import read_reference

    run.facts["method"] = engine.literature(method)
    if (calibration_bulk is None) != (calibration_fractions is None):
        raise UsageError(
            "one of --calibration-bulk and --calibration-fractions",
            "both: the samples and their known fractions",
            "add the other, or remove this one",
        )
    published = {"signature": signature, "gene_sets": gene_sets, "pretrained": pretrained}
    files = {
        "reference": reference,
        "bulk": bulk,
        "calibration_bulk": calibration_bulk,
        "calibration_fractions": calibration_fractions,
        "gene_map": gene_map,
        "ontology": ontology,
        "genes": genes if isinstance(genes, Path) else None,
        "recipe": Path(recipe) if recipe.endswith(".json") else None,
        **{f"{sort}_{number}": path for sort, given in published.items() for number, path in enumerate(given)},
    }
    for name, path in files.items():
        run.input(name, path)
    if prior not in WORDS:
        run.input("prior", Path(prior))
    if checkpoint is not None:
        run.refuse_inputs(checkpoint)
        if checkpoint.resolve() == out.resolve():
            raise UsageError(f"--checkpoint and --out are both {out}", "two files", "give another --checkpoint")
    declared = read_prior(prior)
    chosen = settings_of.read(Path(recipe)) if recipe.endswith(".json") else recipe
    engine.resolve(registry.get(method), chosen, settings, quick=quick)  # refused before a long file is read
    cells = (read or read_reference)(reference)
    known_genes, types = list(cells.var_names), cells.obs["cell_type"].astype(str).unique()
    matched = {"genes": known_genes, "orthologs": orthologs, "gene_map": gene_map}
    names = [name.strip() for name in text.lines(genes, [])] if isinstance(genes, Path) else genes
    calibration = None
    if calibration_bulk is not None:
        samples = {"bulk": calibration_bulk, "fractions": calibration_fractions, "unit": calibration_unit}
        calibration = read_calibration(**samples, **matched, say=lambda said: run.say(f"Calibration: {said}"))
    model = engine.train(
        method,
        cells,
        bulk=None if bulk is None else checked(bulk, unit, **matched, say=run.say),
        calibration=calibration,
        malignant=text.split_names(malignant, types),
        prior=declared,
        **published,
        ontology=ontology,
        genes=names,
        recipe=chosen,
        settings=settings,
        quick=quick,
        seed=run.seed,
        device=run.device,
        checkpoint=checkpoint,
        say=run.say,
        progress=run.progress,
    )
    model.facts["inputs"] = run.fingerprints()
    run.facts |= {name: model.facts[name] for name in ("recipe_name", "settings")} | {"recipe": model.recipe}
    model.save(run.output(out))
