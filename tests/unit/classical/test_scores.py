"""Tests of scores over gene sets, of published files, of downloads, and of the scores on their way to the user."""

from __future__ import annotations

import gzip
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from unmix import engine
from unmix.classical.scores import ssgsea
from unmix.errors import DataError, NotApplicable, UsageError
from unmix.evaluation import pairing
from unmix.io import download, gene_sets, signatures, tables
from unmix.io.fractions import read_fractions, write_fractions
from unmix.io.long_tables import read_long
from unmix.simulate.toy import toy


@pytest.fixture(scope="module")
def data():
    return toy()


@pytest.fixture(scope="module")
def profiles(data):
    """Genes x types of the toy reference, per million, and the relative mRNA of a cell."""
    from unmix.reference import Reference

    cells = Reference.from_anndata(data[0])
    return pd.DataFrame((1e6 * cells.profiles()).T, cells.genes, cells.cell_types), cells.mrna_per_cell()


def write(path, lines):
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_enrichment_is_the_sum_of_the_running_difference():
    rng = np.random.default_rng(0)
    sample, member = rng.normal(5, 1.5, 40), np.arange(40) % 7 == 0
    order = np.argsort(-sample)
    weights = np.arange(40, 0, -1) ** 0.25 * member[order]
    running = np.cumsum(weights) / weights.sum() - np.cumsum(~member[order]) / (~member).sum()
    assert np.isclose(ssgsea(sample, member[None])[0], running.sum())


def test_enrichment_is_that_of_gseapy():
    rng = np.random.default_rng(0)
    samples = rng.normal(5, 1.5, (40, 2))  # as given to gseapy 1.3.1: ssgsea(sample_norm_method="rank", weight=0.25)
    member = np.zeros((3, 40), bool)
    for row, genes in enumerate([[1], [3, 4], [3, 4, 7]]):
        member[row, genes] = True
    expected = [[9.743590, 2.852252, -2.552568], [-0.512821, 1.011541, -3.841836]]
    assert np.allclose([ssgsea(sample, member) for sample in samples.T], expected, atol=1e-6)


def test_genes_that_are_equal_share_their_rank():
    sample, member = np.array([0.0, 0, 0, 1, 2]), np.array([[True, False, False, False, True]])
    assert ssgsea(sample, member)[0] == ssgsea(sample[[2, 1, 0, 3, 4]], member)[0]


def test_files_are_told_by_what_they_hold(tmp_path):
    files = [
        write(tmp_path / "sets.gmt", ["T cell\t\tCD3D\tCD3E", "B cell\tfrom\tCD19"]),
        write(tmp_path / "no_name", ["a\t\tCD1", "b\t\tCD2\tCD4", "c\t\tCD5\tCD6\tCD7"]),
        write(tmp_path / "more.tsv", ["HUGO symbols\tCell population", "NCAM1\tNK"]),
        write(tmp_path / "s.csv", ["gene,T,B", "CD3D,9.5,0", "CD19,0,8"]),
        write(tmp_path / "v.tsv", ["gene\tB\tT", "CD3D\t1\t2", "CD19\t3\t4"]),
        write(tmp_path / "size.tsv", ["type\tmrna", "T\t0.4", "B\t0.5"]),
        write(tmp_path / "list.txt", ["gene", "CD4", "CD8A"]),
        write(tmp_path / "curves.tsv", ["\tV1\tV2\tV3", "T\t1\t2\t3"]),
        write(tmp_path / "spill.tsv", ["\tT\tB", "B\t0.1\t1", "T\t1\t0"]),
    ]
    found = signatures.read(files)
    assert found.sets.pop("c") == ["CD5", "CD6", "CD7"]
    assert found.sets == {
        **{"T cell": ["CD3D", "CD3E"], "B cell": ["CD19"], "NK": ["NCAM1"]},
        **{"a": ["CD1"], "b": ["CD2", "CD4"]},
    }
    assert found.signature.loc["CD3D", "T"] == 9.5
    assert found.variance.loc["CD19"].to_dict() == {"T": 4, "B": 3}
    assert found.size["B"] == 0.5
    assert found.genes == ["CD4", "CD8A"]
    assert found.curves.shape == (1, 3)
    assert found.spillover.loc["B", "T"] == 0.1
    assert list(found.spillover) == list(found.spillover.index)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["gene\tT\tB", "CD3D\t-1\t2"], "-1.0 for 'CD3D'"),
        (["name\tnote", "a\tb"], "no column is named as one of genes"),
        (["\tV1\tV2\tV3", "T\t1\thigh\t3", "B\t1\tlow\t2"], "'V2' holds text"),
    ],
)
def test_files_that_are_none_of_these_are_refused(tmp_path, lines, says):
    with pytest.raises(DataError, match=says):
        signatures.read([write(tmp_path / "file.tsv", lines)])


@pytest.mark.parametrize("lines", [["T\t\tG1", "T\t\tG2"], ["T,x,G1,G2"], ["T\tno genes"], ["\tno name\tG1"]])
@pytest.mark.parametrize("name", ["sets.gmt", "sets.gmt.gz"])
def test_a_line_of_gmt_that_is_no_set_is_refused(tmp_path, lines, name):
    path = write(tmp_path / name, lines)
    path.write_bytes(gzip.compress(path.read_bytes()) if name.endswith("gz") else path.read_bytes())
    for reader in (gene_sets.read_gmt, lambda path: signatures.read([path])):
        with pytest.raises(DataError, match=r"stands twice|has no genes|without a name"):
            reader(path)


def test_gmt_of_a_spreadsheet_or_without_its_name_is_read(tmp_path):
    lines = ["StromalSignature\tx\tG1\tG2\tG3\tG4\tG5", "ImmuneSignature\tx\tH1\tH2\tH3\tH4\tH5"]
    (tmp_path / "sets.gmt").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    assert list(gene_sets.read_gmt(tmp_path / "sets.gmt")) == ["StromalSignature", "ImmuneSignature"]
    assert gene_sets.read_gmt(tmp_path / "sets.gmt")["ImmuneSignature"] == ["H1", "H2", "H3", "H4", "H5"]
    found = signatures.read([write(tmp_path / "sets.tabular", lines)])  # as Galaxy names it; the sets are of one size
    assert found.sets == gene_sets.read_gmt(tmp_path / "sets.gmt")


@pytest.mark.parametrize("lines", [["gene\tT\tB", "CD3D\t1\t2"], ["type\tmrna", "T\t1", "B\t2"]])
def test_a_second_signature_does_not_replace_the_first(tmp_path, lines):
    files = [write(tmp_path / "a.tsv", lines), write(tmp_path / "b.tsv", [line.replace("T", "U") for line in lines])]
    with pytest.raises(DataError, match=r"b\.tsv is the second file that holds"):
        signatures.read(files)


@pytest.mark.parametrize(
    ("method", "option", "name", "lines", "right"),
    [
        ("nnls", "signature", "sets.gmt", ["T\t\tGENE0001"], "--gene-sets"),
        ("nnls", "signature", "sets.tsv", ["gene_set\tgene", "T\tGENE0001"], "--gene-sets"),
        ("quantiseq", "signature", "network.pt", [""], "--pretrained"),
        ("epic", "signature", "curves.tsv", ["\tV1\tV2\tV3", "T\t1\t2\t3"], "--gene-sets"),
        ("mcpcounter", "gene_sets", "table.tsv", ["gene\tT\tB", "GENE0001\t1\t2"], "--signature"),
        ("xcell", "gene_sets", "network.npz", [""], "--pretrained"),
        ("hascad", "pretrained", "sets.gmt.gz", ["T\t\tGENE0001"], "--gene-sets"),
    ],
)
def test_a_file_under_the_wrong_option_is_an_error_that_names_the_right_one(
    data, tmp_path, method, option, name, lines, right
):
    path = write(tmp_path / name, lines)
    with pytest.raises(UsageError, match=f"given under --{option.replace('_', '-')}, holds") as error:
        engine.train(method, data[0], **{option: [path]}, quick=True, device="cpu")
    assert error.value.do.startswith(f"give it as {right} {path}")


def test_a_signature_is_no_table_of_gene_lengths(data, tmp_path):
    path = write(tmp_path / "signature.tsv", ["gene\tT\tB", "GENE0001\t1\t2"])
    with pytest.raises(DataError, match="no table of genes and their lengths"):
        engine.train("gbmpurity", data[0], malignant=["NK"], pretrained=[path], quick=True, device="cpu")


def test_a_published_signature_brings_its_types_and_genes(data, profiles, tmp_path):
    signature, _ = profiles
    own = signature.rename(columns={"NK": "natural killer"}).rename(index={"GENE0000": "OTHER"}).iloc[:300]
    tables.write_table(own, tmp_path / "signature.tsv", index_label="gene")
    model = engine.train("nnls", data[0], signature=[tmp_path / "signature.tsv"], quick=True, device="cpu")
    assert model.genes[0] == "OTHER"
    found = engine.predict(model, data[1], device="cpu")
    assert list(found.values) == list(own)
    assert np.allclose(found.values.sum(axis=1), 1)
    assert found.lower["natural killer"].isna().all()  # the reference cannot tell how wrong it is
    assert (found.lower["B cell"] <= found.values["B cell"]).all()
    truth = data[1].obsm["mrna_fractions"].rename(columns={"NK": "natural killer"})
    assert np.sqrt(((found.values - truth[list(own)]) ** 2).to_numpy().mean()) < 0.05


def test_sizes_turn_mrna_into_cells_and_their_lack_is_said(data, profiles, tmp_path):
    signature, size = profiles
    files = [tmp_path / "signature.tsv", tmp_path / "size.tsv"]
    tables.write_table(signature, files[0], index_label="gene")
    tables.write_table(pd.DataFrame({"mrna": size}, signature.columns), files[1], index_label="cell_type")
    options = {"quick": True, "device": "cpu"}
    with pytest.raises(UsageError, match="how much mRNA"):
        engine.train("nnls", data[0], signature=files[:1], settings=["fractions=cell"], **options)
    truth = data[1].obsm["cell_fractions"]
    for name, settings in (("nnls", ["fractions=cell"]), ("quantiseq", []), ("epic", [])):
        model = engine.train(name, data[0], signature=files, settings=settings, **options)
        found = engine.predict(model, data[1], device="cpu").values
        assert model.quantity == "cell"
        assert np.sqrt(((found - truth[list(found)]) ** 2).to_numpy().mean()) < 0.045, name
        assert name == "nnls" or engine.train(name, data[0], signature=files[:1], **options).quantity == "mrna"


def test_scores_follow_the_fractions_and_reach_the_user_as_scores(data, tmp_path):
    model = engine.train("mcpcounter", data[0], quick=True, device="cpu")
    found = engine.predict(model, data[1], device="cpu")
    write_fractions(found, tmp_path.joinpath)
    assert (tmp_path / "fractions.tsv").read_text().startswith("sample (score)\t")
    table, kind = read_fractions(tmp_path / "fractions.tsv")
    long = read_long(tmp_path / "fractions_long.tsv", ("sample", "cell_type"))
    pairs = pairing.pair(table, data[1].obsm["cell_fractions"], quantity=kind, long=long)
    metrics = pairs.metrics(np.random.default_rng(0))
    assert set(metrics["metric"]) == {"pearson", "spearman"}
    mean = metrics[(metrics["level"] == "mean_type") & (metrics["metric"] == "pearson")]["value"].item()
    assert mean > 0.85
    assert "r per cell type" in pairing.summary(metrics)


def test_estimate_needs_its_sets_and_tells_purity(data, tmp_path):
    with pytest.raises(NotApplicable, match="gene sets"):
        engine.train("estimate", data[0], quick=True, device="cpu")
    genes = list(data[1].var_names)
    sets = write(
        tmp_path / "s.gmt", ["StromalSignature\t\t" + "\t".join(genes[:40]), "Immune\t\t" + "\t".join(genes[40:80])]
    )
    model = engine.train("estimate", data[0], gene_sets=[sets], quick=True, device="cpu")
    found = engine.predict(model, data[1][:1].copy(), device="cpu").values  # one sample is enough
    assert list(found) == ["StromalScore", "ImmuneScore", "ESTIMATEScore", "TumorPurity"]
    total = found["StromalScore"] + found["ImmuneScore"]
    assert np.allclose(found["ESTIMATEScore"], total)
    with pytest.raises(NotApplicable, match="share 0 cell types"):  # a benchmark goes on without it
        pairing.pair(found, data[1].obsm["cell_fractions"], quantity="score")
    assert np.allclose(found["TumorPurity"], np.clip(np.cos(0.6049872018 + 0.0001467884 * total), 0, 1))
    wrong = write(tmp_path / "w.gmt", ["T cell\t\t" + "\t".join(genes[:9])])
    with pytest.raises(NotApplicable, match="are T cell"):
        engine.train("estimate", data[0], gene_sets=[wrong], quick=True, device="cpu")


def test_xcell_compares_samples_and_takes_spillover_away(data, tmp_path):
    from unmix.reference import Reference
    from unmix.reference.markers import find_markers

    cells = Reference.from_anndata(data[0])
    chosen = find_markers((1e6 * cells.profiles()) + 1, 20)
    names = [f"{name}%toy%1" for name in cells.cell_types]
    sets = ["\t".join([name, "", *cells.genes[own]]) for name, own in zip(names, chosen, strict=True)]
    curves = pd.DataFrame([[1, 1.0, 0.5]] * 6, cells.cell_types, ["V1", "V2", "V3"])
    spill = pd.DataFrame(np.eye(6), cells.cell_types, cells.cell_types)
    spill.loc["NK", "B cell"] = 1.0  # half of it: what a B cell adds to the score of NK
    files = [write(tmp_path / "sets.gmt", sets), tmp_path / "curves.tsv", tmp_path / "spill.tsv"]
    tables.write_table(curves, files[1])
    tables.write_table(spill, files[2])
    plain = engine.train("xcell", data[0], gene_sets=files[:2], quick=True, device="cpu")
    freed = engine.train("xcell", data[0], gene_sets=files, quick=True, device="cpu")
    with pytest.raises(NotApplicable, match="1 bulk sample"):
        engine.predict(plain, data[1][:1].copy(), device="cpu")
    before, after = (engine.predict(model, data[1], device="cpu").values for model in (plain, freed))
    assert list(before) == cells.cell_types
    truth = data[1].obsm["mrna_fractions"]
    assert np.mean([np.corrcoef(before[name], truth[name])[0, 1] for name in before]) > 0.8
    expected = np.clip(before["NK"] - 0.5 * before["B cell"], 0, None)
    high = expected > 0
    assert np.allclose(after["NK"][high], expected[high], atol=1e-9)


@pytest.fixture
def host(monkeypatch):
    """Serve files of this machine in place of those of hosts, and keep what was asked for; without waiting."""
    import pooch
    import requests

    asked = []

    def downloader(**_):
        def serve(url, output, _):
            asked.append(url)
            try:
                shutil.copyfile(url.removeprefix("https://host"), output)
            except FileNotFoundError as error:
                raise requests.exceptions.ConnectionError("no such host") from error

        return serve

    monkeypatch.setattr(pooch, "HTTPDownloader", downloader)
    monkeypatch.setattr("pooch.core.time.sleep", lambda _: None)
    return asked


def test_downloads_are_encrypted():
    assert all(source.url.startswith("https://") for one in download.SIGNATURES.values() for source in one.sources)


def test_a_download_is_what_it_was_or_is_refused(tmp_path, host, capfd):
    raw = write(tmp_path / "raw.txt", ['"T cell"\t"B cell"', '"CD3D"\t7\t0', '"CD19"\t0.000975309138853567\t8'])
    download.convert(raw, "signature", tmp_path / "expected.tsv")
    source = download.Source(
        f"https://host{raw}", "signature", "s.tsv", download.fingerprint(tmp_path / "expected.tsv")
    )
    download.fetch(source, tmp_path / "s.tsv")
    assert signatures.read([tmp_path / "s.tsv"]).signature.loc["CD3D", "T cell"] == 7
    raw.write_text(raw.read_text().replace("8", "9"))
    with pytest.raises(DataError, match="has changed"):
        download.fetch(source, tmp_path / "t.tsv")
    host.clear()
    with pytest.raises(DataError, match="cannot be downloaded") as error:
        download.fetch(replace(source, url=f"https://host{tmp_path}/gone.txt"), tmp_path / "u.tsv")
    assert len(host) == 1 + download.RETRIES
    assert "unmix_train.py with --signature" in error.value.do
    assert not any((tmp_path / name).exists() for name in ("t.tsv", "u.tsv"))
    assert capfd.readouterr() == ("", "")
    with pytest.raises(UsageError, match="one of abis") as error:
        download.get("lm22")
    assert "docs/signatures.md" in str(error.value)


@pytest.mark.parametrize("page", [["<html>", "<body>Please sign in</body>"], ["type\tmrna", "T\tmuch"], [""]])
@pytest.mark.parametrize("holds", ["signature", "size", "genes", "sets"])
def test_a_page_in_place_of_a_download_is_an_error_that_names_the_address(tmp_path, host, page, holds):
    raw = write(tmp_path / "raw.txt", page)
    source = download.Source(f"https://host{raw}", holds, "file.tsv", "0" * 64)
    with pytest.raises(DataError, match="has changed") as error:
        download.fetch(source, tmp_path / "file.tsv")
    assert source.url in error.value.found
    assert not (tmp_path / "file.tsv").exists()


@pytest.mark.parametrize(
    ("holds", "lines", "expected"),
    [
        ("size", ["B.cells\t65.5", "NK.cells\t7"], "cell_type\tmrna\nB.cells\t65.5\nNK.cells\t7.0\n"),
        ("genes", ["gene", "CD36", "CSTA"], "CD36\nCSTA\n"),
        (
            "sets",
            ['"HUGO symbols"\t"Cell population"', '"CD3D"\t"T cells"', '"CD5"\t"T cells"'],
            "T cells\t\tCD3D\tCD5\n",
        ),
    ],
)
def test_downloads_are_written_as_training_reads_them(tmp_path, holds, lines, expected):
    download.convert(write(tmp_path / "raw.txt", lines), holds, tmp_path / "out")
    assert (tmp_path / "out").read_text() == expected


def test_genes_of_the_score_without_files_are_markers(data):
    model = engine.train("mcpcounter", data[0], settings=["markers=5"], quick=True, device="cpu")
    assert (model.arrays["member"].sum(1) == 5).all()
