"""Fuzzing of news files: JSON lines, CSV and feeds give records, each an article or a reason, or a SourceError."""

import io
import json

import pytest
from gistwire_indexer.errors import ArticleError, SourceError
from gistwire_indexer.preprocessing import preprocess
from gistwire_indexer.sources import SourceFormat, read_source
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.mutations import fuzz, mutated

_ARTICLE = {
    "id": "a1",
    "headline": "Storm <b>closes</b> harbour",
    "body": "Ferries stayed in port.",
    "url": "https://news.example/a1",
    "language": "en",
    "published": "2026-10-05T08:00:00+02:00",
    "desk": {"name": "city"},
}
_JSON_LINES = [
    json.dumps(_ARTICLE).encode() + b"\n" + json.dumps({"headline": "Flood"}).encode(),
    b'{"headline": "\\ud83d\\ude00 \\u0000", "published": 1e10}\n\n{}',
]
_CSV = [
    b'id,headline,body,published\r\na1,Storm,"Ferries, in port",2026-10-05\r\na2,Flood,,\r\n',
    b"headline\tbody\nStorm\tFerries\n",
    b'headline;body\n"Sto""rm";"line\nbreak"\n',
]
_FEEDS = [
    b"""<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel><title>Wire</title>
    <item><title>Storm &amp; flood</title><link>https://news.example/1</link><guid isPermaLink="false">g1</guid>
    <pubDate>Mon, 05 Oct 2026 08:00:00 GMT</pubDate><description><![CDATA[<p>Ferries</p>]]></description></item>
    </channel></rss>""",
    b"""<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en"><title>Wire</title><id>urn:x</id>
    <entry><id>tag:news.example,2026:1</id><title type="html">Storm</title><updated>2026-10-05T08:00:00Z</updated>
    <link href="/1" rel="alternate"/><content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">Ferries</div>
    </content></entry></feed>""",
]


@pytest.mark.parametrize(
    ("source_format", "seeds"),
    [(SourceFormat.JSONL, _JSON_LINES), (SourceFormat.CSV, _CSV), (SourceFormat.FEED, _FEEDS)],
    ids=["jsonl", "csv", "feed"],
)
def test_every_record_is_an_article_or_a_reason(source_format: SourceFormat, seeds: list[bytes]) -> None:
    @fuzz
    @given(mutated(seeds), st.booleans())
    def check(data: bytes, is_known: bool) -> None:
        chosen = source_format if is_known else SourceFormat.AUTO
        try:
            records = list(read_source("-", format=chosen, stdin=io.BytesIO(data)))
        except SourceError:
            return
        for record in records:
            assert (record.fields is None) != (record.error is None)
            if record.fields is None:
                continue
            try:
                article = preprocess(record.fields)
            except ArticleError:
                continue
            assert article.headline.strip()
            article.revision()

    check()
