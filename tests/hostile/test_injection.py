"""Names that a shell would run: nothing of a samplesheet, a parameter or a file name is executed or changed."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from unmix.errors import DataError
from unmix.pipeline import samplesheet
from unmix.simulate.toy import CELL_TYPES, toy

ONE_RUN = pytest.mark.xdist_group("injection")  # one run of Nextflow serves many tests
ROOT = Path(__file__).resolve().parents[2]
#: What would leave a file called EXECUTED, as text of a cell and as a file's name.
BREAKS = (
    """a'; touch EXECUTED; echo '""",
    """b"; touch EXECUTED; echo \"""",
    "$(touch EXECUTED)",
    "`touch EXECUTED`",
    "; touch EXECUTED #",
    "| touch EXECUTED & ",
    r"\'; touch EXECUTED; echo \'",
    "${x=$(touch EXECUTED)}${x@P}",
    "c\ntouch EXECUTED\n",
    "--help",
    "-rf ~ !! > EXECUTED",
)
#: A file's name that Nextflow can stage: every sign that is left.
NAME = """a'b"c d\\e`touch EXECUTED`; touch EXECUTED; (f) & g | touch EXECUTED > h ~ !! #"""
#: Nextflow's own script of a task runs these, so that they are refused before any.
REFUSED = ("${x=$(touch EXECUTED)}${x@P}", "$HOME", "c\ntouch EXECUTED\nd", "[ab]", "{a,b}", "*")
#: Columns of the samplesheet: of one file, of several, and of other values.
COLUMNS = json.loads((ROOT / "assets" / "schema_input.json").read_text())["properties"]
FILES = tuple(name for name, rule in COLUMNS.items() if rule.get("format") == "file-path")
PUBLISHED = ("signature", "gene_sets", "pretrained")
OTHERS = tuple(name for name in COLUMNS if name not in (*FILES, *PUBLISHED))
#: Of these, those that are text of any kind.
TEXTS = {"cell_type_key", "cell_state_key", "donor_key", "malignant"}


def nextflow(folder, *arguments):
    """Run Nextflow in a folder; return its exit code and all that it printed."""
    done = subprocess.run(
        [ROOT / "scripts" / "nextflow", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "NXF_ANSI_LOG": "false"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def executed(folder):
    return [path for path in folder.rglob("*EXECUTED*") if path.name == "EXECUTED"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return the folder of a run in which every name breaks out of bare quotes, and the words of every training."""
    folder = tmp_path_factory.mktemp("run") / 'it\'s; touch EXECUTED; "here"'
    (folder / "in").mkdir(parents=True)
    reference, bulk = toy(cells_per_type=5, samples=4)
    keys = {"cell_type_key": BREAKS[0], "donor_key": BREAKS[1] + BREAKS[2] + BREAKS[3], "cell_state_key": BREAKS[4]}
    types = reference.obs["cell_type"]
    columns = {"cell_type_key": types, "donor_key": "one", "cell_state_key": types}
    reference.obs = pd.DataFrame({keys[name]: values for name, values in columns.items()})
    names = {column: f"{NAME}{column}" for column in (*FILES, *PUBLISHED, "samples", "contrasts")}
    names["bulk"] += ".tsv"
    names["reference"] = "--help.h5ad"
    for column in PUBLISHED:
        names[column] = names[column].replace(";", ",")  # a semicolon stands between entries
    reference.write_h5ad(folder / "in" / names["reference"])
    bulk.to_df().T.to_csv(folder / "in" / names["bulk"], sep="\t")
    bulk.obsm["cell_fractions"].to_csv(folder / "in" / names["truth"], sep="\t")
    reference.obs.to_csv(folder / "in" / names["cells"], sep="\t", index_label="cell")
    labels = [f"{name}\t{name}" for name in CELL_TYPES]
    (folder / "in" / names["label_map"]).write_text("\n".join(["from\tto", *labels]) + "\n")
    sizes = [f"{name}\t{number}" for number, name in enumerate(CELL_TYPES, 1)]
    (folder / "in" / names["mrna_per_cell"]).write_text("\n".join(["cell_type\tmrna", *sizes]) + "\n")
    (folder / "in" / names["gene_map"]).write_text("name\tgene\nGENE0000\tGENE0000\n")
    even = [f"{name}\t{1 / len(CELL_TYPES)}" for name in CELL_TYPES]
    (folder / "in" / names["prior"]).write_text("\n".join(["cell_type\tfraction", *even]) + "\n")
    coarse = [f"{name}\t{'T' if 'T' in name else name}" for name in CELL_TYPES]
    (folder / "in" / names["cell_type_tree"]).write_text("\n".join(["cell_type\tlineage", *coarse]) + "\n")
    groups = [f"{name}\t{group}" for name, group in zip(bulk.obs_names, "aabb", strict=True)]
    (folder / "in" / names["samples"]).write_text("\n".join(["sample\tcondition", *groups]) + "\n")
    contrasts = "id\tvariable\treference\ttarget\none\tcondition\ta\tb\n"
    (folder / "in" / names["contrasts"]).write_text(contrasts)
    for column in ("calibration_bulk", "calibration_fractions", "ontology", *PUBLISHED):
        (folder / "in" / names[column]).touch()
    # Training writes its words down; `random` and `nnls` go on, for the steps behind them, the others are skipped
    (folder / "bin").mkdir()
    (folder / "bin" / "unmix_train.py").write_text(
        f"""#!{ROOT}/.venv/bin/python
import json, os, pathlib, sys
real = ["{ROOT}/.venv/bin/python", "{ROOT}/bin/unmix_train.py"]
words = sys.argv[1:]
there = [word for word in words if os.path.exists(word)]
pathlib.Path(os.environ["WORDS"], f"{{os.getpid()}}.words").write_text(json.dumps([words, there]))
if not {{"random", "nnls"}} & {{*words}}:
    error = {{"found": "not here", "expected": "", "do": ""}}
    record = json.dumps({{"step": "train", "error": error}})
    pathlib.Path(words[words.index("--skipped") + 1]).write_text(record)
    sys.exit(99)
os.execv(real[0], real + words)
"""
    )
    (folder / "bin" / "unmix_train.py").chmod(0o755)
    tools = folder.parent / "tools"
    tools.symlink_to(folder / "bin")
    words = folder.parent / "words"
    words.mkdir()
    path = f'export WORDS=\\"{words}\\" PATH=\\"{tools}:{ROOT}/bin:{ROOT}/.venv/bin:\\$PATH\\"'
    (folder / "fake.config").write_text(f'process.beforeScript = "{path}"\n')
    malignant = ",".join([*CELL_TYPES[:1], *BREAKS[:8], BREAKS[9]])
    row = {"id": "first", **keys, **{column: f"in/{names[column]}" for column in (*FILES, *PUBLISHED)}}
    row["malignant"] = malignant
    for column, method in zip(PUBLISHED, ("epic", "xcell", "hascad"), strict=True):
        row[column] = f"{method}={row[column]}"
    row["calibration_unit"] = "counts"
    pd.DataFrame([row]).to_csv(folder / "sheet's; touch EXECUTED.csv", index=False)
    groups = (f"--{parameter}=in/{names[parameter]}" for parameter in ("samples", "contrasts"))
    code, said = nextflow(
        folder, "run", ROOT, "-profile", "test", "-c", "fake.config", "--input", "sheet's; touch EXECUTED.csv",
        "--methods", "daism,deepdecon,dissect,epic,hascad,nnls,xcell", "--controls", "random", "--express", "true",
        "--explain", "true", *groups, "--outdir", "o'u\"t; touch EXECUTED", "--train_args=--recipe 'default'",
    )  # fmt: skip
    table = [json.loads(path.read_text()) for path in words.glob("*.words")]
    return folder, row, code, said, {words[words.index("--method") + 1]: (words, there) for words, there in table}


@ONE_RUN
def test_a_run_full_of_names_that_break_out_ends_well_and_executes_nothing(run):
    folder, _row, code, said, _words = run
    assert code == 0, said
    assert executed(folder.parent) == []
    results = folder / "o'u\"t; touch EXECUTED" / "first"
    assert {"fractions.tsv", "metrics.tsv", "report.html", "check"} <= {path.name for path in results.iterdir()}, said
    assert {"effects.tsv", "metrics.tsv"} <= {path.name for path in (results / "nnls").iterdir()}, said


@ONE_RUN
@pytest.mark.parametrize(
    ("option", "column", "method"),
    [
        ("--malignant", "malignant", "deepdecon"),
        ("--calibration-bulk", "calibration_bulk", "daism"),
        ("--calibration-fractions", "calibration_fractions", "daism"),
        ("--ontology", "ontology", "epic"),
        ("--signature", "signature", "epic"),
        ("--gene-sets", "gene_sets", "xcell"),
        ("--pretrained", "pretrained", "hascad"),
    ],
)
def test_a_value_reaches_its_step_to_the_letter(run, option, column, method):
    _folder, row, _code, _said, words = run
    given, there = words[method]
    value = given[given.index(option) + 1]
    if column == "malignant":
        assert value == row[column]
    else:
        assert value.partition("/")[2] == row[column].rpartition("in/")[2]
        assert value in there


@ONE_RUN
def test_what_comes_behind_the_options_is_never_an_option(run):
    for given, there in run[4].values():
        assert given[-2:] == ["--", "help.h5ad"]
        assert "help.h5ad" in there


@pytest.mark.parametrize("payload", REFUSED)
@pytest.mark.parametrize("column", [*FILES, *PUBLISHED])
def test_a_path_that_nextflow_would_run_is_refused_in_every_column(tmp_path, column, payload):
    given = dict.fromkeys(["bulk", "reference", "calibration_bulk", "calibration_fractions"], "b.tsv")
    with pytest.raises(DataError, match=f"column {column}: .* is not allowed"):
        read(tmp_path, given | {column: f"{payload}.tsv"})


@pytest.mark.parametrize("payload", BREAKS)
@pytest.mark.parametrize("column", OTHERS)
def test_any_other_cell_is_refused_or_kept_to_the_letter(tmp_path, column, payload):
    given = {"bulk": "b.tsv", "reference": "c.h5ad", column: payload}
    if column in TEXTS and "\n" not in payload.strip():
        assert read(tmp_path, given)[column] == payload.strip()
    else:
        with pytest.raises(DataError, match=f"column {column}: "):
            read(tmp_path, given)


def read(folder, row):
    """Return a row as it is read from a samplesheet."""
    pd.DataFrame([{"id": "a"} | row]).to_csv(folder / "sheet.csv", index=False)
    (row,) = samplesheet.read(folder / "sheet.csv", json.loads((ROOT / "assets" / "schema_input.json").read_text()))
    return row


@pytest.mark.parametrize(
    "given",
    [
        {
            "input": "${x=$(touch EXECUTED)}${x@P}.csv",
            "container": "x; touch EXECUTED; echo",
            "queue": "x\ntouch EXECUTED",
            "train_args": "; touch EXECUTED",
            "compare_args": "`touch EXECUTED`",
            "samples": "${x=$(touch EXECUTED)}${x@P}.tsv",
            "contrasts": "$(touch EXECUTED).tsv",
            "methods": "nnls; touch EXECUTED",
            "outdir": "$(touch EXECUTED)",
        },
        {"input": "a\ntouch EXECUTED\n.csv", "train_args": "--set 'a=b"},
    ],
    ids=("every parameter", "the same once more"),
)
def test_parameters_that_a_shell_would_run_are_refused_before_any_task(tmp_path, given):
    (tmp_path / given["input"]).write_text("id,bulk,reference\na,b.tsv,c.h5ad\n")
    code, said = nextflow(
        tmp_path, "run", ROOT, "-profile", "test", *(f"--{name}={text}" for name, text in given.items())
    )
    assert code != 0
    for parameter, value in given.items():
        assert re.search(rf"--{parameter} .*{re.escape(value)}: not allowed", said), parameter
    assert list(tmp_path.glob("work/*/*/.command.run")) == []
    assert executed(tmp_path) == []


@pytest.mark.parametrize("parameter", ["seed", "level", "quick", "explain", "fail_fast", "publish_mode"])
def test_a_parameter_of_another_type_that_a_shell_would_run_is_refused_by_the_first_step(parameter):
    from unmix.errors import UsageError
    from unmix.pipeline import parameters

    rules = json.loads((ROOT / "nextflow_schema.json").read_text())
    with pytest.raises(UsageError, match=f"--{parameter} "):
        parameters.check_params({"input": "sheet.csv", parameter: "1; touch EXECUTED"}, rules)


#: What a script may hold besides quoted values and what is joined from them.
PLAIN = {"task.cpus", "task.ext.args ?: ''", "device"}


@pytest.mark.parametrize("module", sorted((ROOT / "modules").rglob("*.nf")), ids=lambda path: path.parent.name)
def test_every_value_of_every_script_is_quoted_and_every_file_comes_behind_the_options(module):
    text = module.read_text()
    for body in re.findall(r"\b(?:script|stub):\n(.*?)(?=\n    stub:|\n\}\n)", text, re.DOTALL):
        code, _, rest = body.partition('"""')
        built = set()
        for name, value in re.findall(r"def (\w+) = (.*?)(?=\n    (?:def|//|\"\"\")|$)", code, re.DOTALL):
            if all(one in built or one.startswith("quote(") for one in re.findall(r"\$\{(.*?)\}", value)):
                built.add(name)
        for value in re.findall(r"(?<!\\)\$\{([^}]*)\}", rest):
            assert value in PLAIN | built or value.startswith("quote("), value
        assert not re.search(r"(?<!\\)\$\w", rest)
        for command in re.findall(r"unmix_\w+\.py (?:.*\\\n)*.*", rest):
            assert re.search(r" -- (?:\$\{quote\(|results|members/|given/|store$)", command), command


#: What a command of Galaxy may hold outside single quotes: numbers, words of menus, and names made by the wrapper.
BARE = {
    *("top", "level", "number", "samples", "cells", "max_cells_per_type", "more.draws"),
    *("renormalise", "advanced.quick", "name", "training.method", "training.quick"),
}


@pytest.mark.parametrize("wrapper", sorted((ROOT / "galaxy_tools").glob("unmix_*.xml")), ids=lambda path: path.stem)
def test_text_and_paths_of_a_galaxy_form_are_in_single_quotes(wrapper):
    command = re.search(r"<command.*?<!\[CDATA\[(.*?)\]\]>", wrapper.read_text(), re.DOTALL)[1]
    for line in command.splitlines():
        if not line.strip().startswith("#"):
            shown = re.sub(r"#echo .*?#|'[^']*'|\$extension\(\$[\w.]+\)", "", line)
            assert set(re.findall(r"(?<!\\)\$\{?([\w.]+)", shown)) <= BARE, line
