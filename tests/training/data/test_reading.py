"""Tests of reading pairs from files."""

import gzip
from pathlib import Path

import msgspec
import pytest
from gistwire_training.data.reading import FileSource, RawPair, read_file
from gistwire_training.errors import RecipeError, TrainingDataError
from hypothesis import given
from hypothesis import strategies as st

CSV = "author,headlines,text,ctext\nA,Port opens,The port opened.,The new port opened on Monday.\n"


def pairs_of(source: FileSource) -> list[RawPair]:
    return [record.pair for record in read_file(source) if record.pair is not None]


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_json_lines_are_read_with_their_summaries(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"id":"1","title":"Port","text":"It opened.","Summary":"Open."}\n')
    (pair,) = pairs_of(FileSource(path=path))
    assert (pair.article.id, pair.article.headline, pair.article.body) == ("1", "Port", "It opened.")
    assert pair.summary == "Open."
    assert pair.rating is None


def test_compressed_csv_and_tsv_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv.gz"
    path.write_bytes(gzip.compress(b"headline\tsummary\tbody\nPort\tOpen.\tIt opened.\n"))
    (pair,) = pairs_of(FileSource(path=path))
    assert (pair.article.headline, pair.summary, pair.article.body) == ("Port", "Open.", "It opened.")


@pytest.mark.parametrize("is_compressed", [False, True])
def test_columns_of_csv_are_mapped(tmp_path: Path, is_compressed: bool) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(gzip.compress(CSV.encode()) if is_compressed else CSV.encode())
    columns = {"headline": "Headlines", "summary": "text", "body": "ctext"}
    (record,) = read_file(FileSource(path=path, columns=columns))
    assert record.pair is not None
    assert record.pair.article.headline == "Port opens"
    assert record.pair.article.body == "The new port opened on Monday."
    assert record.pair.summary == "The port opened."
    assert (record.place.origin, record.place.line) == (str(path), 2)


def test_keys_of_json_lines_are_mapped_and_the_field_s_own_key_gives_way(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl", '\ufeff{"headline":"Port","body":"short","full":"long","n":{"deep":[1]}}\n'
    )
    (pair,) = pairs_of(FileSource(path=path, columns={"body": "full"}))
    assert pair.article.body == "long"
    assert pair.article.metadata == {"n": '{"deep":[1]}'}


def test_a_bad_line_has_its_number_and_reason_and_stops_nothing(tmp_path: Path) -> None:
    lines = [
        '{"headline":"A","body":"b"}',
        "{broken",
        '{"summary":"s"}',
        '{"headline":"A","rating":"many"}',
        '{"headline":"A","rating":4,"consent":"perhaps"}',
        '{"headline":"Z","rating":4.5,"consent":true}',
    ]
    path = write(tmp_path / "a.jsonl", "\n".join(lines))
    for columns in ({}, {"id": "number"}):
        records = list(read_file(FileSource(path=path, columns=columns)))
        reasons = {record.place.line: str(record.error) for record in records if record.error}
        assert reasons.keys() == {2, 3, 4, 5}
        assert "headline nor a body" in reasons[3]
        assert "'many'" in reasons[4]
        assert "'perhaps'" in reasons[5]
        last = records[-1].pair
        assert last is not None
        assert (last.rating, last.consent) == (4.5, True)


@pytest.mark.parametrize(
    "columns", [{"summry": "text"}, {"headline": "text", "summary": "Text"}], ids=["unknown", "twice"]
)
def test_impossible_columns_are_refused(tmp_path: Path, columns: dict[str, str]) -> None:
    path = write(tmp_path / "a.csv", CSV)
    with pytest.raises(RecipeError, match="columns"):
        list(read_file(FileSource(path=path, columns=columns)))


@pytest.mark.parametrize("columns", [{}, {"body": "ctext"}])
def test_a_source_that_cannot_be_read_is_named_once(tmp_path: Path, columns: dict[str, str]) -> None:
    for path in (tmp_path / "missing.csv", write(tmp_path / "a.csv", CSV)):
        with pytest.raises(TrainingDataError) as caught:
            list(read_file(FileSource(path=path, columns=columns)))
        assert str(caught.value).startswith(f"{path}: ")
        assert str(caught.value).count(": ") == 1 or "missing" in str(path)


def test_a_truncated_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(CSV.encode() * 100)[:-20])
    with pytest.raises(TrainingDataError, match=r"a\.csv\.gz: cannot be read"):
        list(read_file(FileSource(path=path, columns={"headline": "headlines"})))


def test_a_line_beyond_the_limit_is_refused_alone(tmp_path: Path) -> None:
    long = '{"headline":"' + "x" * (2 * 1024 * 1024) + '"}'
    path = write(tmp_path / "a.jsonl", f'{{"titel":"A"}}\n{long}\n{{"titel":"B"}}\n')
    records = list(read_file(FileSource(path=path, columns={"headline": "titel"})))
    assert [record.place.line for record in records] == [1, 2, 3]
    assert "longer than" in str(records[1].error)
    assert records[2].pair is not None
    assert records[2].pair.article.headline == "B"


@given(rows=st.lists(st.tuples(st.text(min_size=1), st.text()), max_size=8))
def test_mapped_names_give_what_known_names_give(
    rows: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    read: list[list[tuple[str, str] | None]] = []
    for headline, summary, columns in (
        ("headline", "summary", {}),
        ("h", "s", {"headline": "h", "summary": "s"}),
    ):
        lines = [msgspec.json.encode({headline: first, summary: second}) for first, second in rows]
        path = folder / f"{headline}.jsonl"
        path.write_bytes(b"\n".join(lines))
        records = read_file(FileSource(path=path, columns=columns))
        read.append(
            [(each.pair.article.headline, each.pair.summary) if each.pair else None for each in records]
        )
    assert read[0] == read[1]
    assert len(read[0]) == len(rows)
