"""Mutations of every file that a stranger can give, and what becomes of them.

A case is made of a kind, a number (its seed) and the good files of :func:`make_files`: a copy of one of them is
changed, and the library reads it as a step would. A case ends ``ok``, ``refused`` (a sentence) or, which must not be,
with the name of another exception. Cases run in forked processes, so that one that dies is counted and not the end.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import tempfile
import traceback
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anndata
import h5py
import numpy as np
import pandas as pd
from tests.hostile import forks

from unmix import engine, methods, report, settings, toy
from unmix.contract.model import Model
from unmix.engine import explanation, expression
from unmix.errors import UnmixError
from unmix.evaluation import pairing
from unmix.io import check, fractions, gene_sets, long_tables, signatures, tables
from unmix.pipeline import jobs, parameters, samplesheet
from unmix.reference import Reference
from unmix.reference.prepare import prepare_reference, read_reference
from unmix.simulate.pseudobulk import Simulator
from unmix.simulate.recipe import Simulation

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
#: Of a case and of a process.
SECONDS, BYTES = 60, 12 << 30
TEXTS = [
    "",
    " ",
    "\t",
    "NA",
    "nan",
    "inf",
    "-1",
    "1e30",
    "1e999",
    "0",
    "=cmd|' /C calc'!A0",
    '"',
    "'",
    "#",
    "é",
    "\u202e",
]
TEXTS += ["\x00", "\r", "\n", ",", ";", "../..", "$(touch x)", "-", "--help", "a" * 5000, "1,5", "5%", "Total", "true"]
VALUES = [None, True, 0, -1, 1.5, 1e300, float("nan"), "", "x", "a" * 3000, [], {}, [1, "a"], {"a": 1}, [[]], 10**30]
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
    steps = ("train.steps=2", "train.validate_every=2")
    for name in names:
        method = methods.get(name)
        deep = method.info.family == "deep"
        options = {"bulk": bulk} if method.needs.bulk else {}
        model = engine.train(name, reference, settings=steps if deep else (), quick=True, device="cpu", **options)
        model.save(folder / f"{name}.safetensors")
    code, said = forks.run(
        "predict", folder / "nnls.safetensors", folder / "bulk.h5ad", "--out-dir", folder / "results"
    )
    assert code == 0, said
    (folder / "sheet.csv").write_text(
        "id,bulk,reference,truth,unit\na,bulk.tsv,r.h5ad,t.tsv,counts\nb,b.tsv,r.h5ad,,auto\n"
    )
    params = {"input": "sheet.csv", "outdir": "results", "methods": "nnls,scaden", "seed": 1, "level": 0.9}
    (folder / "params.json").write_text(json.dumps(params))
    (folder / "recipe.json").write_text(json.dumps(settings.asdict(methods.get("scaden").recipes["default"])))


# -- what is changed ---------------------------------------------------------------------------------------------------


def _pick(rng: np.random.Generator, values: Any) -> Any:
    values = list(values)
    return values[rng.integers(len(values))]


def change_bytes(path: Path, rng: np.random.Generator) -> str:
    """Flip, cut, insert or repeat bytes."""
    data = bytearray(path.read_bytes())
    at, how = int(rng.integers(len(data))), _pick(rng, ("flip", "cut", "insert", "repeat", "many"))
    if how == "flip":
        data[at] ^= 1 << int(rng.integers(8))
    elif how == "many":
        for place in rng.integers(0, len(data), 20):
            data[place] = int(rng.integers(256))
    elif how == "cut":
        del data[at:]
    else:
        data[at:at] = data[at : at + 50] if how == "repeat" else rng.bytes(3)
    path.write_bytes(data)
    return f"{how} at {at}"


def change_text(path: Path, rng: np.random.Generator) -> str:
    """Change cells, columns, rows or characters of a table."""
    text = path.read_text(encoding="utf-8")
    cut = "," if path.suffix == ".csv" else "\t"
    rows = [line.split(cut) for line in text.splitlines()]
    row = int(rng.integers(len(rows)))
    column = int(rng.integers(len(rows[row])))
    how = _pick(
        rng, ("cell", "cell", "cell", "header", "column", "drop column", "row", "drop row", "ragged", "join", "bytes")
    )
    value = _pick(rng, TEXTS)
    if how == "bytes":
        return change_bytes(path, rng)
    if how == "cell":
        rows[row][column] = value
    elif how == "header":
        rows[0][column % len(rows[0])] = value
    elif how == "column":
        for one in rows:
            one[column % len(one)] = value
    elif how == "drop column":
        rows = [one[:column] + one[column + 1 :] for one in rows]
    elif how == "row":
        rows.insert(row, rows[row] if rng.random() < 0.5 else [value] * len(rows[row]))
    elif how == "drop row":
        del rows[row]
    elif how == "ragged":
        rows[row] = rows[row][:column] if rng.random() < 0.5 else [*rows[row], value]
    else:
        cut = _pick(rng, [",", ";", " ", "\t", "|"])
    path.write_text("\n".join(cut.join(one) for one in rows) + "\n", encoding="utf-8", errors="surrogatepass")
    return f"{how} {row},{column}: {value[:20]!r}"


def _change_json(data: Any, rng: np.random.Generator) -> str:
    here, path = data, []
    while True:
        key = _pick(rng, here if isinstance(here, dict) else range(len(here)))
        path.append(str(key))
        if not isinstance(here[key], (dict, list)) or not here[key] or rng.random() < 0.2:
            break
        here = here[key]
    how = _pick(rng, ("value", "value", "delete", "add"))
    if how == "delete":
        del here[key]
    elif how == "value":
        here[key] = _pick(rng, VALUES)
    elif isinstance(here, dict):
        here["extra"] = _pick(rng, VALUES)
    else:
        here.append(here[key])
    return f"{how} {'.'.join(path)}"


JSONS = ["[" * 100_000, "{}", "[]", "null", "1", '"x"', "", "NaN", '{"a": 1e999}', '"\\ud800"']


def change_values(path: Path, rng: np.random.Generator) -> str:
    """Change values or keys of a JSON file."""
    data = json.loads(path.read_text())
    said = _change_json(data, rng)
    path.write_text(json.dumps(data))
    return said


def change_json(path: Path, rng: np.random.Generator) -> str:
    """Change values, keys or bytes, or put other JSON in place of it."""
    how = rng.random()
    if how < 0.2:
        return change_bytes(path, rng)
    if how < 0.25:
        path.write_text(_pick(rng, JSONS))
        return "other JSON"
    return change_values(path, rng)


def change_model(path: Path, rng: np.random.Generator) -> str:
    """Change bytes, the header or an array of a model."""
    from safetensors import safe_open
    from safetensors.numpy import save

    if rng.random() < 0.15:
        return change_bytes(path, rng)
    with safe_open(path, "numpy") as file:
        header = json.loads(file.metadata()["unmix"])
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    if rng.random() < 0.5:
        said = _change_json(header, rng)
        if rng.random() < 0.3:
            said += ", " + _change_json(header["recipe"] or header, rng)
    else:
        name = _pick(rng, arrays)
        array, how = arrays[name], _pick(rng, ARRAYS)
        said = f"{how} of {name}"
        if how == "delete":
            del arrays[name]
        elif how == "rename":
            arrays[_pick(rng, ["x", "rna", "lengths", "profile", "cells", "net.x", ""])] = arrays.pop(name)
        else:
            with np.errstate(all="ignore"):
                arrays[name] = np.ascontiguousarray(ARRAYS[how](array, rng))
    path.write_bytes(save(arrays, {"unmix": json.dumps(header)}))
    return said


def _one(value: float) -> Callable[[np.ndarray, np.random.Generator], np.ndarray]:
    def change(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        array = array.copy()
        if array.size:
            array.flat[rng.integers(array.size)] = np.array(value).astype(array.dtype)
        return array

    return change


ARRAYS: dict[str, Any] = {
    "delete": None,
    "rename": None,
    "type": lambda a, rng: a.astype(_pick(rng, ["f2", "f4", "f8", "i1", "i8", "u1", "u8", "?"])),
    "transpose": lambda a, rng: a.T,
    "flat": lambda a, rng: a.ravel(),
    "axis": lambda a, rng: a[None],
    "first": lambda a, rng: a[:1],
    "one less": lambda a, rng: a[1:],
    "one more": lambda a, rng: np.concatenate([a, a[-1:]]) if a.ndim else a,
    "no columns": lambda a, rng: a[..., :0],
    "none": lambda a, rng: a[:0],
    "zeros": lambda a, rng: a * 0,
    "negative": lambda a, rng: -np.abs(a.astype("f8")).astype(a.dtype),
    "constant": lambda a, rng: np.full_like(a, 1),
    "large": lambda a, rng: (a.astype("f8") * 1e12).astype(a.dtype),
    "huge": lambda a, rng: (a.astype("f8") * 1e30).astype(a.dtype),
    "tiny": lambda a, rng: (a.astype("f8") * 1e-30).astype(a.dtype),
    "a NaN": _one(np.nan),
    "an infinity": _one(np.inf),
    "a large one": _one(1e17),
    "one of -5": _one(-5),
    "one of 100": _one(100),
}


def change_h5ad(path: Path, rng: np.random.Generator) -> str:
    """Drop or change a group, a data set or an attribute of an h5ad, or bytes."""
    if rng.random() < 0.1:
        return change_bytes(path, rng)
    with h5py.File(path, "r+") as file:
        nodes = ["/"]
        file.visit(nodes.append)
        node = _pick(rng, nodes)
        if rng.random() < 0.3 and len(file[node].attrs):
            name = _pick(rng, file[node].attrs)
            how = _pick(rng, ("delete", "empty", "number", "text", "array", "other"))
            del file[node].attrs[name]
            value = {"empty": "", "number": -3, "text": "x", "array": [1, 2, 3], "other": _pick(rng, ENCODINGS)}
            if how != "delete":
                file[node].attrs[name] = value[how]
            return f"{how} attribute {name} of {node}"
        if node == "/":
            file.create_group(_pick(rng, ["raw", "matrix", "layers/x", "uns/log1p", "obsm/x"]).strip("/") + "/new")
            return "new group"
        held = file[node]
        attributes = dict(held.attrs)
        how = _pick(rng, DATASETS if isinstance(held, h5py.Dataset) else ("delete", "text", "group", "number"))
        if how in ("delete", "text", "group", "number"):
            del file[node]
            if how == "text":
                file[node] = "x"
            elif how == "number":
                file[node] = 7
            elif how == "group":
                file.create_group(node)
        else:
            values = held[()]
            del file[node]
            with np.errstate(all="ignore"), contextlib.suppress(TypeError, ValueError, IndexError):
                values = DATASETS[how](values, rng)
            text = np.asarray(values).dtype.kind == "O"
            file.create_dataset(node, data=values, dtype=h5py.string_dtype() if text else None)
            if rng.random() < 0.8:
                for name, value in attributes.items():
                    file[node].attrs[name] = value
    return f"{how} of {node}"


ENCODINGS = ["array", "csr_matrix", "csc_matrix", "dataframe", "categorical", "dict", "string-array", "9.9.9", "null"]
DATASETS: dict[str, Any] = {
    "delete": None,
    "text": None,
    "group": None,
    "number": None,
    "none": lambda v, rng: np.asarray(v)[:0],
    "one less": lambda v, rng: np.asarray(v)[1:],
    "one more": lambda v, rng: np.concatenate([np.asarray(v), np.asarray(v)[-1:]]),
    "axis": lambda v, rng: np.asarray(v)[None],
    "as text": lambda v, rng: np.array([str(x).encode() for x in np.ravel(v)], dtype=object),
    "as bytes": lambda v, rng: np.frombuffer(rng.bytes(np.size(v)), np.uint8),
    "floats": lambda v, rng: np.asarray(v, dtype=float) + 0.5,
    "NaN": lambda v, rng: np.where(rng.random(np.shape(v)) < 0.1, np.nan, np.asarray(v, dtype=float)),
    "infinite": lambda v, rng: np.where(rng.random(np.shape(v)) < 0.1, np.inf, np.asarray(v, dtype=float)),
    "negative": lambda v, rng: -np.asarray(v),
    "large": lambda v, rng: np.asarray(v, dtype=float) * 1e30,
    "equal": lambda v, rng: np.repeat(np.asarray(v)[:1], len(v), axis=0),
    "bool": lambda v, rng: np.asarray(v).astype(bool),
}


# -- what reads it -----------------------------------------------------------------------------------------------------


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
        expression.express(model, bulk, device="cpu")


def _read_reference(path: Path, folder: Path, rng: np.random.Generator) -> None:
    cells = Reference.from_anndata(read_reference(path))
    drawn = Simulator(cells, Simulation(cells=20), rng).draw(2, rng)
    assert np.isfinite(cells.profiles()).all()
    assert np.isfinite(drawn.expression).all()


def _read_cells(path: Path, folder: Path, rng: np.random.Generator) -> None:
    prepare_reference([path], "cell_type", "donor", preset=_pick(rng, ["none", "standard"]))


def _read_bulk(path: Path, folder: Path, rng: np.random.Generator) -> None:
    genes = read_reference(folder / "reference.h5ad").var if rng.random() < 0.5 else None
    data = check.read_bulk(path, _pick(rng, ["auto", "counts"]), genes)
    assert np.isfinite(data.X).all()
    data.write_h5ad(path.with_name("out.h5ad"))


def _read_truth(path: Path, folder: Path, rng: np.random.Generator) -> None:
    known = tables.read_truth(path)
    estimate, found = fractions.read_fractions(folder / "truth.tsv")
    pairing.pair(estimate, known, quantity=found).metrics(np.random.default_rng(0))


def _read_results(path: Path, folder: Path, rng: np.random.Generator) -> None:
    results = path.parent / "results"
    shutil.copytree(folder / "results", results)
    shutil.copy(path, results / path.name)
    long = long_tables.read_intervals(results / "fractions_long.tsv")
    known = tables.read_truth(folder / "truth.tsv")
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
}


# -- cases -------------------------------------------------------------------------------------------------------------


def case(kind: str, number: int, files: Path, work: Path) -> str:
    """Run one case; return how it ends."""
    names, change, read = KINDS[kind]
    rng = np.random.default_rng([number, list(KINDS).index(kind)])
    good = files / _pick(rng, names)
    path = work / good.name
    shutil.copy(good, path)
    said = change(path, rng)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read(path, files, rng)
    except UnmixError as error:
        return "refused" if error.found and error.exit_code in (2, 65, 99) else f"without a sentence: {error!r}"
    except Exception as error:  # noqa: BLE001 - what is looked for
        last = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in last if "/unmix/" in frame.filename] or list(last)
        where = f"{Path(own[-1].filename).name}:{own[-1].lineno}"
        return f"{type(error).__name__} at {where} ({good.name}, {said}): {str(error)[:150]}"
    return "ok"


def run(kind: str, numbers: range, files: Path) -> tuple[Counter[str], dict[int, str]]:
    """Run cases in a forked process each time one has died; return the ends, and the bad ones by their number."""
    ends: Counter[str] = Counter()
    bad: dict[int, str] = {}
    left = list(numbers)
    while left:
        ended = Path(tempfile.mkstemp()[1])
        child = os.fork()
        if not child:
            _run_here(kind, left, files, ended)
        status = os.waitpid(child, 0)[1]
        found = [json.loads(line) for line in ended.read_text().splitlines()]
        ended.unlink()
        for number, end in found:
            ends[end if end in ("ok", "refused") else "other"] += 1
            if end not in ("ok", "refused"):
                bad[number] = end
        left = left[len(found) :]
        if left and status:
            bad[left[0]] = f"died: {os.waitstatus_to_exitcode(status)}"
            ends["died"] += 1
            left = left[1:]
    return ends, bad


def _run_here(kind: str, numbers: list[int], files: Path, ended: Path) -> None:
    import signal

    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # a case that hangs is killed
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    with ended.open("w") as sheet:
        for number in numbers:
            signal.alarm(SECONDS)
            with tempfile.TemporaryDirectory() as work:
                end = case(kind, number, files, Path(work))
            sheet.write(json.dumps([number, end]) + "\n")
            sheet.flush()
    os._exit(0)
