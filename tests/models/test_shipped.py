"""Tests of gistwire_models.shipped."""

from pathlib import Path

import pytest
from gistwire_models.errors import ModelFormatError
from gistwire_models.shipped import served_model_folder


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name in ("2", "10", "3.partial", ".staging-1"):
        (tmp_path / "summarizer" / name).mkdir(parents=True)
    return tmp_path


def test_the_highest_version_is_served_where_none_was_promoted(repository: Path) -> None:
    assert served_model_folder(repository, "summarizer") == repository / "summarizer" / "10"


def test_the_promoted_version_is_served(repository: Path) -> None:
    (repository / "summarizer" / "active.json").write_text(
        '{"version": 2, "previous": 10, "reason": "better"}'
    )
    assert served_model_folder(repository, "summarizer") == repository / "summarizer" / "2"


def test_a_repository_without_the_model_has_none(repository: Path) -> None:
    assert served_model_folder(repository, "encoder") is None


@pytest.mark.parametrize("content", ["{", '{"version": "two"}', '{"version": 4}'])
def test_what_names_no_version_is_an_error(repository: Path, content: str) -> None:
    (repository / "summarizer" / "active.json").write_text(content)
    with pytest.raises(ModelFormatError, match=r"active\.json"):
        served_model_folder(repository, "summarizer")
