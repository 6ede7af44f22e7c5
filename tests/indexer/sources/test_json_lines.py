"""Tests of gistwire_indexer.sources.json_lines and of the field names it understands."""

import io
import json

import pytest
from gistwire_indexer.sources import RawArticle, SourceRecord
from gistwire_indexer.sources.json_lines import read_json_lines
from gistwire_indexer.sources.lines import MAX_LINE_BYTES
from hypothesis import given
from hypothesis import strategies as st


def read(data: bytes) -> list[SourceRecord]:
    return list(read_json_lines(io.BytesIO(data), origin="test"))


def read_one(**fields: object) -> RawArticle:
    (record,) = read(json.dumps(fields).encode())
    assert record.fields is not None
    return record.fields


def test_all_fields() -> None:
    article = RawArticle(
        id="a-1",
        headline="Rates rise",
        body="Banks fall.",
        url="https://example.com/a",
        source="Wire",
        language="en",
        category="money",
        published="2026-08-01",
        metadata={"author": "A. Writer"},
    )
    (record,) = read(
        b'{"id": "a-1", "headline": "Rates rise", "body": "Banks fall.", "url": "https://example.com/a",'
        b' "source": "Wire", "language": "en", "category": "money", "published": "2026-08-01",'
        b' "author": "A. Writer"}'
    )
    assert record.fields == article


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("title", "headline"),
        ("Title", "headline"),
        ("text", "body"),
        ("content", "body"),
        ("description", "body"),
        ("link", "url"),
        ("lang", "language"),
        ("section", "category"),
        ("date", "published"),
        ("published_at", "published"),
        ("pubDate", "published"),
    ],
)
def test_other_names(name: str, field: str) -> None:
    article = read_one(**{name: "value"})
    assert getattr(article, field) == "value"
    assert article.metadata == {}


def test_the_preferred_name_that_is_not_empty_counts() -> None:
    assert read_one(title="second", headline="first").headline == "first"
    assert read_one(headline="", title="second").headline == "second"
    assert read_one(description="short", content="whole", body=None).body == "whole"


def test_unknown_names_become_metadata() -> None:
    article = read_one(authors="A. Writer", topics=["a", "b"], length=12, nothing=None, big=2**70)
    assert article.metadata == {
        "authors": "A. Writer",
        "topics": '["a","b"]',
        "length": "12",
        "big": "1180591620717411303424",
    }


def test_numbers_are_text_where_text_is_expected() -> None:
    article = read_one(id=17, published=1_600_000_000)
    assert (article.id, article.published) == ("17", "1600000000")


@pytest.mark.parametrize("value", [["a"], {"a": 1}, True])
def test_other_values_of_known_fields_are_refused(value: object) -> None:
    (record,) = read(json.dumps({"title": value}).encode())
    assert record.error is not None
    assert record.error.field == "headline"


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[1]",
        b'"text"',
        b"{} {}",
        b'{"headline": "\xff"}',
        b'{"headline": "\\ud800"}',
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a": NaN}',
    ],
)
def test_a_bad_line_is_a_record_with_its_reason(line: bytes) -> None:
    bad, good = read(line + b'\n{"headline": "Rates rise"}')
    assert bad.line == 1
    assert bad.fields is None
    assert bad.error is not None
    assert bad.raw == line.decode(errors="replace")[:4_096]
    assert good.line == 2
    assert good.fields is not None


def test_blank_lines_are_skipped_and_counted() -> None:
    records = read(b'\n  \r\n{"headline": "Rates rise"}\r\n\n')
    assert [record.line for record in records] == [3]


def test_a_line_over_the_limit_is_refused_alone() -> None:
    line = b'{"headline": "' + b"x" * 3 * MAX_LINE_BYTES + b'"}\n'
    long, good = read(line + b'{"headline": "Rates rise"}\n')
    assert long.error is not None
    assert "longer than" in long.error.description
    assert len(long.raw) == 4_096
    assert good.line == 2
    assert good.fields is not None


def test_a_line_over_the_limit_is_not_held_in_memory() -> None:
    class Recorder(io.BytesIO):
        longest = 0

        def readline(self, size: int | None = -1, /) -> bytes:
            line = super().readline(size)
            self.longest = max(self.longest, len(line))
            return line

    stream = Recorder(b"x" * 5 * MAX_LINE_BYTES)
    (record,) = read_json_lines(stream, origin="test")
    assert record.error is not None
    assert stream.longest <= MAX_LINE_BYTES + 1


@given(st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"")), max_size=8))
def test_any_bytes_give_one_record_for_each_line_that_is_not_blank(lines: list[bytes]) -> None:
    data = b"\n".join(lines)
    expected = [
        number
        for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1)
        if line.strip()
    ]
    assert [record.line for record in read(data)] == expected
