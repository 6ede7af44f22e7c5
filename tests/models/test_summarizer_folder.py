"""Tests of how a summarizer's folder is written and read."""

from pathlib import Path

import pytest
from gistwire_models.errors import ModelFormatError, ModelNotFoundError
from gistwire_models.model_folder import DESCRIPTION_FILE, write_description
from gistwire_models.summarizer_folder import (
    VOCABULARY_MAP_FILE,
    SummarizerDescription,
    read_always_allowed,
    read_summarizer_description,
)

DESCRIPTION = SummarizerDescription(
    name="news", version="1", languages=("en", "de"), max_source_tokens=200, max_target_tokens=64
)


def test_a_description_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_description(tmp_path, DESCRIPTION)
    assert read_summarizer_description(tmp_path) == DESCRIPTION


def test_a_missing_folder_is_told_from_a_broken_one(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(ModelNotFoundError):
            read_summarizer_description(folder)
    (tmp_path / DESCRIPTION_FILE).mkdir()
    with pytest.raises(ModelFormatError):
        read_summarizer_description(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b'{"name":"news"}',
        b'{"name":"n","version":"1","languages":["en"],"max_source_tokens":3,"max_target_tokens":64}',
        b'{"name":"n","version":"1","languages":["en"],"max_source_tokens":200,"max_target_tokens":0}',
    ],
)
def test_a_broken_description_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / DESCRIPTION_FILE).write_bytes(content)
    with pytest.raises(ModelFormatError, match=DESCRIPTION_FILE):
        read_summarizer_description(tmp_path)


def test_the_tokens_always_allowed_stand_in_the_first_line(tmp_path: Path) -> None:
    (tmp_path / VOCABULARY_MAP_FILE).write_text("\t[SEP] the ’ ##s\noil\toil\n", encoding="utf-8")
    assert read_always_allowed(tmp_path) == ("[SEP]", "the", "’", "##s")


@pytest.mark.parametrize("content", [b"", b"oil\toil\n", b"the of\n", b"\t\xff\n"])
def test_a_map_without_them_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ModelFormatError, match=VOCABULARY_MAP_FILE):
        read_always_allowed(tmp_path)
    (tmp_path / VOCABULARY_MAP_FILE).write_bytes(content)
    with pytest.raises(ModelFormatError, match=VOCABULARY_MAP_FILE):
        read_always_allowed(tmp_path)
