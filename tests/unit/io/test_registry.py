"""Models and references by name: from the registry file to a prediction, and every way in which a file is refused."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pooch
import pytest
from click.testing import CliRunner

import unmix
from unmix.errors import DataError, UsageError
from unmix.io import download, registry
from unmix.methods import all_methods
from unmix.pipeline import samplesheet

ROOT = Path(__file__).resolve().parents[3]
SCANPY = "pbmc-10x"


def script(name, *arguments):
    command = [sys.executable, ROOT / "bin" / f"unmix_{name}.py", *arguments]
    return subprocess.run([str(part) for part in command], capture_output=True, text=True)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build the reference that an installed package carries, and a model of it, as a user does."""
    folder = tmp_path_factory.mktemp("registry")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(registry.VARIABLE, str(folder))
        for kind, name in (("references", SCANPY), ("models", f"{SCANPY}.nnls")):
            done = script("download", kind, name, "--build")
            assert done.returncode == 0, done.stderr
            assert f"registry:{name}" in done.stderr
    return folder


@pytest.fixture
def home(built, tmp_path, monkeypatch):
    """Return a copy of the folder of entries, which a test may change."""
    for path in built.rglob("*.*"):
        copy = tmp_path / path.relative_to(built)
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(path.read_bytes())
    monkeypatch.setenv(registry.VARIABLE, str(tmp_path))
    return tmp_path


@pytest.fixture
def bulk(tmp_path):
    """Return a bulk of the reference's own genes."""
    cells = unmix.read_reference(f"registry:{SCANPY}")
    table = cells.to_df().groupby(cells.obs["cell_type"].astype(str).to_numpy()).sum().T
    table.to_csv(tmp_path / "bulk.tsv", sep="\t", index_label="gene")
    return tmp_path / "bulk.tsv"


def test_every_entry_is_complete_and_only_published_ones_have_an_address():
    found = registry.registry()
    for kind in registry.ENDINGS:
        for name in getattr(found, kind):
            card = registry.card(kind, name)
            assert all(card[fact] for fact in ("title", "tissue", "species", "licence", "types")), name
            assert bool(card["cells"]) == registry.verified(kind, name), name
            assert ("unverified" in card["state"]) == (not registry.verified(kind, name)), name
            assert bool(card["url"]) == bool(card["sha256"]), name
            assert list(card["types"]) == sorted(card["types"]), name
    assert all(one.method in all_methods() for one in found.models.values())


def test_recipes_rename_labels_to_the_types_that_they_promise():
    for name, one in registry.registry().references.items():
        assert set(one.label_map.values()) - {""} == set(one.types), name
        recorded = registry.recorded().get(name)
        assert recorded is None or set(recorded.files) == {file.name for file in one.source.all_files}, name
        assert len({file.name for file in one.source.all_files}) == len(one.source.all_files), name


def test_measured_accuracy_is_of_models_of_the_registry():
    assert set(registry.measured()) <= set(registry.registry().models)
    assert all(0 < values["rmse"] < 1 for values in registry.measured().values())


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ("registry:pbmc10x.nnls", "models", ["no model 'pbmc10x.nnls'", "did you mean pbmc-10x.nnls?"]),
        ("registry:zzz", "references", ["no reference 'zzz'", "unmix_models.py lists all"]),
        (f"registry:{SCANPY}", "models", ["is one of the references"]),
        ("registry:../../etc/passwd", "models", ["no model"]),
    ],
)
def test_an_unknown_name_is_refused_with_a_proposal(given, kind, words):
    with pytest.raises(UsageError) as error:
        registry.local(given, kind)
    assert all(word in str(error.value) for word in words)


def test_a_path_stays_a_path():
    assert registry.local("a/model.safetensors", "models") == Path("a/model.safetensors")


def test_what_is_not_here_is_refused_with_the_command_that_brings_it(tmp_path, monkeypatch):
    monkeypatch.setenv(registry.VARIABLE, str(tmp_path))
    with pytest.raises(DataError, match="is not on this machine") as error:
        registry.local(f"registry:{SCANPY}.nnls", "models")
    assert error.value.do == f"unmix_download.py models {SCANPY}.nnls --build"
    done = script("predict", f"registry:{SCANPY}.nnls", "bulk.tsv")
    assert done.returncode == 65
    assert "is not on this machine" in done.stderr
    assert "--build" in done.stderr


def test_an_entry_that_is_not_published_is_not_downloaded(tmp_path, monkeypatch):
    monkeypatch.setenv(registry.VARIABLE, str(tmp_path))
    done = script("download", "models", f"{SCANPY}.nnls")
    assert done.returncode == 2
    assert "is not published yet" in done.stderr
    assert f"unmix_download.py models {SCANPY}.nnls --build" in done.stderr
    assert not list(tmp_path.rglob("*.*"))


def test_a_built_model_and_reference_give_fractions_by_name(home, bulk, tmp_path):
    """By script, in Python and in a samplesheet; the pure samples are found."""
    done = script("predict", f"registry:{SCANPY}.nnls", bulk, "--unit", "counts", "--out-dir", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    fractions = unmix.predict(f"registry:{SCANPY}.nnls", bulk, unit="counts").values
    assert (fractions.idxmax(axis=1) == fractions.index).all()
    assert len((tmp_path / "out" / "fractions.tsv").read_text().splitlines()) == len(fractions) + 1
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["inputs"]["model"]["sha256"] == registry.sha256(home / "models" / f"{SCANPY}.nnls.safetensors")
    results = unmix.deconvolve(bulk, f"registry:{SCANPY}", methods="nnls", controls="none", unit="counts")
    assert sorted(results.fractions.columns) == sorted(fractions.columns)
    schema = json.loads((ROOT / "assets" / "schema_input.json").read_text())
    (tmp_path / "sheet.csv").write_text(f"id,bulk,reference\na,bulk.tsv,registry:{SCANPY}\n")
    (row,) = samplesheet.resolve(samplesheet.read(tmp_path / "sheet.csv", schema), str(tmp_path), schema)
    assert row["reference"] == str(home / "references" / f"{SCANPY}.h5ad")
    assert row["reference_name"] == SCANPY


def test_a_changed_file_is_refused(home):
    path = home / "models" / f"{SCANPY}.nnls.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match="was changed") as error:
        unmix.predict(f"registry:{SCANPY}.nnls", "bulk.tsv")
    assert "--build" in error.value.do


def test_a_file_without_its_record_or_with_that_of_another_is_refused(home):
    path = home / "references" / f"{SCANPY}.h5ad"
    registry.record_of(path).unlink()
    with pytest.raises(DataError, match="was changed"):
        registry.local(f"registry:{SCANPY}", "references")
    (home / "models" / f"{SCANPY}.jointlog.safetensors").write_bytes(
        (home / "models" / f"{SCANPY}.nnls.safetensors").read_bytes()
    )
    note = json.loads((home / "models" / f"{SCANPY}.nnls.safetensors.run.json").read_text())
    note["outputs"] = {f"{SCANPY}.jointlog.safetensors": note["outputs"][f"{SCANPY}.nnls.safetensors"]}
    (home / "models" / f"{SCANPY}.jointlog.safetensors.run.json").write_text(json.dumps(note))
    with pytest.raises(DataError, match=f"is {SCANPY}.nnls, version 1"):
        registry.local(f"registry:{SCANPY}.jointlog", "models")


@pytest.fixture
def host(monkeypatch):
    """Let https://host/PATH be a file of this machine; other hosts cannot be reached."""

    def downloader(**_):
        def get(url, output, _):
            if not url.startswith("https://host"):
                raise OSError("no network")
            Path(output).write_bytes(Path(url.removeprefix("https://host")).read_bytes())

        return get

    monkeypatch.setattr(pooch, "HTTPDownloader", downloader)


def test_a_published_entry_is_downloaded_verified_and_used(home, host, monkeypatch, tmp_path):
    served = tmp_path / "served"
    made = home / "models" / f"{SCANPY}.nnls.safetensors"
    served.write_bytes(made.read_bytes())
    made.unlink()
    registry.record_of(made).unlink()
    entry = registry.get("models", f"{SCANPY}.nnls")
    monkeypatch.setitem(
        registry.registry().models,
        f"{SCANPY}.nnls",
        entry.model_copy(update={"url": f"https://host{served}", "sha256": registry.sha256(served)}),
    )
    assert registry.state("models", f"{SCANPY}.nnls") == "published"
    sys.path.insert(0, str(ROOT / "bin"))
    monkeypatch.syspath_prepend(str(ROOT / "bin"))
    from unmix_download import main

    done = CliRunner().invoke(main, ["models", f"{SCANPY}.nnls"])
    assert done.exit_code == 0, done.output
    assert registry.local(f"registry:{SCANPY}.nnls", "models") == made


@pytest.mark.parametrize(
    ("url", "words"), [("https://host{}", "has sha256"), ("https://nowhere/x", "cannot be downloaded")]
)
def test_a_wrong_checksum_or_no_network_leaves_nothing(host, tmp_path, url, words):
    (tmp_path / "served").write_bytes(b"another file")
    with pytest.raises(DataError, match=words) as error:
        download.fetch_file(url.format(tmp_path / "served"), hashlib.sha256(b"the file").hexdigest(), tmp_path / "out")
    assert "--build" in error.value.do
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("immune-states", [], ["not installed", "pip download --no-deps immucellai2==2.1.34"]),
        ("immune-states", ["--source", "{}/other.txt"], ["has sha256", "get the file from its source"]),
        ("immune-states", ["--source", "{}/gone.whl"], ["there is no file"]),
    ],
)
def test_a_reference_is_built_only_from_the_file_that_the_registry_names(tmp_path, monkeypatch, name, arguments, words):
    monkeypatch.setenv(registry.VARIABLE, str(tmp_path / "folder"))
    (tmp_path / "other.txt").write_text("gene\ta\nB\t1\n")
    done = script("download", "references", name, "--build", *(word.format(tmp_path) for word in arguments))
    assert done.returncode in (2, 65)
    assert all(word in done.stderr for word in words), done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "folder").rglob("*.h5ad"))


def test_the_cards_are_shown(home):
    listed = script("models")
    assert listed.returncode == 0
    assert "on this machine" in listed.stdout
    assert "to be built" in listed.stdout
    assert "not built, unverified" in listed.stdout
    assert "not known before it is built" in script("models", "pbmc-binvignat").stdout
    shown = script("models", f"{SCANPY}.nnls").stdout
    assert all(word in shown for word in ("CC BY 4.0", "687", "blood (PBMC)"))
    assert {card["name"] for card in json.loads(script("models", "--format", "json").stdout)} >= {SCANPY}
    assert "did you mean" in script("models", "pbmc10x").stderr
