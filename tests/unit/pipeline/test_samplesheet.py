"""The samplesheet, the parameters and the methods of a run."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from unmix import methods as registry
from unmix.errors import DataError, UsageError
from unmix.methods import all_methods
from unmix.pipeline import jobs, parameters, samplesheet


@pytest.fixture(scope="module")
def schema(root):
    return json.loads((root / "assets" / "schema_input.json").read_text())


@pytest.fixture(scope="module")
def rules(root):
    return json.loads((root / "nextflow_schema.json").read_text())


@pytest.fixture
def read(tmp_path, schema):
    def read(content):
        path = tmp_path / "sheet.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return samplesheet.read(path, schema)

    return read


def test_an_empty_cell_has_the_default(read):
    (row,) = read("id,bulk,reference,unit\na,b.tsv,c.h5ad,\n")
    assert (row["unit"], row["cell_type_key"], row["donor_key"], row["truth"]) == ("auto", "cell_type", "none", "")


@pytest.mark.parametrize(
    "content",
    [
        "id,bulk,reference\r\na,b.tsv,c.h5ad\r\n",
        b"\xef\xbb\xbfid,bulk,reference\na,b.tsv,c.h5ad\n",
        "id,bulk,reference\na,b.tsv,c.h5ad\n".encode("utf-16"),
        "id;bulk;reference\na;b.tsv;c.h5ad",
        "id\tbulk\treference\n\n a \tb.tsv\tc.h5ad  \n\t\t\n",
        '"id",bulk,reference,,\n"a","b.tsv",c.h5ad,,\n,,,,\n',
    ],
    ids=["windows", "byte-order mark", "utf-16", "semicolons", "tabs and blanks", "quotes and empty columns"],
)
def test_what_a_spreadsheet_does_is_mended(read, content):
    (row,) = read(content)
    assert (row["id"], row["bulk"], row["reference"]) == ("a", "b.tsv", "c.h5ad")


@pytest.mark.parametrize(
    ("content", "found", "do"),
    [
        ("", "sheet.csv is empty", "write one row"),
        ("id,bulk\na,b.tsv\n", "has no column reference; it has id, bulk", "add reference to the header"),
        ("id,bulk,reference,unti\na,b,c,tpm\n", "unknown column 'unti'", "did you mean unit?"),
        ("id,bulk,reference,Unit\na,b,c,tpm\n", "unknown column 'Unit'", "did you mean unit?"),
        ("id,bulk,reference,unit\na,b,c,TPM\n", "'TPM' is not one of auto", "did you mean tpm?"),
        ("id,bulk,reference,bulk\na,b,c,d\n", "has the column bulk twice", "remove one"),
        ("id,bulk,reference\n", "has a header but no row", "add a row"),
        ("id,bulk,reference\na,b.tsv,c.h5ad,d\n", "row 1 has 4 cells, the header has 3", "quotes"),
        ("id,bulk,reference\na,,c.h5ad\n", "row 1 has nothing in bulk", "fill the cell"),
        ("id,bulk,reference\na,b,c\na,d,c\n", "rows 1 and 2 have the same id 'a'", "for example a-2"),
        ("id,bulk,reference\na b,b,c\n", "row 1, column id: 'a b' is not allowed", "correct id"),
        ("id,bulk,reference\nmodels,b,c\n", "row 1, column id: 'models' is not allowed", "correct id"),
        ("id,bulk,reference\nA,b,c\na,d,c\n", "rows 1 and 2 have the same id 'a'", "for example a-2"),
        (f"id,bulk,reference\n{'a' * 101},b,c\n", "is too long", "correct id"),
        ("id,bulk,reference\na,b$HOME.tsv,c\n", "column bulk: 'b$HOME.tsv' is not allowed", "correct bulk"),
        ("id,bulk,reference\na,b[12].tsv,c\n", "column bulk: 'b[12].tsv' is not allowed", "correct bulk"),
        ('id,bulk,reference\na,"b\nc.tsv",c\n', r"column bulk: 'b\nc.tsv' is not allowed", "correct bulk"),
        ("id,bulk,reference\na,b\x0bc.tsv,c\n", r"column bulk: 'b\x0bc.tsv' is not allowed", "correct bulk"),
        (
            'id,bulk,reference,donor_key\na,b,c,"donor\nid"\n',
            r"column donor_key: 'donor\nid' is not allowed",
            "correct donor_key",
        ),
        (
            "id,bulk,reference,unit\na,b,c,rpkm\n",
            "row 1, column unit: 'rpkm' is not one of auto, counts",
            "correct unit",
        ),
        ("id,bulk,reference,calibration_bulk\na,b,c,d\n", "row 1 has nothing in calibration_fractions", "or empty"),
        ('id,bulk,reference\n"a,b,c\n', "unexpected end of data", "check the quotes"),
        (b"\x89HDF\r\n\x1a\n\xff\xff", "is not text", "CSV UTF-8"),
    ],
)
def test_what_cannot_be_mended_is_said(read, content, found, do):
    with pytest.raises(DataError) as caught:
        read(content)
    assert found in caught.value.found
    assert caught.value.expected
    assert do in caught.value.do


def test_a_missing_file_is_said(tmp_path, schema):
    with pytest.raises(DataError, match=r"none\.csv cannot be read"):
        samplesheet.read(tmp_path / "none.csv", schema)


def resolve(schema, *rows, folder="/data/sheets"):
    full = [{**dict.fromkeys(schema["properties"], ""), "id": str(i), **row} for i, row in enumerate(rows)]
    return samplesheet.resolve(full, folder, schema)


@pytest.mark.parametrize(
    ("folder", "path", "resolved"),
    [
        ("/data/sheets", "b.tsv", "/data/sheets/b.tsv"),
        ("/data/sheets/", "./b.tsv", "/data/sheets/b.tsv"),
        ("/data/sheets", "../b.tsv", "/data/sheets/../b.tsv"),
        ("/data/sheets", "/other/b.tsv", "/other/b.tsv"),
        ("/data/sheets", "s3://bucket/b.tsv", "s3://bucket/b.tsv"),
        ("s3://bucket/sheets", "b.tsv", "s3://bucket/sheets/b.tsv"),
    ],
)
def test_relative_paths_start_at_the_samplesheet(schema, folder, path, resolved):
    (row,) = resolve(schema, {"bulk": path}, folder=folder)
    assert row["bulk"] == resolved
    assert row["truth"] == ""


@pytest.mark.parametrize("tree", ["ontology", "obs:lineage,compartment"])
def test_a_tree_that_is_no_file_stays_as_it_is(schema, tree):
    words = {"cell_type_tree": tree, "mrna_per_cell": "obs:a.tsv"}
    (row,) = resolve(schema, words)
    assert row["cell_type_tree"] == tree
    assert row["mrna_per_cell"] == "/data/sheets/obs:a.tsv"


def test_rows_share_a_reference_if_keys_and_label_map_agree(schema):
    rows = resolve(
        schema,
        {"reference": "pbmc.h5ad", "cell_type_key": "label"},
        {"reference": "./pbmc.h5ad", "cell_type_key": "label"},
        {"reference": "pbmc.h5ad", "cell_type_key": "fine"},
        {"reference": "other/pbmc.h5ad", "cell_type_key": "label"},
        {"reference": "a b.c.h5ad"},
        {"reference": "PBMC.h5ad"},
        {"reference": "--help.h5ad"},
        {"reference": ".h5ad"},
    )
    names = ["pbmc", "pbmc", "pbmc-2", "pbmc-3", "a_b", "PBMC-4", "help", "reference"]
    assert [row["reference_name"] for row in rows] == names


@pytest.mark.parametrize(
    "name", ["check", "tables", "models", "references", "pipeline_info", "report.html", "reference.run.json", "Check"]
)
def test_an_id_of_the_layout_or_of_another_folder_is_refused(read, name):
    for wrong in (name, ".", "..", "a/b", "../a", "a\\b", "-a"):
        with pytest.raises(DataError, match=r"column id: .* is not allowed"):
            read(f"id,bulk,reference\n{wrong},b,c\n")
    (row,) = read(f"id,bulk,reference\n{name}-2,b,c\n")
    assert row["id"] == f"{name}-2"


def given(schema, column, cell, methods):
    """Return which files of a cell go to which method."""
    table = jobs.jobs(resolve(schema, {column: cell}), methods, registry.all_methods())
    return {job["method"]: ";".join(job["published"]) for job in table if job["published"]}


@pytest.mark.parametrize(
    ("column", "cell", "whose"),
    [
        ("signature", "", {}),
        ("signature", "lm22.tsv", {"nnls": "/data/sheets/lm22.tsv", "epic": "/data/sheets/lm22.tsv"}),
        ("signature", "a.tsv; /b.tsv", dict.fromkeys(["nnls", "epic"], "/data/sheets/a.tsv;/b.tsv")),
        ("signature", "nnls=lm22.tsv", {"nnls": "/data/sheets/lm22.tsv"}),
        ("signature", "a.tsv;epic = b=c.tsv;", {"nnls": "/data/sheets/a.tsv", "epic": "/data/sheets/b=c.tsv"}),
        ("signature", "./b=c.tsv;epic=s3://k/e.tsv", {"nnls": "/data/sheets/b=c.tsv", "epic": "s3://k/e.tsv"}),
        ("gene_sets", "sets.gmt", {"xcell": "/data/sheets/sets.gmt"}),
        ("pretrained", "hascad=a.pt;hascad=b.csv", {"hascad": "/data/sheets/a.pt;/data/sheets/b.csv"}),
        ("pretrained", "gbmpurity=g.npz", {}),
    ],
)
def test_published_files_go_to_the_methods_that_take_them(schema, column, cell, whose):
    assert given(schema, column, cell, ["scaden", "hascad", "nnls", "epic", "xcell", "uniform"]) == whose


@pytest.mark.parametrize(
    ("column", "cell", "found", "do"),
    [
        ("pretrained", "hascda=a.pt", "row 0, column pretrained: no method 'hascda'", "did you mean hascad?"),
        ("signature", "scaden=a.tsv", "scaden takes no signature", "remove /data/sheets/a.tsv"),
        ("gene_sets", "nnls=a.gmt", "nnls takes no gene_sets", "remove /data/sheets/a.gmt"),
        ("pretrained", "net.pt", "net.pt has no method", "=/data/sheets/net.pt"),
    ],
)
def test_published_files_of_no_method_are_said(schema, column, cell, found, do):
    with pytest.raises(UsageError) as caught:
        given(schema, column, cell, ["nnls"])
    assert found in caught.value.found
    assert caught.value.expected
    assert do in caught.value.do


def test_parameters_of_a_command_line_get_their_types(rules):
    given = {
        "input": "s.csv",
        "outdir": "o",
        "methods": "nnls",
        "seed": "3",
        "level": "0.8",
        "quick": "false",
        "queue": None,
    }
    assert parameters.check_params(given, rules) == {
        "input": "s.csv", "outdir": "o", "methods": "nnls", "seed": 3, "level": 0.8, "quick": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "found", "do"),
    [
        ({"sede": 3}, "there is no parameter --sede", "did you mean --seed?"),
        ({"seed": "x"}, "--seed x", "give another value"),
        ({"seed": -1}, "--seed -1", "give another value"),
        ({"level": 1.5}, "--level 1.5", "give another value"),
        ({"methods": True}, "--methods True", "give another value"),
        ({"publish_mode": "cp"}, "--publish_mode cp: 'cp' is not one of copy", "give another value"),
        ({"input": None}, "--input is not given", "add --input"),
        ({"outdir": "o\n"}, "'o\\n' is not allowed", "give another value to --outdir"),
        ({"outdir": "$HOME"}, "'$HOME' is not allowed", "give another value to --outdir"),
        ({"seed": "0; id"}, "--seed 0; id", "give another value to --seed"),
        ({"train_args": "$(id)"}, "'$(id)' is not allowed", "give another value to --train_args"),
        ({"train_args": "--set a=' "}, "is not allowed", "give another value to --train_args"),
        ({"container": "x; id"}, "'x; id' is not allowed", "give another value to --container"),
    ],
)
def test_a_wrong_parameter_is_said(rules, given, found, do):
    with pytest.raises(UsageError) as caught:
        parameters.check_params({"input": "s.csv", "outdir": "o", "methods": "nnls", **given}, rules)
    assert found in caught.value.found
    assert do in caught.value.do


def test_methods_may_be_a_list(rules):
    given = {"input": "s.csv", "outdir": "o", "methods": ["scaden", "nnls"]}
    assert parameters.check_params(given, rules)["methods"] == "scaden,nnls"


@pytest.mark.parametrize(
    ("name", "method"),
    [("Scaden", "scaden"), ("MuSiC", "music"), ("CIBERSORTx", "nusvr"), ("InstaPrism", "bayesprism"), ("EPIC", "epic")],
)
def test_the_name_of_a_paper_leads_to_the_method(rules, name, method):
    given = parameters.check_params({"input": "s.csv", "outdir": "o", "methods": name}, rules)
    with pytest.raises(UsageError, match=f"no method '{name}'") as caught:
        parameters.check_methods(given["methods"], all_methods())
    assert caught.value.do.startswith(f"did you mean {method}?")


def test_methods_come_once_and_in_their_order():
    known = {"nnls", "scaden", "uniform"}
    assert parameters.check_methods("scaden, nnls,scaden,none", known) == ["scaden", "nnls"]
    assert parameters.check_methods("default,uniform", known, ("nnls", "scaden")) == ["nnls", "scaden", "uniform"]
    with pytest.raises(UsageError, match="no method 'scadne'") as caught:
        parameters.check_methods("scadne", known)
    assert caught.value.do.startswith("did you mean scaden?")
    with pytest.raises(UsageError, match="no method is named"):
        parameters.check_methods("none,none", known)


def test_the_script_writes_what_nextflow_reads(tmp_path, root):
    (tmp_path / "sheet.csv").write_text("id,bulk,reference\r\na,b.tsv,c.h5ad\r\n")
    (tmp_path / "params.json").write_text(
        '{"input": "sheet.csv", "outdir": "o", "methods": "nnls", "controls": "none"}'
    )
    command = [sys.executable, root / "bin" / "unmix_samplesheet.py", "sheet.csv", "--out-dir", "tables"]
    command += ["--schema", root / "assets" / "schema_input.json", "--params", "params.json"]
    command += ["--params-schema", root / "nextflow_schema.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads((tmp_path / "tables" / "rows.json").read_text())
    assert (row["bulk"], row["reference_name"]) == (str(tmp_path / "b.tsv"), "c")
    assert row["mrna_per_cell"] == "auto"  # a source, and no path
    assert json.loads((tmp_path / "tables" / "jobs.json").read_text()) == [
        {
            "id": "a",
            "method": "nnls",
            "deep": False,
            "control": False,
            "panel": False,
            "expresses": False,
            "needs_bulk": False,
            "needs_calibration": False,
            "needs_malignant": False,
            "needs_prior": False,
            "published": [],
            "takes": "signature",
        }
    ]
    (tmp_path / "sheet.csv").write_text("id,bulk\na,b.tsv\n")
    done = subprocess.run(
        [*command[:-4], "--out-dir", "other"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 65
    assert "has no column reference" in done.stderr
    assert not (tmp_path / "other").exists()
