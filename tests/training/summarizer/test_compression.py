import pytest
from gistwire_training.summarizer.compression import compressions
from hypothesis import given, settings
from hypothesis import strategies as st

_WORDS = st.sampled_from(
    (
        *(
            "the",
            "The",
            "minister",
            "said",
            "bridge",
            "which",
            "was",
            "closed",
            "on",
            "Monday",
            "after",
            "storm",
        ),
        *("but", "and", "(new)", "--", "council,", "who", "according", "to", "report,", "despite", "costs"),
        *(
            "rising",
            "amid",
            "it",
            "will",
            "reported",
            "yesterday",
            "Meanwhile,",
            "“We”",
            "closed,”",
            ",",
            ";",
        ),
        *("In", "2019", "plan"),
    )
)


@pytest.mark.parametrize(
    ("sentence", "shortened"),
    [
        (
            "Acme said Monday that it will buy the rival chain for cash.",
            "Acme will buy the rival chain for cash.",
        ),
        (
            "The bridge will close for six months, the council said in a statement.",
            "The bridge will close for six months.",
        ),
        (
            "The bridge will close for six months, according to two officials",
            "The bridge will close for six months",
        ),
        (
            "The bridge will close for six months, according to two officials.",
            "The bridge will close for six months.",
        ),
        (
            "The mayor (a former teacher) opened the new town hall.",
            "The mayor opened the new town hall.",
        ),
        (
            "The minister, who took office in May, resigned over the leak.",
            "The minister resigned over the leak.",
        ),
        (
            "The river – swollen by days of rain – flooded the old town.",
            "The river flooded the old town.",
        ),
        (
            "The court on Tuesday rejected the appeal of both brothers.",
            "The court rejected the appeal of both brothers.",
        ),
        (
            "After months of talks, the two sides signed a new contract.",
            "The two sides signed a new contract.",
        ),
        ("Meanwhile, prices of bread rose by a tenth.", "Prices of bread rose by a tenth."),
        (
            "Shares of the bank fell by a fifth, wiping out a year's gains, as customers left.",
            "Shares of the bank fell by a fifth, wiping out a year's gains.",
        ),
    ],
)
def test_leaves_out_what_an_editor_would(sentence: str, shortened: str) -> None:
    assert shortened in {compression.text for compression in compressions(sentence)}


def test_keeps_the_speaker_of_a_quotation() -> None:
    sentence = "“The bridge is beyond repair,” the chief engineer said."
    assert all("engineer said" in compression.text for compression in compressions(sentence))


def test_the_sentence_itself_comes_first() -> None:
    sentence = "The court on Tuesday rejected the appeal of both brothers."
    found = list(compressions(sentence))
    assert (found[0].text, found[0].deletions) == (sentence, 0)
    assert all(compression.deletions >= 1 for compression in found[1:])
    assert len({compression.text for compression in found}) == len(found)


def test_leaves_a_clause_of_six_words() -> None:
    sentence = "On Tuesday, the court met, according to two officials."
    assert all(len(each.text.split()) >= 6 for each in list(compressions(sentence))[1:])


@given(st.lists(_WORDS, min_size=1, max_size=40).map(" ".join))
@settings(max_examples=300)
def test_words_are_a_subsequence_of_the_sentences_words(sentence: str) -> None:
    original = _bare_words(sentence)
    found = list(compressions(sentence))
    assert len(found) <= 2**7
    for compression in found:
        words = iter(original)
        assert all(word in words for word in _bare_words(compression.text)), compression.text


def _bare_words(text: str) -> list[str]:
    """Words without the punctuation and the capital letter that a shortening may change."""
    return [bare for word in text.split() if (bare := word.strip(",.;!?").lower())]
