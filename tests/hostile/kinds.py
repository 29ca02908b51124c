"""Files that a stranger can give, good ones of every kind, and what reads them as a step would."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import anndata
import numpy as np
import pandas as pd
import scipy.io
from tests.hostile import forks
from tests.hostile.changes import (
    change_any,
    change_bytes,
    change_h5ad,
    change_json,
    change_model,
    change_text,
    change_values,
    pick,
)

from unmix import comparison, engine, methods, report, settings, toy
from unmix.contract.model import Model
from unmix.engine import answer, consensus, explanation, expression, mrna_per_cell
from unmix.engine.prior import read_prior
from unmix.evaluation import pairing
from unmix.io import check, fractions, gene_sets, long_tables, ontology, pretrained, signatures, tables, text
from unmix.io.truth import read_truth
from unmix.pipeline import jobs, parameters, samplesheet, start
from unmix.reference import Reference
from unmix.reference.prepare import prepare_reference, read_reference
from unmix.simulate.pseudobulk import Simulator
from unmix.simulate.recipe import Simulation

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
STEPS = ("train.steps=2", "train.validate_every=2")
#: Methods whose models are mutated: every way of holding arrays.
MODELS = (
    "nnls",
    "epic",
    "bisque",
    "rnasieve",
    "mcpcounter",
    "random",
    "reference_mean",
    "scaden",
    "convdeconv",
    "tape",
)


def make_files(folder: Path, names: tuple[str, ...] = MODELS) -> None:
    """Write the good files of every kind."""
    reference, bulk = toy(genes=80, cells_per_type=4, donors=3, samples=6)
    table = bulk[:, :70].to_df().T.astype(int)
    tables.write_table(table, folder / "bulk.tsv", "gene")
    reference.write_h5ad(folder / "reference.h5ad")
    bulk.write_h5ad(folder / "pseudobulk.h5ad")
    checked = check.read_bulk(folder / "bulk.tsv")
    checked.write_h5ad(folder / "bulk.h5ad")
    raw = anndata.AnnData(
        reference.X.copy(), reference.obs.copy(), reference.var.copy(), layers={"counts": reference.X}
    )
    raw.raw = raw.copy()
    raw.write_h5ad(folder / "cells.h5ad")
    profiles = pd.DataFrame(
        Reference.from_anndata(reference).profiles() * 1e6, sorted(reference.obs["cell_type"].unique())
    )
    profiles.columns = reference.var_names
    tables.write_table(profiles.T, folder / "signature.tsv", "gene")
    tables.write_table(bulk.obsm["cell_fractions"], folder / "truth.tsv", "sample")
    label_map = pd.DataFrame({"to": ["B", "T", "T", "M", "", "g"]}, pd.Index(profiles.index))
    tables.write_table(label_map, folder / "labels.tsv", "from")
    sets = "".join(
        f"{name}\tx\t{chr(9).join(reference.var_names[i * 8 : i * 8 + 8])}\n" for i, name in enumerate("abcd")
    )
    (folder / "sets.gmt").write_text(sets)
    for name in names:
        method = methods.get(name)
        deep = method.info.family == "deep"
        options = {"bulk": bulk} if method.needs.bulk else {}
        model = engine.train(name, reference, settings=STEPS if deep else (), quick=True, device="cpu", **options)
        model.save(folder / f"{name}.safetensors")
    _make_states(folder, reference)
    _make_results(folder)
    _make_tables_of_others(folder, reference, table)
    _make_networks(folder)
    _make_groups(folder, list(bulk.obs_names), list(profiles.index))
    (folder / "sheet.csv").write_text(
        "id,bulk,reference,truth,unit\na,bulk.tsv,r.h5ad,t.tsv,counts\nb,b.tsv,r.h5ad,,auto\n"
    )
    params = {"input": "sheet.csv", "outdir": "results", "methods": "nnls,scaden", "seed": 1, "level": 0.9}
    (folder / "params.json").write_text(json.dumps(params))
    (folder / "recipe.json").write_text(json.dumps(settings.asdict(methods.get("scaden").recipes["default"])))


def _make_states(folder: Path, reference: anndata.AnnData) -> None:
    """Write a model of cell states."""
    cells = reference.copy()
    cells.obs["cell_state"] = cells.obs["cell_type"].astype(str)
    cells.obs["cell_type"] = cells.obs["cell_state"].where(~cells.obs["cell_state"].str.contains("T"), "T cell")
    engine.train("nnls", cells, quick=True, device="cpu").save(folder / "states.safetensors")


def _make_results(folder: Path) -> None:
    """Write a folder of results as the pipeline lays it out, and one of a single method."""
    bulk, whole = folder / "bulk.h5ad", folder / "whole"
    commands = [("predict", folder / "nnls.safetensors", bulk, "--out-dir", folder / "results")]
    commands += [
        ("predict", folder / f"{name}.safetensors", bulk, "--out-dir", whole / name) for name in ("nnls", "epic")
    ]
    long = [whole / name / "fractions_long.tsv" for name in ("nnls", "epic")]
    commands.append(("consensus", *long, "--out-dir", whole / "consensus"))
    commands.append(("check", folder / "bulk.tsv", "--out-dir", whole / "check"))
    out = ("--pairs", whole / "nnls" / "pairs.tsv", "--out", whole / "nnls" / "metrics.tsv")
    commands.append(("evaluate", whole / "nnls" / "fractions.tsv", folder / "truth.tsv", *out))
    for command in commands:
        code, said = forks.run(*command)
        assert code == 0, said
    skipped = ("--skipped", whole / "daism" / "skipped.json", "--out", folder / "none.safetensors")
    code, said = forks.run("train", folder / "reference.h5ad", "--method", "daism", *skipped)
    assert code == 99, said


def _make_tables_of_others(folder: Path, reference: anndata.AnnData, table: pd.DataFrame) -> None:
    """Write what other programs export, and tables that name genes, cells and mRNA."""
    types = sorted(reference.obs["cell_type"].unique())
    sizes = pd.DataFrame({"mrna": np.linspace(0.5, 2, len(types))}, pd.Index(types))
    tables.write_table(sizes, folder / "mrna.tsv", "cell_type")
    names = pd.DataFrame({"gene": table.index}, pd.Index([f"probe{number}" for number in range(len(table))]))
    tables.write_table(names, folder / "gene_map.tsv", "name")
    tables.write_table(table.set_axis(names.index), folder / "probes.tsv", "probe")
    tables.write_table(reference.obs[["cell_type", "donor"]].astype(str), folder / "cells.tsv", "cell")
    (folder / "genes.txt").write_text("\n".join(table.index[:60]) + "\n")
    lines = _lines(table)
    gct = ["#1.2", f"{len(table)}\t{table.shape[1]}", "Name\tDescription" + lines[0][len("gene") :]]
    gct += ["\t".join((name, "x", *rest)) for name, *rest in (line.split("\t") for line in lines[1:])]
    (folder / "bulk.gct").write_text("\n".join(gct) + "\n")
    series = ['!Series_title\t"x"', '!Sample_title\t"s"', "!series_matrix_table_begin"]
    (folder / "matrix.txt").write_text("\n".join([*series, *lines, "!series_matrix_table_end"]) + "\n")
    cells = pd.DataFrame(reference.X.toarray().astype(int), reference.obs_names, reference.var_names)
    (folder / "x_counts.txt").write_text("\n".join(_lines(cells)) + "\n")
    (folder / "x_celltypes.txt").write_text("\n".join(["Celltype", *reference.obs["cell_type"]]) + "\n")
    sparse = folder / "10x"
    sparse.mkdir()
    scipy.io.mmwrite(sparse / "matrix.mtx", reference.X.T.astype(int))
    (sparse / "barcodes.tsv").write_text("\n".join(reference.obs_names) + "\n")
    rows = [f"ENSG{number:011d}\t{name}\tGene Expression" for number, name in enumerate(reference.var_names)]
    (sparse / "features.tsv").write_text("\n".join(rows) + "\n")
    stanzas = [f"[Term]\nid: X:{number}\nname: {name}\nis_a: X:0" for number, name in enumerate(["root", *types])]
    stanzas[0] = stanzas[0].removesuffix("\nis_a: X:0")
    (folder / "types.obo").write_text("format-version: 1.2\n\n" + "\n\n".join(stanzas) + "\n")


def _make_groups(folder: Path, samples: list[str], types: list[str]) -> None:
    """Write tables of samples, contrasts, a prior and a tree of cell types, and results with levels and groups."""
    table = pd.DataFrame(
        {"condition": ["a", "b"] * 3, "age": [31, 45, 52, 28, 60, 47], "donor": list("xxyyzz")}, samples
    )
    tables.write_table(
        table.assign(time=[3.5, 2, 8, 4, 6, 1], event=[1, 0, 1, 1, 0, 1]), folder / "samples.tsv", "sample"
    )
    (folder / "contrasts.csv").write_text("id,variable,reference,target,blocking\nb_a,condition,a,b,donor\n")
    prior = pd.DataFrame({"fraction": np.linspace(0.1, 0.3, len(types)), "sd": 0.2}, pd.Index(types))
    tables.write_table(prior, folder / "prior.tsv", "cell_type")
    tree = pd.DataFrame({"broad": ["T" if "T" in one else one for one in types]}, pd.Index(types))
    tables.write_table(tree, folder / "tree.tsv", "cell_type")
    cells, model = folder / "levels.h5ad", folder / "levels.safetensors"
    keys = ("--cell-type-key", "cell_type", "--donor-key", "donor", "--preset", "none")
    out = folder / "grouped" / "nnls"
    for command in (
        ("reference", folder / "cells.h5ad", *keys, "--cell-type-tree", folder / "tree.tsv", "--out", cells),
        ("train", cells, "--method", "nnls", "--out", model),
        ("predict", model, folder / "bulk.h5ad", "--out-dir", out),
        ("compare", out / "fractions_long.tsv", "--samples", folder / "samples.tsv", "--draws", 3, "--out-dir", out),
    ):
        code, said = forks.run(*command)
        assert code == 0, said


def _lines(table: pd.DataFrame) -> list[str]:
    return table.to_csv(sep="\t", index_label="gene").splitlines()


def _make_networks(folder: Path) -> None:
    """Write weights in the formats of other authors, and the checkpoint of a training."""
    import torch
    from safetensors.numpy import save_file

    net = torch.nn.Sequential()
    net.add_module("fc1", torch.nn.Linear(5, 4))
    net.add_module("fc2", torch.nn.Linear(4, 1))
    torch.save(net, folder / "net.pt")
    torch.save(net.state_dict(), folder / "state.pth")
    arrays = {name: value.detach().numpy() for name, value in net.state_dict().items()}
    np.savez(folder / "net.npz", **arrays)
    save_file(arrays, folder / "net.safetensors")
    (folder / "lengths.csv").write_text("gene,length\n" + "".join(f"G{number},1000\n" for number in range(5)))
    reference = read_reference(folder / "reference.h5ad")
    engine.train("scaden", reference, settings=STEPS, quick=True, device="cpu", checkpoint=folder / "scaden.checkpoint")


def _read_model(path: Path, folder: Path, rng: np.random.Generator) -> None:
    model = Model.load(path)
    bulk = check.read_bulk(folder / "bulk.h5ad", "auto", model.genes or None)
    if rng.random() < 0.6:
        found = engine.predict(model, bulk, device="cpu")
        assert np.isfinite(found.values.to_numpy()).all()
        if found.quantity != "score":
            assert np.allclose(found.values.sum(axis=1), 1)
    elif rng.random() < 0.7:
        explanation.table(explanation.explain(model, bulk), model, bulk, 3)
    else:
        expression.express(model, bulk, device="cpu").in_memory()


def _read_reference(path: Path, folder: Path, rng: np.random.Generator) -> None:
    cells = Reference.from_anndata(read_reference(path))
    drawn = Simulator(cells, Simulation(cells=20), rng).draw(2, rng)
    assert np.isfinite(cells.profiles()).all()
    assert np.isfinite(drawn.expression).all()


def _read_cells(path: Path, folder: Path, rng: np.random.Generator) -> None:
    prepare_reference([path], "cell_type", "donor", preset=pick(rng, ["none", "standard"]))


def _read_bulk(path: Path, folder: Path, rng: np.random.Generator) -> None:
    genes = read_reference(folder / "reference.h5ad").var if rng.random() < 0.5 else None
    data = check.read_bulk(path, pick(rng, ["auto", "counts"]), genes)
    assert np.isfinite(data.X).all()
    data.write_h5ad(path.with_name("out.h5ad"))


def _read_truth(path: Path, folder: Path, rng: np.random.Generator) -> None:
    known = read_truth(path)
    estimate, found = fractions.read_fractions(folder / "truth.tsv")
    pairing.pair(estimate, known, quantity=found).metrics(np.random.default_rng(0))


def _read_results(path: Path, folder: Path, rng: np.random.Generator) -> None:
    results = path.parent / "results"
    shutil.copytree(folder / "results", results)
    shutil.copy(path, results / path.name)
    long = long_tables.read_intervals(results / "fractions_long.tsv")
    known = read_truth(folder / "truth.tsv")
    pairing.pair(fractions.read_fractions(results / "fractions.tsv")[0], known, long=long).long()
    report.render(report.read_results(results))


def _read_labels(path: Path, folder: Path, rng: np.random.Generator) -> None:
    prepare_reference(
        [folder / "cells.h5ad"], "cell_type", "donor", label_map=tables.read_label_map(path), preset="none"
    )


def _read_signature(path: Path, folder: Path, rng: np.random.Generator) -> None:
    signatures.check_name(path, "signature")
    own = signatures.signature_of([path], "own")
    assert np.isfinite(own.signature.to_numpy()).all()


def _read_sets(path: Path, folder: Path, rng: np.random.Generator) -> None:
    gene_sets.read_gmt(path)
    signatures.read([path])


def _read_sheet(path: Path, folder: Path, rng: np.random.Generator) -> None:
    schema = json.loads((ROOT / "assets" / "schema_input.json").read_text())
    rows = samplesheet.resolve(samplesheet.read(path, schema), str(folder), schema)
    known = methods.all_methods()
    samplesheet.write_json(jobs.jobs(rows, ["nnls", "scaden"], known), path.with_name("jobs.json"))


def _read_params(path: Path, folder: Path, rng: np.random.Generator) -> None:
    rules = json.loads((ROOT / "nextflow_schema.json").read_text())
    values = parameters.check_params(json.loads(path.read_text()), rules)
    parameters.check_methods(values["methods"], methods.all_methods())


def _read_recipe(path: Path, folder: Path, rng: np.random.Generator) -> None:
    engine.resolve(methods.get("scaden"), settings.read(path))


def _read_members(path: Path, folder: Path, rng: np.random.Generator) -> None:
    results = path.parent / "whole"
    shutil.copytree(folder / "whole", results)
    shutil.copy(path, results / "nnls" / path.name)
    given = [long_tables.read_estimates(results / name / "fractions_long.tsv") for name in ("nnls", "epic")]
    members, records = zip(*given, strict=True)
    json.dumps(consensus.record(members, records, methods.PANEL))
    found = consensus.consensus(members)
    _check_fractions(found)
    assert not ((found.lower > found.values + 1e-9) | (found.upper < found.values - 1e-9)).any(axis=None)
    fractions.write_fractions(found, lambda name: results / "consensus" / name)
    if rng.random() < 0.1:
        report.render(report.read_results(results))


def _check_fractions(found: fractions.Fractions) -> None:
    assert np.isfinite(found.values.to_numpy()).all()
    assert np.allclose(found.values.sum(axis=1), 1)


def _read_whole(path: Path, folder: Path, rng: np.random.Generator) -> None:
    results = path.parent / "whole"
    shutil.copytree(folder / "whole", results)
    places = {"check.tsv": "check", "skipped.json": "daism", "run.json": "consensus"}
    shutil.copy(path, results / places.get(path.name, "nnls") / path.name)
    report.render(report.read_results(results))


def _read_earlier(path: Path, folder: Path, rng: np.random.Generator) -> None:
    results = path.parent / "whole"
    shutil.copytree(folder / "whole", results)
    shutil.copy(path, results / ("daism" if path.name == "skipped.json" else "nnls") / path.name)
    start.make_room(results, ["nnls", "epic", "daism"])
    assert path.exists()


def _read_also(path: Path, folder: Path, rng: np.random.Generator) -> None:
    models = [Model.load(folder / path.name), Model.load(path)]
    genes = list(dict.fromkeys(gene for one in models for gene in one.genes))
    found = answer.predict(models, check.read_bulk(folder / "bulk.h5ad", "auto", genes), device="cpu")
    _check_fractions(found)
    fractions.write_fractions(found, path.with_name)


def _read_states(path: Path, folder: Path, rng: np.random.Generator) -> None:
    model = Model.load(path)
    found = answer.predict(model, check.read_bulk(folder / "bulk.h5ad", "auto", model.genes or None), device="cpu")
    _check_fractions(found)
    fractions.write_fractions(found, path.with_name)


def _read_mrna(path: Path, folder: Path, rng: np.random.Generator) -> None:
    source = mrna_per_cell.read_source(str(path))
    model = Model.load(folder / "nnls.safetensors")
    _check_fractions(answer.predict(model, check.read_bulk(folder / "bulk.h5ad"), device="cpu", mrna_per_cell=source))


def _read_gene_map(path: Path, folder: Path, rng: np.random.Generator) -> None:
    genes = read_reference(folder / "reference.h5ad").var
    assert np.isfinite(check.read_bulk(folder / "probes.tsv", "counts", genes, gene_map=path).X).all()


def _read_genes(path: Path, folder: Path, rng: np.random.Generator) -> None:
    reference = read_reference(folder / "reference.h5ad")
    engine.train("nnls", reference, genes=text.lines(path, []), quick=True, device="cpu")


def _read_cell_labels(path: Path, folder: Path, rng: np.random.Generator) -> None:
    prepare_reference([folder / "cells.h5ad"], "cell_type", "donor", cells=path, preset="none")


def _read_cell_table(path: Path, folder: Path, rng: np.random.Generator) -> None:
    for name in {"x_counts.txt", "x_celltypes.txt"} - {path.name}:
        shutil.copy(folder / name, path.with_name(name))
    prepare_reference([path.with_name("x_counts.txt")], "cell_type", preset="none")


def _read_10x(path: Path, folder: Path, rng: np.random.Generator) -> None:
    cells = path.parent / "10x"
    shutil.copytree(folder / "10x", cells)
    shutil.copy(path, cells / path.name)
    prepare_reference([cells], "cell_type", "donor", cells=folder / "cells.tsv", preset="none")


def _read_weights(path: Path, folder: Path, rng: np.random.Generator) -> None:
    pretrained.tensors_and_lengths([path, folder / ("net.npz" if path.name == "lengths.csv" else "lengths.csv")])
    if path.name != "lengths.csv":
        pretrained.layers(path, 1)


def _read_ontology(path: Path, folder: Path, rng: np.random.Generator) -> None:
    known, types = ontology.read_obo(path), ["B cell", "CD4+ T", "NK"]
    ontology.levels(known.parents, ontology.find(known, types, {}), types)


def _read_checkpoint(path: Path, folder: Path, rng: np.random.Generator) -> None:
    reference = read_reference(folder / "reference.h5ad")
    model = engine.train("scaden", reference, settings=STEPS, quick=True, device="cpu", checkpoint=path)
    good = Model.load(folder / "scaden.safetensors")
    assert all(np.array_equal(model.arrays[name], good.arrays[name]) for name in good.arrays)


def _read_groups(path: Path, folder: Path, rng: np.random.Generator) -> None:
    given = {name: folder / name for name in ("samples.tsv", "contrasts.csv")} | {path.name: path}
    contrasts = given["contrasts.csv"] if path.name == "contrasts.csv" or rng.random() < 0.5 else None
    _compare(folder / "grouped" / "nnls" / "fractions_long.tsv", given["samples.tsv"], contrasts, path.parent)


def _read_compared(path: Path, folder: Path, rng: np.random.Generator) -> None:
    results = path.parent / "grouped"
    shutil.copytree(folder / "grouped" / "nnls", results)
    shutil.copy(path, results / path.name)
    _compare(results / "fractions_long.tsv", folder / "samples.tsv", None, path.parent)


def _compare(fractions_long: Path, samples: Path, contrasts: Path | None, out: Path) -> None:
    found = comparison.compare(fractions_long, samples, contrasts, draws=3)
    comparison.write(found, lambda name: out / name)
    assert not np.isinf(found.effects.select_dtypes("number").to_numpy()).any()


def _read_grouped(path: Path, folder: Path, rng: np.random.Generator) -> None:
    results = path.parent / "grouped"
    shutil.copytree(folder / "grouped", results)
    shutil.copy(path, results / "nnls" / path.name)
    report.render(report.read_results(results))


def _read_prior(path: Path, folder: Path, rng: np.random.Generator) -> None:
    prior, model = read_prior(path), Model.load(folder / "nnls.safetensors")
    _check_fractions(answer.predict(model, check.read_bulk(folder / "bulk.h5ad"), device="cpu", prior=prior))


def _read_tree(path: Path, folder: Path, rng: np.random.Generator) -> None:
    prepare_reference([folder / "cells.h5ad"], "cell_type", "donor", preset="none", cell_type_tree=path)


def _read_profiles(path: Path, folder: Path, rng: np.random.Generator) -> None:
    prepare_reference([path], "cell_type", kind="profiles", preset="none", unit=pick(rng, ["auto", "tpm"]))


#: Kind: names of the files, what changes them, what reads them.
KINDS: dict[str, tuple[tuple[str, ...], Callable, Callable]] = {
    "model": (tuple(f"{name}.safetensors" for name in MODELS), change_model, _read_model),
    "prepared reference": (("reference.h5ad",), change_h5ad, _read_reference),
    "single cells": (("cells.h5ad",), change_h5ad, _read_cells),
    "bulk h5ad": (("bulk.h5ad", "pseudobulk.h5ad"), change_h5ad, _read_bulk),
    "known fractions h5ad": (("pseudobulk.h5ad",), change_h5ad, _read_truth),
    "bulk table": (("bulk.tsv",), change_text, _read_bulk),
    "known fractions": (("truth.tsv",), change_text, _read_truth),
    "results": (("results/fractions_long.tsv", "results/fractions.tsv"), change_text, _read_results),
    "run record": (("results/run.json",), change_json, _read_results),
    "label map": (("labels.tsv",), change_text, _read_labels),
    "signature": (("signature.tsv",), change_text, _read_signature),
    "gene sets": (("sets.gmt",), change_text, _read_sets),
    "samplesheet": (("sheet.csv",), change_text, _read_sheet),
    "parameters": (("params.json",), change_values, _read_params),
    "recipe": (("recipe.json",), change_json, _read_recipe),
    "member of a consensus": (
        ("whole/nnls/fractions_long.tsv", "whole/nnls/held_out.tsv", "whole/nnls/run.json"),
        change_any,
        _read_members,
    ),
    "tables of a report": (
        (
            *("whole/check/check.tsv", "whole/nnls/metrics.tsv", "whole/nnls/pairs.tsv", "whole/daism/skipped.json"),
            *("whole/nnls/metrics.run.json", "whole/consensus/run.json"),
        ),
        change_any,
        _read_whole,
    ),
    "further model": (("epic.safetensors", "scaden.safetensors", "states.safetensors"), change_model, _read_also),
    "model of states": (("states.safetensors",), change_model, _read_states),
    "mRNA per cell": (("mrna.tsv",), change_text, _read_mrna),
    "gene map": (("gene_map.tsv",), change_text, _read_gene_map),
    "genes": (("genes.txt",), change_text, _read_genes),
    "labels of cells": (("cells.tsv",), change_text, _read_cell_labels),
    "exported bulk": (("bulk.gct", "matrix.txt"), change_text, _read_bulk),
    "cells in text": (("x_counts.txt", "x_celltypes.txt"), change_text, _read_cell_table),
    "10x folder": (("10x/matrix.mtx", "10x/features.tsv", "10x/barcodes.tsv"), change_text, _read_10x),
    "published network": (
        ("net.pt", "state.pth", "net.npz", "net.safetensors", "lengths.csv"),
        change_any,
        _read_weights,
    ),
    "ontology": (("types.obo",), change_text, _read_ontology),
    "results of an earlier run": (
        ("whole/nnls/run.json", "whole/nnls/metrics.run.json", "whole/daism/skipped.json"),
        change_json,
        _read_earlier,
    ),
    "samples and contrasts": (("samples.tsv", "contrasts.csv"), change_text, _read_groups),
    "compared fractions": (
        ("grouped/nnls/fractions_long.tsv", "grouped/nnls/levels.tsv", "grouped/nnls/run.json"),
        change_any,
        _read_compared,
    ),
    "groups of a report": (
        tuple(f"grouped/nnls/{name}" for name in ("effects.tsv", "groups.tsv", "survival.tsv", "comparison.run.json")),
        change_any,
        _read_grouped,
    ),
    "prior": (("prior.tsv",), change_text, _read_prior),
    "tree of cell types": (("tree.tsv",), change_text, _read_tree),
    "profiles": (("signature.tsv",), change_text, _read_profiles),
    "checkpoint": (("scaden.checkpoint",), change_bytes, _read_checkpoint),
}
