"""Tests of gistwire_indexer.sources.csv_rows."""

import csv
import io

import pytest
from gistwire_indexer.errors import SourceError
from gistwire_indexer.sources import SourceRecord
from gistwire_indexer.sources.csv_rows import read_csv
from gistwire_indexer.sources.lines import MAX_LINE_BYTES
from hypothesis import given
from hypothesis import strategies as st


def read(data: bytes) -> list[SourceRecord]:
    return list(read_csv(io.BytesIO(data), origin="test"))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_told_by_the_header(delimiter: str) -> None:
    (record,) = read(
        delimiter.join(["Id", "Title", "Authors\na-1", '"Rates, rise; again"', "A. Writer\n"]).encode()
    )
    assert record.fields is not None
    assert record.fields.id == "a-1"
    assert record.fields.headline == "Rates, rise; again"
    assert record.fields.metadata == {"Authors": "A. Writer"}


def test_quoted_cells_may_span_lines_and_lines_are_counted_truly() -> None:
    records = read(b'\ntitle,body\r\n"One","first\r\nsecond ""quoted"""\r\n\r\n,\r\nTwo,\r\n')
    assert [(record.line, record.fields and record.fields.headline) for record in records] == [
        (3, "One"),
        (7, "Two"),
    ]
    assert records[0].fields is not None
    assert records[0].fields.body == 'first\r\nsecond "quoted"'
    assert records[0].raw == '"One","first\r\nsecond ""quoted"""\r\n'


def test_empty_cells_and_columns_without_a_name_are_left_out() -> None:
    (record,) = read(b",title,authors\n0,Rates rise,\n")
    assert record.fields is not None
    assert record.fields.metadata == {}


def test_a_row_with_too_many_or_too_few_cells_is_refused_alone() -> None:
    records = read(b"id,title\n1,One\n2\n3,Three,3\n4,Four\n")
    assert [record.error is None for record in records] == [True, False, False, True]
    assert [record.line for record in records] == [2, 3, 4, 5]


def test_a_row_that_is_not_utf_8_is_refused_alone() -> None:
    bad, good = read(b"id,title\n1,\xff\n2,Two\n")
    assert bad.error is not None
    assert bad.error.description == "the row is not UTF-8"
    assert bad.raw == "1,\ufffd\n"
    assert good.fields is not None


def test_long_bodies_are_read() -> None:
    (record,) = read(b"title,body\nOne," + b"x" * 200_000 + b"\n")
    assert record.fields is not None
    assert len(record.fields.body) == 200_000


def test_a_line_over_the_limit_is_refused_alone() -> None:
    long, good = read(b"id,title\n1," + b"x" * 3 * MAX_LINE_BYTES + b"\n2,Two\n")
    assert long.error is not None
    assert long.line == 2
    assert len(long.raw) == 4_096
    assert good.line == 3
    assert good.fields is not None


def test_a_quote_that_is_never_closed_gathers_no_more_than_the_limit() -> None:
    lines = b"2,Two is a row\n" * (MAX_LINE_BYTES // 10)
    records = read(b'id,title\n1,"never closed\n' + lines)
    assert records[0].error is not None
    assert records[0].line == 2
    assert records[-1].fields is not None


def test_a_row_of_any_number_of_lines_is_refused_over_the_limit() -> None:
    (record,) = read(b'id,title\n1,"a' + b'\n","a' * (MAX_LINE_BYTES // 5 + 1))[:1]
    assert record.error is not None
    assert "longer than" in record.error.description


def test_an_empty_source_has_no_records() -> None:
    assert read(b"") == []
    assert read(b"\n\n") == []


@pytest.mark.parametrize("header", [b"id,name\n1,2\n", b"\xff,title\n", b"x" * (MAX_LINE_BYTES + 1)])
def test_a_header_that_cannot_be_used_is_an_error(header: bytes) -> None:
    with pytest.raises(SourceError, match="header row"):
        read(header)


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=20)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=6), st.sampled_from(",;\t"))
def test_what_csv_writes_is_read_back(rows: list[tuple[str, str]], delimiter: str) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(["title", "body"])
    writer.writerows(rows)
    read_back = [
        (record.fields.headline, record.fields.body)
        for record in read(text.getvalue().encode())
        if record.fields
    ]
    assert read_back == [row for row in rows if "".join(row).strip()]


@given(st.binary(max_size=200))
def test_any_bytes_below_a_header_give_records(data: bytes) -> None:
    for record in read(b"id,title\n" + data):
        assert (record.fields is None) != (record.error is None)
        assert record.line is not None
        assert record.line >= 2


def test_a_header_that_is_no_row_makes_the_source_unreadable() -> None:
    with pytest.raises(SourceError, match="the header row cannot be read"):
        read(b"id,headline\r\0\na1,Storm\n")
