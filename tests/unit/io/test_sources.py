"""References built from files as CELLxGENE and GEO serve them: a host on this machine, and every way to be refused."""

from __future__ import annotations

import gzip
import http.server
import json
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import unmix
from unmix.io import entries, registry, sources
from unmix.simulate.toy import toy

if TYPE_CHECKING:
    import anndata as ad

ROOT = Path(__file__).resolve().parents[3]
VERSION = "00000000-0000-4000-8000-000000000000.h5ad"


class Host:
    """A web server of a folder, which counts what is asked for; names in `broken` end after half of their bytes."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.asked, self.broken = folder, [], set()
        host = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.path.removeprefix("/")
                host.asked.append(name)
                path = host.folder / name
                if not path.is_file():
                    self.send_error(404)
                    return
                body = path.read_bytes()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) // 2] if name in host.broken else body)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def host(tmp_path, monkeypatch):
    """Return a host; what is downloaded and built goes to a folder of the test. A broken download is not waited for."""
    monkeypatch.setenv(registry.VARIABLE, str(tmp_path / "registry"))
    monkeypatch.setattr("time.sleep", lambda _: None)
    (tmp_path / "served").mkdir()
    found = Host(tmp_path / "served")
    yield found
    found.close()


@pytest.fixture(scope="module")
def cells():
    """Return the toy's cells under Ensembl identifiers, with the columns of the schema; a half is of another study."""
    data = toy()[0].copy()
    genes = pd.read_csv(registry.DATA / "genes_human.tsv.gz", sep="\t").drop_duplicates("symbol")
    data.var_names = genes["gene_id"].iloc[: data.n_vars].to_numpy()
    number = np.arange(data.n_obs)
    data.obs = pd.DataFrame(
        {
            "cell_type": pd.Categorical(data.obs["cell_type"].astype(str)),
            "donor_id": pd.Categorical([f"d{one % 4}" for one in number // 2]),
            "disease": pd.Categorical(np.where(number % 7 == 0, "lupus", "normal")),
            "is_primary_data": number % 2 == 0,
            "tissue": "blood",
            "assay": "10x 3' v3",
        },
        index=data.obs_names,
    )
    return data


def as_cellxgene(cells: ad.AnnData, path: Path, url: str, **changed) -> Path:
    """Write cells as CELLxGENE serves them: normalised in X, counts in raw.X; `changed` are faults of the file."""
    data = cells.copy()
    data.obs = data.obs.drop(columns=changed.get("without", []))
    if names := changed.get("genes"):
        data.var_names = [f"{names}{number}" for number in range(data.n_vars)]
    counts = data.copy()
    data.X = data.X.multiply(1e4 / data.X.sum(1)).log1p().tocsr().astype(np.float32)
    if "counts" in changed:
        counts.X = data.X
    data.raw = counts
    page = "https://cellxgene.cziscience.com/collections/x"
    data.uns = {
        "title": "toy",
        "schema_version": "5.2.0",
        "citation": f"Publication: https://doi.org/1 Dataset Version: {changed.get('cites', url)} "
        f"curated and distributed by CZ CELLxGENE Discover in Collection: {page}",
    }
    data.write_h5ad(path, compression="gzip")
    return path


def entered(monkeypatch, name: str, types, files, options, label_map, **source) -> None:
    """Put a reference into the registry whose files have an address of the host."""
    given = [entries.File.model_construct(**{"member": "", "size": 0, "sha256": "", **file}) for file in files]
    annotation = source.pop("annotation", None)
    entry = registry.get("references", "pbmc-binvignat").model_copy(
        update={
            "types": tuple(sorted(types)),
            "options": options,
            "label_map": label_map,
            "source": entries.Source.model_construct(
                **{"licence": "CC0", "page": "", "package": "", "package_version": "", "layout": "", **source},
                files=tuple(given),
                annotation=annotation
                and entries.File.model_construct(**{"member": "", "size": 0, "sha256": "", **annotation}),
            ),
        }
    )
    monkeypatch.setitem(registry.registry().references, name, entry)


@pytest.fixture
def toy_entry(host, cells, monkeypatch):
    """Return the address of a reference in CELLxGENE's layout; the entry asks for healthy cells of its own study."""
    url = f"{host.url}/{VERSION}"
    types = sorted(cells.obs["cell_type"].unique())
    options = {
        "cell_type_key": "cell_type",
        "donor_key": "donor_id",
        "keep": {"disease": ["normal"], "is_primary_data": ["True"]},
    }
    label_map = {name: name for name in types}
    file = {"url": url, "name": VERSION}
    entered(monkeypatch, "toy", types, [file], options, label_map, layout="cellxgene")
    return url


def build(name: str, *arguments: object):
    sys.path.insert(0, str(ROOT / "bin"))
    from unmix_download import main

    return CliRunner().invoke(main, ["references", name, "--build", *map(str, arguments)])


def left(tmp_path: Path) -> list[str]:
    """Return the files that a building has left, but for the downloaded ones."""
    folder = tmp_path / "registry"
    return [
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and "sources" not in path.parts
    ]


def test_a_reference_is_built_from_a_file_of_cellxgene(toy_entry, host, cells, tmp_path):
    as_cellxgene(cells, host.folder / VERSION, toy_entry)
    assert registry.state("references", "toy") == "not built, unverified"
    done = build("toy")
    assert done.exit_code == 0, done.output
    assert "toy is unverified" in done.output
    assert registry.state("references", "toy") == "on this machine, unverified"
    found = unmix.read_reference("registry:toy")
    wanted = cells[(cells.obs["disease"] == "normal") & cells.obs["is_primary_data"]]
    assert set(found.obs_names) <= set(wanted.obs_names)
    assert found.n_obs > 0.9 * wanted.n_obs
    assert np.array_equal(found.X.toarray(), wanted[found.obs_names, found.var_names].X.toarray())
    record = json.loads((tmp_path / "registry/references/toy.h5ad.run.json").read_text())
    assert record["made"]["files"] == {VERSION: registry.sha256(host.folder / VERSION)}
    assert record["made"]["cells"] == found.n_obs
    assert record["made"]["donors"] == 4
    assert host.asked == [VERSION]
    assert not sources.store("toy").exists()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"cites": "https://datasets.cellxgene.cziscience.com/other.h5ad"}, ["cites https://", "other.h5ad"]),
        ({"without": ["donor_id"]}, ["no column 'donor_id'", "is_primary_data"]),
        ({"counts": False}, ["holds no counts in raw/X"]),
        ({"genes": "CD"}, ["names a gene 'CD0'", "Ensembl identifiers"]),
    ],
)
def test_a_file_that_is_not_what_the_recipe_says_is_refused(toy_entry, host, cells, tmp_path, changed, words):
    as_cellxgene(cells, host.folder / VERSION, toy_entry, **changed)
    done = build("toy")
    assert done.exit_code == 65
    assert all(word in done.output for word in words), done.output
    assert left(tmp_path) == []


def test_a_page_in_place_of_the_file_is_refused(toy_entry, host, tmp_path):
    (host.folder / VERSION).write_text("<html>Moved</html>")
    done = build("toy")
    assert done.exit_code == 65
    assert "is a page of the web" in done.output
    assert not list((tmp_path / "registry").rglob("*.*"))


def test_other_cell_types_are_refused_and_the_file_is_not_downloaded_again(toy_entry, host, cells, tmp_path):
    other = cells.copy()
    other.obs["cell_type"] = other.obs["cell_type"].cat.rename_categories({cells.obs["cell_type"].iloc[0]: "new type"})
    as_cellxgene(other, host.folder / VERSION, toy_entry)
    for _ in range(2):
        done = build("toy")
        assert done.exit_code == 65
        assert "was made with types" in done.output
        assert "new type" in done.output
    assert left(tmp_path) == []
    assert host.asked == [VERSION]


def test_a_download_that_breaks_off_or_has_no_file_leaves_nothing(toy_entry, host, cells, tmp_path):
    done = build("toy")
    assert done.exit_code == 65
    assert "404" in done.output
    as_cellxgene(cells, host.folder / VERSION, toy_entry)
    host.broken.add(VERSION)
    done = build("toy")
    assert done.exit_code == 65
    assert "cannot be downloaded" in done.output
    assert not list((tmp_path / "registry").rglob("*.*"))
    host.broken.clear()
    assert build("toy").exit_code == 0


def test_size_and_sha256_are_compared(toy_entry, host, cells, monkeypatch, tmp_path):
    path = as_cellxgene(cells, host.folder / VERSION, toy_entry)
    entry = registry.get("references", "toy")
    for change, words in (
        ({"size": 7}, f"has {path.stat().st_size:,} bytes"),
        ({"sha256": "0" * 64}, f"has sha256 {registry.sha256(path)}"),
    ):
        file = entry.source.files[0].model_copy(update=change)
        source = entry.source.model_copy(update={"files": (file,)})
        monkeypatch.setitem(registry.registry().references, "toy", entry.model_copy(update={"source": source}))
        done = build("toy")
        assert done.exit_code == 65
        assert words in done.output
        assert not list((tmp_path / "registry").rglob("*.*"))


def test_the_first_building_is_recorded_and_later_ones_must_find_the_same(
    toy_entry, host, cells, monkeypatch, tmp_path, capsys
):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import zoo

    path = as_cellxgene(cells, host.folder / VERSION, toy_entry)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "registry_recorded.json").write_text("{}")
    monkeypatch.setattr(registry, "DATA", tmp_path / "data")
    registry.recorded.cache_clear()
    try:
        assert build("toy").exit_code == 0
        zoo.record("toy")
        assert "toy: recorded" in capsys.readouterr().out
        assert registry.recorded()["toy"].files == {VERSION: registry.sha256(path)}
        assert registry.state("references", "toy") == "on this machine"
        done = build("toy")
        assert done.exit_code == 0
        assert "unverified" not in done.output
        as_cellxgene(cells[: cells.n_obs // 2], path, toy_entry)
        done = build("toy")
        assert done.exit_code == 65
        assert "has sha256" in done.output
        assert registry.local("registry:toy", "references").is_file()
    finally:
        monkeypatch.undo()
        registry.recorded.cache_clear()


@pytest.fixture
def geo(host, cells, monkeypatch):
    """Return two references as GEO serves them: a table of each donor, and counts with a table of the cells."""
    types = sorted(cells.obs["cell_type"].unique())
    symbols = pd.read_csv(registry.DATA / "genes_human.tsv.gz", sep="\t").set_index("gene_id")["symbol"]
    data = cells.copy()
    data.var_names = symbols.reindex(cells.var_names).to_numpy()
    names = [f"GSM{number}_human{number}_counts.csv.gz" for number in (1, 2)]
    for number, name in enumerate(names):
        table = data[number::2].to_df().astype(int)
        table.insert(0, "barcode", [f"ACGT-{one}" for one in range(len(table))])
        table.insert(1, "assigned_cluster", data.obs["cell_type"].astype(str)[number::2])
        table.to_csv(host.folder / name)
    data.to_df().astype(int).T.to_csv(host.folder / "GSE0_counts.csv.gz")
    annotation = pd.DataFrame({"samples": data.obs["donor_id"], "cell.types": data.obs["cell_type"]})
    annotation.to_csv(host.folder / "GSE0_cell.annotations.csv.gz", index_label="cells")
    label_map = {name: name for name in types}
    files = [{"url": f"{host.url}/{name}", "name": f"human{number}.csv.gz"} for number, name in enumerate(names, 1)]
    options = {"cell_type_key": "assigned_cluster", "donor_key": "file"}
    entered(monkeypatch, "by-donor", types, files, options, label_map)
    (counts, cell_table) = (
        {"url": f"{host.url}/GSE0_{name}", "name": f"GSE0_{name}"}
        for name in ("counts.csv.gz", "cell.annotations.csv.gz")
    )
    options = {"cell_type_key": "cell.types", "donor_key": "samples"}
    entered(monkeypatch, "by-table", types, [counts], options, label_map, annotation=cell_table)
    return names


def test_references_are_built_from_tables_of_geo(geo, host, cells):
    for name, donors in (("by-donor", {"human1", "human2"}), ("by-table", {"d0", "d1", "d2", "d3"})):
        done = build(name)
        assert done.exit_code == 0, done.output
        found = unmix.read_reference(f"registry:{name}")
        assert set(found.obs["donor"]) == donors
        assert set(found.obs["cell_type"]) == set(cells.obs["cell_type"])
    assert len(host.asked) == 4


def test_files_that_a_user_has_are_given_by_their_names(geo, host, tmp_path):
    done = build("by-donor", "--source", host.folder / geo[0], "--source", host.folder / geo[1])
    assert done.exit_code == 0, done.output
    assert set(unmix.read_reference("registry:by-donor").obs["donor"]) == {"human1", "human2"}
    (tmp_path / "mine.csv.gz").write_bytes(gzip.compress(b"x"))
    done = build("by-donor", "--source", tmp_path / "mine.csv.gz")
    assert done.exit_code == 2
    assert "mine.csv.gz is no file of this reference" in done.output
    assert host.asked == []
