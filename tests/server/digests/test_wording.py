import pytest
from gistwire_server.digests.wording import read_wording
from gistwire_server.text_overlap import TokenRun
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("sentence", "language", "text"),
    [
        ("But the ferry keeps running.", "en", "The ferry keeps running."),
        ("However, shares fell by a third.", "en", "Shares fell by a third."),
        ("And Ellery waits.", "en", "Ellery waits."),
        ("Still waters run deep in Ellery.", "en", "Still waters run deep in Ellery."),
        (
            "Besides the fine, the court ordered repairs.",
            "en",
            "Besides the fine, the court ordered repairs.",
        ),
        ("But for the war it would have opened.", "en", "But for the war it would have opened."),
        ("但是，渡轮照常行驶。", "zh", "渡轮照常行驶。"),
        ("同时，港口关闭。", "zh", "港口关闭。"),
        ("同时代的作家都到场。", "zh", "同时代的作家都到场。"),
        ("但丁的作品再版。", "zh", "但丁的作品再版。"),
        ("But die Fähre fährt.", "de", "But die Fähre fährt."),
    ],
)
def test_what_joins_a_sentence_to_the_one_before_is_left_out(sentence: str, language: str, text: str) -> None:
    assert read_wording(sentence, language).text == text


@pytest.mark.parametrize(
    ("sentence", "alone"),
    [
        ("Dock workers in Ellery walked out on Monday.", True),
        ("But the council of Ellery wants to mediate.", True),
        ("He said that nothing was decided.", False),
        ("But he said that nothing was decided.", False),
        ("“We will not give in,” said union leader Maria Keller.", False),
        ("Prices will rise, he said, before the winter.", False),
        ("Prices will rise, said Maria Keller.", True),
        ("港口货运停止。", True),
        ("他表示港口将关闭。", False),
        ("港口将关闭，他说。", False),
    ],
)
def test_which_sentences_stand_alone(sentence: str, *, alone: bool) -> None:
    assert read_wording(sentence, "zh" if "港口" in sentence else "en").stands_alone is alone


@pytest.mark.parametrize("clause", ["the council of Ellery met again, ", "埃勒里市议会再次开会，"])
def test_long_sentences_are_cut(clause: str) -> None:
    wording = read_wording(clause * 30, "en")
    assert not wording.is_whole
    assert wording.text.endswith("…")
    assert len(wording.text.encode()) <= 500
    assert read_wording(clause * 3, "en").is_whole


@given(st.text(min_size=1).filter(str.strip), st.sampled_from(["en", "zh", "de", "und"]))
def test_a_wording_has_only_words_of_the_sentence(sentence: str, language: str) -> None:
    wording = read_wording(" ".join(sentence.split()), language)
    assert wording.text
    if wording.is_whole:
        assert TokenRun(wording.text) in TokenRun(sentence)
