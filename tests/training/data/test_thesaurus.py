"""Tests of reading a thesaurus."""

from pathlib import Path

import pytest
from gistwire_training.data.thesaurus import news_thesaurus, read_thesaurus
from gistwire_training.errors import TrainingDataError


def test_words_and_their_synonyms_are_read(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("# Trade\nBuys: purchases, acquires ,\n\nfirm: company # not 'hard'\n", encoding="utf-8")
    assert read_thesaurus(path) == {"buys": ("purchases", "acquires"), "firm": ("company",)}


@pytest.mark.parametrize("line", ["buys purchases", ": purchases", "buys:", "buys: ,"])
def test_a_line_that_is_no_entry_is_refused_with_its_number(tmp_path: Path, line: str) -> None:
    path = tmp_path / "words.txt"
    path.write_text(f"firm: company\n{line}\n", encoding="utf-8")
    with pytest.raises(TrainingDataError, match=r"words\.txt, line 2"):
        read_thesaurus(path)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_bytes(b"\xff\xfe")
    for name in ("missing.txt", "words.txt"):
        with pytest.raises(TrainingDataError, match=f"{name}: cannot be read"):
            read_thesaurus(tmp_path / name)


def test_the_news_thesaurus_knows_common_words_and_never_gives_a_word_for_itself() -> None:
    thesaurus = news_thesaurus()
    assert len(thesaurus) >= 150
    assert "firm" in thesaurus["company"] or "firms" in thesaurus["companies"]
    for word, synonyms in thesaurus.items():
        assert word == word.lower()
        assert word not in synonyms
        assert len(set(synonyms)) == len(synonyms)
