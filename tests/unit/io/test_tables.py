import gzip

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmix.errors import DataError
from unmix.io import tables
from unmix.io.truth import read_truth

NAMES = st.text("abcXYZ019_.+/ äµ", min_size=1, max_size=8).map(str.strip).filter(bool)
VALUES = st.floats(-1e9, 1e9, allow_subnormal=False)


@st.composite
def frames(draw):
    rows = draw(st.lists(NAMES.map("r{}".format), min_size=1, max_size=6))
    columns = draw(st.lists(NAMES.map("c{}".format), min_size=1, max_size=5))
    cells = draw(
        st.lists(
            st.lists(VALUES, min_size=len(columns), max_size=len(columns)),
            min_size=len(rows),
            max_size=len(rows),
        )
    )
    return pd.DataFrame(cells, index=pd.Index(rows, name="gene"), columns=columns)


def text(frame, separator="\t", corner="gene"):
    lines = [separator.join([corner, *frame.columns])]
    lines += [
        separator.join([name, *map(repr, map(float, row))])
        for name, row in zip(frame.index, frame.to_numpy(), strict=True)
    ]
    return lines


@settings(max_examples=60, deadline=None)
@given(
    frame=frames(),
    separator=st.sampled_from("\t,;"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    trailing=st.sampled_from(["", "one end", "blank lines", "empty column", "comment"]),
    compressed=st.booleans(),
)
def test_a_table_reads_the_same_however_it_was_saved(
    tmp_path_factory, frame, separator, end, encoding, trailing, compressed
):
    lines = text(frame, separator)
    if trailing == "empty column":
        lines = [line + separator for line in lines]
    if trailing == "blank lines":
        lines += ["", separator * 2, ""]
    if trailing == "comment":
        lines = ["# made by a tool", *lines]
    raw = (end.join(lines) + (end if trailing else "")).encode(encoding)
    path = tmp_path_factory.getbasetemp() / "table.txt"
    path.write_bytes(gzip.compress(raw, mtime=0) if compressed else raw)
    read = tables.read_table(path)
    assert list(read.index) == list(frame.index)
    assert list(read.columns) == list(frame.columns)
    np.testing.assert_array_equal(read.to_numpy(), frame.to_numpy())


@settings(max_examples=40, deadline=None)
@given(frame=frames(), name=st.sampled_from(["t.tsv", "t.tsv.gz"]))
def test_what_is_written_reads_back_to_the_last_bit(tmp_path_factory, frame, name):
    path = tmp_path_factory.getbasetemp() / name
    tables.write_table(frame, path, "gene")
    first = path.read_bytes()
    tables.write_table(tables.read_table(path), path, "gene")
    assert path.read_bytes() == first
    np.testing.assert_array_equal(tables.read_table(path).to_numpy(), frame.to_numpy())


def test_mends_are_said(tmp_path):
    path = tmp_path / "bulk.csv"
    path.write_bytes("gene;s1;s2\r\nACTB;1,5;2\r\nB2M;3;4,25\r\n".encode("utf-8-sig"))
    read = tables.read_table(path)
    assert read.loc["ACTB", "s1"] == 1.5
    assert read.loc["B2M", "s2"] == 4.25
    said = " ".join(read.attrs["messages"])
    assert "decimal commas" in said
    assert "Windows" in said
    assert "byte-order" in said


def test_r_tables_without_a_corner_and_with_quotes_are_read(tmp_path):
    path = tmp_path / "r.txt"
    path.write_text('"s1"\t"s2"\n"HLA-A"\t1\t2\n"B, 2"\t3\tNA\n')
    read = tables.read_table(path)
    assert list(read.columns) == ["s1", "s2"]
    assert list(read.index) == ["HLA-A", "B, 2"]
    assert np.isnan(read.loc["B, 2", "s2"])


def test_gene_called_na_keeps_its_name_and_text_columns_stay_text(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text("gene_id\tgene_name\ts1\nNA\tACTB\t1\nnan\t\t2\n")
    read = tables.read_table(path)
    assert list(read.index) == ["NA", "nan"]
    assert list(read["gene_name"]) == ["ACTB", ""]


def test_gct_header_is_skipped(tmp_path):
    path = tmp_path / "t.gct"
    path.write_text("#1.2\n2\t1\nName\tDescription\ts1\nENSG1\tACTB\t1\nENSG2\tB2M\t2\n")
    assert list(tables.read_table(path)["s1"]) == [1, 2]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "empty"),
        (b"\n\n \n", "empty"),
        (b"gene\ts1\n", "no rows"),
        (b"gene\nACTB\n", "one column"),
        (b"gene\ts1\ts2\nACTB\t1\t2\nB2M\t3\n", "row 3 ('B2M"),
        (b"gene\ts1\nACTB\t1\nB2M\t1.2.3\nGAPDH\t5\n", "'1.2.3' in row 'B2M', column 's1'"),
        (b"gene\ts1\nACTB\t1\nB2M\tinf\n", "infinite"),
        (b"PK\x03\x04....", "Excel"),
        (b"\x89HDF\r\n\x1a\n....", "HDF5"),
        (b"gene\ts1\n\x00\x01", "binary"),
        (gzip.compress(b"gene\ts1\nACTB\t1\n" * 99, mtime=0)[:-20], "truncated gzip"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, content, found):
    path = tmp_path / "bad.tsv"
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        tables.read_table(path)
    assert found in error.value.found
    assert error.value.expected
    assert error.value.do


def test_missing_file_and_folder_are_refused(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        tables.read_table(tmp_path / "nothing.tsv")
    with pytest.raises(DataError, match="folder"):
        tables.read_table(tmp_path)


def test_damaged_h5ad_is_refused(tmp_path):
    import anndata

    whole = tmp_path / "whole.h5ad"
    anndata.AnnData(np.ones((20, 30))).write_h5ad(whole)
    raw = whole.read_bytes()
    for name, content, found in [
        ("half", raw[: len(raw) // 2], "truncated"),
        ("empty", b"", "empty"),
        ("text", b"gene\ts1\n", "not an HDF5"),
    ]:
        path = tmp_path / f"{name}.h5ad"
        path.write_bytes(content)
        with pytest.raises(DataError, match=found):
            tables.read_h5ad(path)
    anndata.AnnData(obs=pd.DataFrame(index=["a", "b"])).write_h5ad(tmp_path / "no_x.h5ad")
    with pytest.raises(DataError, match="no matrix"):
        tables.read_h5ad(tmp_path / "no_x.h5ad")


def test_truth_is_read_in_either_orientation_and_from_pseudobulk(tmp_path):
    import anndata

    truth = pd.DataFrame([[0.25, 0.75], [0.5, 0.5]], index=["s1", "s2"], columns=["B cell", "T"])
    tables.write_table(truth, tmp_path / "t.tsv", "sample")
    tables.write_table(truth.T, tmp_path / "turned.tsv", "type")
    pd.testing.assert_frame_equal(read_truth(tmp_path / "t.tsv"), truth, check_names=False)
    turned = read_truth(tmp_path / "turned.tsv", samples=["s1", "s2"])
    pd.testing.assert_frame_equal(turned, truth, check_names=False)
    data = anndata.AnnData(np.ones((2, 3)), obs=pd.DataFrame(index=truth.index))
    data.obsm["mrna_fractions"] = truth
    data.write_h5ad(tmp_path / "t.h5ad")
    pd.testing.assert_frame_equal(read_truth(tmp_path / "t.h5ad", "mrna"), truth, check_names=False)
    with pytest.raises(DataError, match="cell_fractions"):
        read_truth(tmp_path / "t.h5ad")


def test_impossible_truth_is_refused(tmp_path):
    for content, found in [
        ("sample\tB\tT\ns1\t-0.5\t1.5\n", "negative"),
        ("sample\tB\tnote\ns1\t0.5\tgood\n", "text"),
        ("sample\tB\tT\ns1\t0.5\t0.5\ns1\t0.5\t0.5\n", "twice"),
        ("sample\tB\tT\ns1\t0.5\t0.5\ns2\t40\t60\n", "'s2' looks like percent, sample 's1' like fractions"),
        ("sample\tpurity\ns1\t0.5\ns2\t60\n", "looks like percent"),
        ("sample\tB\tT\ns1\t400\t600\ns2\t40\t60\n", "has 1000, which is neither"),
        ("sample\tB\tT\ns1\t12 %\t0.6\ns2\t40 %\t0.6\n", "percent sign, and some of column 'T'"),
        ("sample\tB\tT\ns1\t120 %\t0 %\ns2\t40 %\t60 %\n", "has 120"),
    ]:
        (tmp_path / "t.tsv").write_text(content)
        with pytest.raises(DataError, match=found):
            read_truth(tmp_path / "t.tsv")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("sample\tB\tT\ns1\t25\t75\ns2\t50\t50\n", [[0.25, 0.75], [0.5, 0.5]]),
        ("sample\tB\tT\ns1\t25\t70\ns2\t0\t0\n", [[0.25, 0.7], [0, 0]]),  # a part of the types
        ("sample\tpurity\ns1\t71.5\ns2\t100\n", [[0.715], [1]]),
        ("sample\tB\tT\ns1\t0.5 %\t99.5%\ns2\t50%\t50%\n", [[0.005, 0.995], [0.5, 0.5]]),
        ("sample;B;T\ns1;12,5 %;0 %\ns2;50 %;50 %\n", [[0.125, 0], [0.5, 0.5]]),
    ],
)
def test_truth_in_percent_is_divided_and_it_is_said(tmp_path, content, expected):
    (tmp_path / "t.tsv").write_text(content)
    truth = read_truth(tmp_path / "t.tsv")
    assert np.allclose(truth, expected)
    assert sum("percent" in sentence for sentence in truth.attrs["messages"]) == 1


@pytest.mark.parametrize("content", ["B\tT\ns1\t1\t0\n", "B\tT\ns1\t0.84\t0.91\n", "purity\ns1\t1.0\ns2\t0.2\n"])
def test_truth_in_fractions_stays_as_it_is(tmp_path, content):
    (tmp_path / "t.tsv").write_text("sample\t" + content)
    truth = read_truth(tmp_path / "t.tsv")
    assert truth.equals(tables.read_table(tmp_path / "t.tsv"))
    assert truth.attrs["messages"] == []


@pytest.mark.shared
def test_every_real_table_is_read(shared):
    files = sorted((shared / "data").glob("*/*.tsv*"))
    assert files
    for path in files:
        assert tables.read_table(path).size


ROWS = [["ACTB", "1", "2"], ["B2M", "3", "4"], ["GAPDH", "5", "6"]]


def joined(header, rows, separator="\t"):
    return "\n".join(separator.join(cells) for cells in [header, *rows]) + "\n"


@pytest.mark.parametrize("separator", "\t,;")
@pytest.mark.parametrize(
    ("header", "rows"),
    [
        (["gene", "s1", "s2"], [[*row, ""] for row in ROWS]),
        (["gene", "s1", "s2"], [[*row, "", ""] for row in ROWS]),
        (["gene", "s1", "s2", ""], ROWS),
        (["gene", "s1", "s2", ""], [[*row, ""] for row in ROWS]),
        (["gene", "s1", "s2"], [ROWS[0], [*ROWS[1], ""], ROWS[2]]),
        (["gene", "s1", "s2"], [[*ROWS[0], ""], ROWS[1], [*ROWS[2], ""]]),
        (["", "s1", "s2"], ROWS),
        (["", "s1", "s2"], [[*row, ""] for row in ROWS]),
        (["s1", "s2"], ROWS),
        (["s1", "s2"], [[*row, ""] for row in ROWS]),
        (['"gene"', '"s1"', '"s2"'], [[f'"{row[0]}"', *row[1:], '""'] for row in ROWS]),
    ],
)
def test_a_separator_too_many_shifts_no_sample(tmp_path, header, rows, separator):
    path = tmp_path / "t.txt"
    path.write_text(joined(header, rows, separator))
    read = tables.read_table(path)
    assert list(read.columns) == ["s1", "s2"]
    np.testing.assert_array_equal(read.to_numpy(), [[1, 2], [3, 4], [5, 6]])
    assert list(read.index) == ["ACTB", "B2M", "GAPDH"]


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        (["s1", "s2", ""], ROWS),  # R's header with a separator too many, or a column without a name
        (["gene", "", "s2"], ROWS),
        (["s1", "s2", "s3"], [[*row, ""] for row in ROWS]),  # the third sample may be empty
    ],
)
def test_names_that_may_belong_to_two_columns_are_refused(tmp_path, header, rows):
    (tmp_path / "t.txt").write_text(joined(header, rows))
    with pytest.raises(DataError, match="names and columns do not match"):
        tables.read_table(tmp_path / "t.txt")


def test_a_last_sample_without_values_keeps_its_place(tmp_path):
    (tmp_path / "t.txt").write_text(joined(["gene", "s1", "s2"], [[row[0], row[1], ""] for row in ROWS]))
    read = tables.read_table(tmp_path / "t.txt")
    assert list(read["s1"]) == [1, 3, 5]
    assert read["s2"].isna().all()


def test_a_name_that_begins_with_a_hash_is_a_row(tmp_path):
    (tmp_path / "t.txt").write_text("sample\tACTB\tB2M\n#1\t1\t2\ns2\t3\t4\n# made by hand\n")
    assert list(tables.read_table(tmp_path / "t.txt").index) == ["#1", "s2"]


LARGE = np.random.default_rng(0).integers(1, 30_000, (80, 3))


@pytest.mark.parametrize(("mark", "separator"), [(",", "\t"), (",", ";"), (".", "\t"), (",", ",")])
def test_thousands_are_told_from_decimals_by_the_whole_file(tmp_path, mark, separator):
    quote = '"' if separator == mark else ""
    cells = [[f"{quote}{value:,}{quote}".replace(",", mark) for value in row] for row in LARGE]
    rows = [[f"G{i}.1", *row] for i, row in enumerate(cells)]
    (tmp_path / "t.txt").write_text(joined(["gene", "a", "b", "c"], rows, separator))
    read = tables.read_table(tmp_path / "t.txt")
    np.testing.assert_array_equal(read.to_numpy(), LARGE)
    assert "thousands" in " ".join(read.attrs["messages"])


def test_a_decimal_comma_below_the_first_rows_is_seen(tmp_path):
    rows = [[f"G{i}", "1,234" if i < 60 else "2,5"] for i in range(70)]
    (tmp_path / "t.txt").write_text(joined(["gene", "a"], rows))
    assert list(tables.read_table(tmp_path / "t.txt")["a"])[:1] == [1.234]


@pytest.mark.parametrize("cells", [["1,234", "5,678"], ["1,234", "12"]])
def test_a_comma_that_may_mean_both_is_refused(tmp_path, cells):
    (tmp_path / "t.txt").write_text(joined(["gene", "a"], [["G1", cells[0]], ["G2", cells[1]]]))
    with pytest.raises(DataError, match="both readings fit"):
        tables.read_table(tmp_path / "t.txt")


def test_three_decimals_are_decimals(tmp_path):
    values = np.random.default_rng(0).uniform(1, 900, (99, 3))
    rows = [[f"G{i}", *(f"{value:.3f}" for value in row)] for i, row in enumerate(values)]
    (tmp_path / "t.txt").write_text(joined(["gene", "a", "b", "c"], rows))
    np.testing.assert_allclose(tables.read_table(tmp_path / "t.txt"), values, atol=1e-3)


def test_chromosomes_are_text(tmp_path):
    (tmp_path / "t.txt").write_text("gene\tchromosome\ts1\nA\t1\t5\nB\t2\t6\nC\tX\t7\n")
    assert list(tables.read_table(tmp_path / "t.txt")["chromosome"]) == ["1", "2", "X"]
