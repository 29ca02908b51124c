"""The report as its reader meets it: one page, readable without scripts, with the numbers of the tables."""

from __future__ import annotations

import html.parser
import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from unmix import report
from unmix.errors import DataError
from unmix.evaluation import pairing
from unmix.report import words

TYPES = ["CD4+ T <naive>", 'B/plasma & "memory"', "Monocyte's", "γδ T"]
SAMPLES = [f"donor <{i}> & co" for i in range(8)]
VOID = {"meta", "br", "hr", "img", "input", "link"}  # SVG elements close themselves by "/>"


class Page(html.parser.HTMLParser):
    """Reads a page strictly: every tag closed in order; keeps text, tags and attributes."""

    def __init__(self, text):
        super().__init__()
        self.open, self.text, self.tags, self.ids = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.text.append(data)

    def words(self):
        return " ".join(" ".join(self.text).split())


def fractions(samples=SAMPLES, types=TYPES, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(rng.dirichlet(np.ones(len(types)), len(samples)), index=samples, columns=types)


def write(folder, values, *, kind="cell fraction", method=None, truth=None, flags=None, **facts):
    """Write what predict and evaluate leave of one method."""
    folder.mkdir(parents=True)
    values.rename_axis(f"sample ({kind})").to_csv(folder / "fractions.tsv", sep="\t")
    short = {"cell fraction": "cell", "mRNA fraction": "mrna", "score": "score"}[kind]
    long = values.stack().rename("fraction").rename_axis(["sample", "cell_type"]).reset_index()
    long = long.assign(lower=(long.fraction - 0.05).clip(0), upper=(long.fraction + 0.05).clip(upper=1))
    long["flag"] = long["sample"].map(flags or {}).fillna("ok")
    long.assign(quantity=short).to_csv(folder / "fractions_long.tsv", sep="\t", index=False)
    record = {
        "unmix": "0.1.0",
        "seed": 7,
        "method": method or {"name": folder.name},
        "inputs": {"bulk": {"path": "bulk <1>.tsv", "sha256": "ab12" * 16}},
        "versions": {"numpy": "2.1.3"},
        "messages": ["The bulk & its unit: counts."],
        **facts,
    }
    (folder / "run.json").write_text(json.dumps(record))
    if truth is not None:
        pairs = pairing.pair(values, truth, quantity=short, long=long)
        pairs.metrics(np.random.default_rng(0)).to_csv(folder / "metrics.tsv", sep="\t", index=False, na_rep="NA")
        pairs.long().to_csv(folder / "pairs.tsv", sep="\t", index=False, na_rep="NA")
        record = {"evaluation": {"notes": pairs.notes}}
        (folder / "metrics.run.json").write_text(json.dumps(record))
    return values


SCADEN = {"name": "scaden", "title": "Scaden", "family": "deep", "citation": "Menden K et al.", "doi": "10.1/x<y>"}


@pytest.fixture
def folder(tmp_path):
    """Two methods and two controls, with truth, check and reference."""
    truth = fractions()
    noise = fractions(seed=1)
    flags = {SAMPLES[2]: "unlike_reference", SAMPLES[5]: "low_coverage;unlike_reference"}
    place = tmp_path / "results"
    write(place / "scaden", 0.8 * truth + 0.2 * noise, method=SCADEN, truth=truth, flags=flags, level=0.9)
    write(place / "nnls", 0.4 * truth + 0.6 * noise, truth=truth)
    write(place / "uniform", truth * 0 + 0.25, truth=truth)
    write(place / "odd", truth * 0 + [0.4, 0.3, 0.2, 0.1], method={"name": "odd", "family": "control"}, truth=truth)
    (place / "check").mkdir()
    rows = ["level\twhat\tsentence", "corrected\tids\tTwo <genes> were added.", "warning\tunit\tThe unit is a guess."]
    (place / "check" / "check.tsv").write_text("\n".join(rows) + "\n")
    (place / "reference.run.json").write_text(json.dumps({"messages": ["3 cells were dropped."]}))
    return place


def page(place, **options):
    return report.render(report.read_results(place, **options))


def test_what_a_killed_process_left_is_no_method(folder):
    (folder / ".unmix-partial-x").mkdir()
    for name in ("fractions.tsv", "fractions_long.tsv", "run.json"):
        (folder / ".unmix-partial-x" / name).write_bytes((folder / "nnls" / name).read_bytes())
    assert ".unmix-partial-x" not in [method.name for method in report.read_results(folder).methods]


def test_page_is_well_formed_and_needs_nothing(folder):
    text = page(folder)
    read = Page(text)
    assert "script" not in {tag for tag, _ in read.tags}
    assert not [name for _, attrs in read.tags for name in attrs if name.startswith("on")]
    for tag, attrs in read.tags:
        assert "src" not in attrs
        assert tag not in {"link", "iframe", "object", "img", "base"}
        if "href" in attrs:
            assert tag in {"a", "use"}
            saved = ("data:image/svg+xml;base64,",) if "download" in attrs else ()
            assert attrs["href"].startswith(("#", "https://doi.org/", *saved) if tag == "a" else "#")
    assert not re.search(r"url\(|@import", text)
    assert len(read.ids) == len(set(read.ids))
    links = {attrs["href"][1:] for tag, attrs in read.tags if tag in {"a", "use"} and attrs["href"].startswith("#")}
    assert links <= set(read.ids)


def test_every_name_stands_there_escaped(folder):
    text = page(folder)
    assert "<naive>" not in text
    assert "donor <" not in text
    read = Page(text).words()
    for name in [*TYPES, *SAMPLES]:
        assert name in read


def test_numbers_are_those_of_the_tables(folder):
    read = Page(page(folder, headline="scaden")).words()
    table = pd.read_csv(folder / "scaden" / "metrics.tsv", sep="\t", keep_default_na=False, na_values=["NA"])
    shown = {"pearson": words.number, "ccc": words.number, "mae": words.percent, "spearman": words.number}
    for row in table.query("level in ('type', 'mean_type') and metric in @shown").itertuples():
        if row.level == "mean_type" and row.metric == "spearman":
            continue
        write_number = shown[row.metric]
        interval = f"{write_number(row.lower)} to {write_number(row.upper)}"
        assert f"{write_number(row.value)} {interval}" in read, row
    values = pd.read_csv(folder / "scaden" / "fractions.tsv", sep="\t", index_col=0)
    for value in values.to_numpy().ravel():
        assert f" {100 * value:.1f} " in read


def test_summary_says_what_was_done_and_how_good_it_is(folder):
    read = Page(page(folder, headline="scaden")).words()
    assert "cell fractions of 4 cell types in 8 samples were estimated with Scaden" in read
    assert "2 of 8 samples are flagged and should be checked: donor <2> & co and donor <5> & co." in read
    assert re.search(r"Empirical coverage of the 90% intervals: \d+%\.", read)
    assert "The best of the input-independent controls (odd and uniform) reach a mean r of 0.00" in read
    assert "Scaden is clearly better than every control." in read


def test_what_was_checked_and_how_it_was_made_is_repeated(folder):
    read = Page(page(folder, headline="scaden")).words()
    for sentence in ["Two <genes> were added.", "3 cells were dropped.", "The bulk & its unit: counts."]:
        assert read.count(sentence) == 1
    assert "ab12" * 16 in read
    assert "numpy 2.1.3" in read
    assert "Menden K et al. doi:10.1/x<y>" in read


def test_flags_are_explained(folder):
    read = Page(page(folder, headline="scaden")).words()
    assert "donor <5> & co low_coverage, unlike_reference" in read
    assert "no pseudobulk of the reference's cell types explains" in read


def test_controls_are_marked_and_constants_explained(folder):
    read = Page(page(folder)).words()
    assert "uniform control" in read
    assert "odd control" in read
    assert "nnls control" not in read
    assert "0.00*" in read
    assert "The estimate is the same for every sample." in read


def test_headline_is_the_method_whose_table_lies_on_top(folder):
    assert report.read_results(folder).headline.name == "nnls"  # the first that is no control
    (folder / "fractions.tsv").write_bytes((folder / "scaden" / "fractions.tsv").read_bytes())
    assert report.read_results(folder).headline.name == "scaden"
    assert report.read_results(folder, "uniform").headline.name == "uniform"
    with pytest.raises(DataError, match="no method 'music'"):
        report.read_results(folder, "music")


def skip(place, step="train", method=None, **error):
    """Write what a step leaves of a method that cannot be applied."""
    place.parent.mkdir(parents=True, exist_ok=True)
    error = {"found": "music needs 2 <donors>", "expected": "cells of several donors", "do": "name the column", **error}
    place.write_text(json.dumps({"step": step, "method": method or {"name": place.parent.name}, "error": error}))


def test_methods_that_were_left_out_are_named_with_the_reason(folder):
    skip(folder / "music" / "skipped.json", method={"name": "music", "title": "MuSiC", "family": "classical"})
    skip(folder / "music" / "attributions.skipped.json", "explain", found="nothing to explain")
    skip(folder / "nnls" / "metrics.skipped.json", "evaluate", found="no type is shared")
    skip(folder / "scaden" / "skipped.json", found="of an earlier run")
    text = page(folder, headline="scaden")
    read = Page(text).words()
    assert "Also requested, but not applicable to these data: MuSiC. " in read
    reason = "music needs 2 <donors>. Needed: cells of several donors. What to do: name the column."
    assert f"MuSiC {reason}" in read
    assert "nnls its accuracy only no type is shared." in read
    assert "nothing to explain" not in read
    assert "of an earlier run" not in read
    assert "were also estimated with nnls." in read
    with pytest.raises(DataError, match="no method 'music'"):
        report.read_results(folder, "music")


def test_where_every_method_was_left_out_the_page_says_so(tmp_path):
    skip(tmp_path / "music" / "skipped.json")
    (tmp_path / "check").mkdir()
    (tmp_path / "check" / "check.tsv").write_text("level\twhat\tsentence\nok\tunit\tThe values are counts.\n")
    read = Page(page(tmp_path))
    assert "There are no estimates. 1 method was requested, and none is applicable to these data." in read.words()
    assert "music needs 2 <donors>." in read.words()
    assert "The values are counts." in read.words()
    assert {"summary", "skipped", "checks"} == set(read.ids)


def test_where_the_input_cannot_be_used_the_page_says_so(tmp_path):
    skip(
        tmp_path / "check" / "skipped.json",
        "check",
        {},
        exit_code=65,
        found="a.tsv: a value is negative.",
        do="give counts",
    )
    read = Page(page(tmp_path))
    assert "There are no estimates. The bulk cannot be used. The next section gives" in read.words()
    assert "Bulk a.tsv: a value is negative. Needed" in read.words()
    assert "not applicable" not in read.words()


def test_a_method_that_failed_is_not_called_inapplicable(folder):
    skip(folder / "music" / "skipped.json", "predict", exit_code=65, found="3 % of the genes")
    read = Page(page(folder)).words()
    assert "Also requested, but failed: music. " in read
    assert "not applicable" not in read


def test_same_folder_same_bytes(folder):
    assert page(folder) == page(folder)


def test_one_sample_one_method_no_truth(tmp_path):
    write(tmp_path / "results", fractions(SAMPLES[:1]))
    text = page(tmp_path / "results")
    read = Page(text)
    assert "No known fractions were given" in read.words()
    assert {"accuracy", "scatter", "agreement"}.isdisjoint(read.ids)
    assert {"summary", "fractions", "limits", "provenance", "citing"} <= set(read.ids)
    assert not re.search(r"\bnan\b", text, re.IGNORECASE)


def test_one_sample_with_truth_shows_no_nan(tmp_path):
    truth = fractions(SAMPLES[:1])
    for name in ("scaden", "uniform"):
        write(tmp_path / name, truth * 0.5 + 0.125, truth=truth)
    text = page(tmp_path)
    Page(text)
    assert "No correlation across samples is defined" in text
    assert not re.search(r"\bnan\b", text, re.IGNORECASE)


def test_wide_table_alone_is_enough(tmp_path):
    fractions().to_csv(tmp_path / "fractions.tsv", sep="\t")
    text = page(tmp_path)
    assert "samples_to_check" not in Page(text).ids
    assert not re.search(r"\bnan\b", text, re.IGNORECASE)


def test_five_hundred_samples_and_thirty_types_are_summarised(tmp_path):
    samples, types = [f"S{i:03d}" for i in range(500)], [f"type {i}" for i in range(30)]
    truth = fractions(samples, types)
    write(tmp_path / "scaden", 0.5 * truth + 0.5 * fractions(samples, types, seed=1), truth=truth.head(40))
    text = page(tmp_path)
    read = Page(text)
    assert len([1 for _, attrs in read.tags if attrs.get("aria-label") == "Stacked columns of 100 samples"]) == 1
    assert "3 rarer cell types" in read.words()
    assert all(name in read.words() for name in types)
    assert "mean of 5 samples, " in text
    assert len(text) < 1_600_000  # half of it are the figures to save


def by_table(source, words, candidates=()):
    values = dict.fromkeys(TYPES, 0.5)
    return {"source": source, "words": words, "values": values, "candidates": dict.fromkeys(candidates, values)}


def test_the_mrna_per_cell_that_was_given_is_told(tmp_path):
    write(tmp_path / "nnls", fractions(), mrna_per_cell=by_table("table", "the given table of mRNA per cell"))
    text = page(tmp_path)
    assert "The mRNA per cell comes from the table that was given" in text
    assert f"were computed with the given table of mRNA per cell: {TYPES[0]} 0.5" in Page(text).words()


def test_the_page_begins_with_the_kind_of_fractions(tmp_path):
    used = by_table("published", "the published mRNA per cell of EPIC and quanTIseq", ["epic", "quantiseq"])
    write(tmp_path / "nnls", fractions(), mrna_per_cell=used)
    words = Page(page(tmp_path)).words()
    first = "These are fractions of cells, by the published mRNA per cell of EPIC and quanTIseq."
    assert words.index(first) < words.index("were estimated with")
    assert "Finotello" in words
    assert "Racle" in words
    write(tmp_path / "other" / "nnls", fractions(), kind="mRNA fraction")
    assert "These are fractions of mRNA, not of cells." in Page(page(tmp_path / "other")).words()


def test_unknown_content_that_is_not_judged_is_a_limitation(tmp_path):
    said = "Unknown content is not judged here."
    write(tmp_path / "nnls", fractions(), unexpressed={"median": None, "warned": False, "sentence": said})
    assert said in Page(page(tmp_path)).words().split("Limitations")[-1]


def test_a_consensus_leads_with_its_methods_and_their_distance(tmp_path):
    one, other = fractions(), fractions(seed=1)
    write(tmp_path / "nnls", one)
    write(tmp_path / "scaden", other, method=SCADEN)
    facts = {"members": {"nnls": "NNLS", "scaden": "Scaden"}, "missing": ["dissect"], "rule": "geometric mean"}
    facts["unexpressed"] = {"median": 0.2, "warned": True, "sentence": "Unknown content: the reference lacks 20%."}
    write(tmp_path / "consensus", (one + other) / 2, method={"name": "consensus", "title": "Consensus"}, **facts)
    words = Page(page(tmp_path, headline="consensus")).words()
    assert "were estimated with the consensus of 2 methods." in words
    assert "geometric mean of NNLS and Scaden, each by the same mRNA per cell. Without dissect, which belong" in words
    assert "Unknown content: the reference lacks 20%." in words
    apart = 100 * (one - other).abs().mean().iloc[0]
    section = words.split("It is no interval")[1].split("Agreement between methods")[0]
    assert f"{apart:.1f}" in section


def test_scores_are_never_called_fractions(tmp_path):
    truth = fractions()
    write(tmp_path / "xcell", truth * 3 - 0.2, kind="score", truth=truth)
    write(tmp_path / "scaden", truth, truth=truth)
    read = Page(page(tmp_path, headline="xcell"))
    assert "The scores of 4 cell types" in read.words()
    assert "These are scores, not fractions." in read.words()
    assert not [label for _, attrs in read.tags if "Stacked" in (label := attrs.get("aria-label", ""))]
    assert "percentage points" not in read.words().split("Accuracy against known fractions")[0]


def test_step_writes_the_page_or_says_why_not(folder, tmp_path, root):
    command = [sys.executable, str(root / "bin" / "unmix_report.py")]
    out = tmp_path / "out" / "report.html"
    done = subprocess.run(
        [*command, folder, "--out", out, "--title", "Blood <1>"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "<title>Blood &lt;1&gt;</title>" in out.read_text()
    empty = tmp_path / "empty"
    empty.mkdir()
    done = subprocess.run([*command, empty], capture_output=True, text=True, check=False, cwd=empty)
    assert done.returncode == 65
    assert "no fractions.tsv" in done.stderr
    assert list(empty.iterdir()) == []


def test_what_weakens_the_numbers_is_said(tmp_path):
    truth = fractions()
    model = {"quick": True, "intervals": {"held_out": "cells"}, "reference_genes": ["A1BG"] * 1000}
    write(tmp_path / "scaden", truth, truth=truth, model=model)
    write(tmp_path / "uniform", truth * 0 + 0.25, truth=truth, method={"name": "uniform", "title": "Uniform (control)"})
    text = page(tmp_path)
    read = Page(text).words()
    assert "Do not use these estimates." in read
    assert "They are too narrow for a new donor." in read
    assert "With 8 samples, correlations are uncertain." in read
    assert "A1BG" not in text


@pytest.mark.parametrize(
    ("value", "text"), [(0.735, "0.73"), (-0.2, "\N{MINUS SIGN}0.20"), (-0.001, "0.00"), (float("nan"), "\N{EN DASH}")]
)
def test_numbers_are_typeset(value, text):
    assert words.number(value) == text


@pytest.mark.shared
def test_nine_published_methods_make_one_page(shared, tmp_path):
    source = shared / "golden" / "dissect_published"
    truth = pd.read_csv(source / "gt__Monaco_I.txt", sep="\t", index_col=0)
    for path in source.glob("*__Monaco_I.txt"):
        name = path.stem.split("__")[0]
        if name != "gt":
            write(tmp_path / name, pd.read_csv(path, sep="\t", index_col=0), truth=truth)
    write(tmp_path / "reference_mean", truth * 0 + truth.mean(), truth=truth)
    read = Page(page(tmp_path, headline="DISSECT"))
    assert re.search(r"input-independent control reference_mean reaches 0\.[6-9]", read.words())
    assert {"accuracy", "scatter", "agreement"} <= set(read.ids)
    assert "MuSiC" in read.words()
