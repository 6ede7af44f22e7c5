"""Tests of gistwire_indexer.sources.reading: what is opened, and as which format."""

import gzip
import io
import os
from pathlib import Path
from typing import BinaryIO

import pytest
from gistwire_indexer.errors import SourceError
from gistwire_indexer.sources import RawArticle, SourceFormat, SourceRecord, read_source

JSON_LINE = b'{"id": "a-1", "headline": "Rates rise"}\n'
CSV = b"id,headline\na-1,Rates rise\n"
FEED = (
    b'<?xml version="1.0"?><rss version="2.0"><channel><title>Wire</title><item><guid>urn:a-1</guid>'
    b"<title>Rates rise</title></item></channel></rss>"
)


def headlines(
    location: str,
    *,
    stdin: BinaryIO | None = None,
    format: SourceFormat = SourceFormat.AUTO,  # noqa: A002
) -> list[str]:
    return [
        record.fields.headline
        for record in read_source(location, stdin=stdin, format=format)
        if record.fields
    ]


@pytest.mark.parametrize("name", ["news.jsonl", "news.ndjson", "news.txt", "news"])
def test_json_lines_are_told_by_name_or_first_character(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"\n  " + JSON_LINE)
    assert headlines(str(path)) == ["Rates rise"]


@pytest.mark.parametrize(
    ("name", "content"), [("news.csv", CSV), ("news", CSV), ("n.tsv", CSV), ("a.xml", FEED)]
)
def test_other_formats_are_told_by_name_or_first_character(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert headlines(str(path)) == ["Rates rise"]


@pytest.mark.parametrize("content", [JSON_LINE, CSV, FEED])
@pytest.mark.parametrize("byte_order_mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("compressed", [False, True])
def test_standard_input_is_told_by_its_first_bytes(
    content: bytes, byte_order_mark: bytes, compressed: bool
) -> None:
    data = byte_order_mark + content
    stream = io.BytesIO(gzip.compress(data) if compressed else data)
    assert headlines("-", stdin=stream) == ["Rates rise"]
    assert not stream.closed


def test_gzip_files_are_told_by_the_name_within(tmp_path: Path) -> None:
    path = tmp_path / "news.csv.gz"
    path.write_bytes(gzip.compress(CSV))
    assert headlines(str(path)) == ["Rates rise"]


def test_a_format_that_is_given_is_not_questioned(tmp_path: Path) -> None:
    path = tmp_path / "news.csv"
    path.write_bytes(JSON_LINE)
    assert headlines(str(path), format=SourceFormat.JSONL) == ["Rates rise"]


def test_a_record_says_where_it_stood(tmp_path: Path) -> None:
    path = tmp_path / "news.jsonl"
    path.write_bytes(b"\n" + JSON_LINE)
    (record,) = read_source(str(path))
    article = RawArticle(id="a-1", headline="Rates rise", published="")
    assert record == SourceRecord(str(path), 2, JSON_LINE.decode().rstrip(), article, None)


def test_an_empty_source_has_no_records() -> None:
    assert headlines("-", stdin=io.BytesIO()) == []


def test_records_come_as_soon_as_their_lines_do() -> None:
    """A pipe that stays open does not hold back the lines that were written to it."""
    reading_end, writing_end = os.pipe()
    with os.fdopen(reading_end, "rb") as reader, os.fdopen(writing_end, "wb", buffering=0) as writer:
        records = read_source("-", stdin=reader)
        for _ in range(2):
            writer.write(JSON_LINE)
            assert next(records).fields


def test_nothing_is_read_ahead_of_the_records_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "endless.jsonl.gz"
    path.write_bytes(gzip.compress(JSON_LINE * 10_000) + b"damaged")
    records = read_source(str(path))
    assert next(records).fields
    with pytest.raises(SourceError):
        list(records)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[\n" + JSON_LINE, "JSON array"),
        (JSON_LINE.decode().encode("utf-16"), "UTF-16"),
        (gzip.compress(JSON_LINE * 100)[:-20], "cannot be read"),
        (b"<html>", "not an RSS"),
    ],
)
def test_a_source_that_cannot_be_read_is_an_error(content: bytes, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        list(read_source("-", stdin=io.BytesIO(content)))


def test_missing_files_and_folders_are_errors(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.jsonl"):
        with pytest.raises(SourceError, match="cannot be read"):
            list(read_source(str(path)))


def test_private_addresses_are_refused_by_default() -> None:
    with pytest.raises(SourceError, match="private network"):
        list(read_source("http://127.0.0.1:9/feed"))
