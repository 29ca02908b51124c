"""Any table of text ends in a table or in one of our errors; 5,000 examples, of several kinds."""

import gzip
import warnings

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unmix.errors import UnmixError
from unmix.io import cell_tables, check, tables

NAMES = st.sampled_from(
    [
        "CD4",
        "CD8A",
        "ENSG00000153563.4",
        "1-Mar",
        "915",
        "gene",
        "",
        "S1",
        "S 2",
        '"q"',
        "__no_feature",
        "NA",
        "age",
        "TPM",
        "#x",
    ]
)
CELLS = st.one_of(
    st.integers(-3, 10**7).map(str),
    st.floats(allow_nan=True, allow_infinity=True, width=32).map(str),
    st.sampled_from(
        ["", "NA", "1,234", "1.234", "1.234,5", "1e5", "x", "TRUE", " 7", '"8"', '"', "0x1F", "-", "\u00a0", "10 000"]
    ),
)
MARKS = [
    "#1.2",
    "#1.3\n2\t2\t1\t1",
    "!Series_title\tx\n!series_matrix_table_begin",
    "%%MatrixMarket",
    "# comment",
    "N_unmapped\t1",
]


@st.composite
def texts(draw):
    """Tables that are nearly right: a separator, ragged rows, strange cells, lines of other formats."""
    separator = draw(st.sampled_from("\t,; "))
    width = draw(st.integers(1, 5))
    header = draw(st.lists(NAMES, min_size=0, max_size=width + 1))
    rows = draw(
        st.lists(
            st.tuples(NAMES, st.lists(CELLS, min_size=max(0, width - 1), max_size=width + 1)), min_size=0, max_size=8
        )
    )
    lines = [separator.join(header), *(separator.join([name, *cells]) for name, cells in rows)]
    if draw(st.integers(0, 3)) == 0:
        lines.insert(draw(st.integers(0, len(lines))), draw(st.sampled_from(MARKS)))
    return draw(st.sampled_from(["\n", "\r\n", "\r"])).join(lines)


BYTES = st.one_of(
    texts().flatmap(lambda text: st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]).map(text.encode)),
    texts().map(lambda text: gzip.compress(text.encode(), 1)),
    st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")),
    st.binary(max_size=80),
)


@pytest.mark.parametrize("read", [tables.read_table, check.read_bulk, lambda path: cell_tables.read(path, [])])
def test_any_text_is_a_table_or_one_of_our_errors(tmp_path, read):
    path, said = tmp_path / "any.tsv", set()

    @settings(
        max_examples=1700, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(content=BYTES)
    def tried(content):
        path.write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            try:
                found = read(path)
            except UnmixError as error:
                return said.add(bool(error.found and error.expected and error.do))
        assert len(found)
        assert not isinstance(found, pd.DataFrame) or found.columns.size
        return None

    tried()
    assert said == {True}  # what was found, what was expected, what to do
