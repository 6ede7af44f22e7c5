"""Tests of `SurfaceWriter` and `SourceWords`, on the tokenizer of the default encoder."""

from collections.abc import Sequence
from functools import cache

import pytest
from gistwire_models.shipped import default_encoder_folder
from gistwire_models.source_words import SourceWords
from gistwire_models.surface import SurfaceWriter, restore
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer


@cache
def wordpiece() -> Tokenizer:
    tokenizer: Tokenizer = Tokenizer.from_file(str(default_encoder_folder() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def pieces_of(text: str) -> list[str]:
    return list(wordpiece().encode(text, add_special_tokens=False).tokens)


def source_words(headline: str, body: str) -> SourceWords:
    encode = wordpiece().encode
    return SourceWords(
        headline, encode(headline, add_special_tokens=False), body, encode(body, add_special_tokens=False)
    )


def rewritten(written: str, *, body: str, headline: str = "") -> str:
    """What becomes of a text that the model writes, which knows neither case nor accents nor spacing."""
    return restore(pieces_of(written), source_words(headline, body))


@pytest.mark.parametrize(
    "sentence",
    [
        "Profit rose to 3.7 billion crowns, up from 1,250 million.",
        "The train left at 9:30 on Jan. 12 from U.S. soil.",
        "Mr. Smith paid $4.5m to AT&T for a 42-year-old mast.",
        "Shi'ite leaders said they don't want O'Neill's help.",
        "Café owners in Zürich met François Müller at São Paulo's hotel.",
        "The players' union (the largest) asked: is it over?",
        "Rates rose by 0.25% – the fourth rise – and/or more.",
        "An iPhone and NATO's eBay account were seized by the FBI.",
    ],
)
def test_a_copied_sentence_is_written_as_it_stands(sentence: str) -> None:
    assert rewritten(sentence, body=f"It was so. {sentence} Nobody knew why.") == sentence


def test_a_phrase_copied_out_of_a_sentence_keeps_its_spacing() -> None:
    body = "Kaldria's U.S. envoy, 42-year-old Ana Cole, has 1,250 shares worth $4.5m since 9:30 a.m. in all."
    assert rewritten("ana cole has $ 4 . 5m", body=body) == "Ana Cole has $4.5m"
    assert rewritten("the 42 - year - old u . s . envoy", body=body) == "The 42-year-old U.S. envoy"
    assert rewritten("in all 1 , 250 since 9 : 30 a . m .", body=body) == "In all 1,250 since 9:30 a.m."


def test_a_number_put_together_from_two_is_not_torn() -> None:
    body = "It had 4.2 billion and then 3.1 billion, of 12,000 in 5 towns."
    assert rewritten("from 4.1 billion, 5,000 of 12.", body=body) == "From 4.1 billion, 5,000 of 12."


def test_a_comma_out_of_a_number_does_not_join_words() -> None:
    assert (
        rewritten("they want profits, 000 crowns", body="They want profits. He has 400,000 crowns.")
        == "They want profits, 000 crowns"
    )


def test_a_comma_before_a_figure_does_not_join_two_numbers() -> None:
    body = "It had 30 people in 2024 and 1,250 towns."
    assert rewritten("in 2024, 30 people", body=body) == "In 2024, 30 people"


def test_a_word_is_written_as_where_the_copied_phrase_goes_on() -> None:
    assert rewritten("the firm apple", body="An apple fell. The firm Apple met.") == "The firm Apple"


def test_contractions_that_the_source_lacks_are_joined() -> None:
    body = "They know that it rose, and the players know it."
    assert rewritten("they've it, players' it's", body=body) == "They've it, players' it's"


def test_a_word_that_began_a_sentence_is_lowered_within_one() -> None:
    body = "Police arrested two men. Analysts met. They had asked other analysts. Kaldria fell."
    written = "two men met police and analysts; they left kaldria"
    assert rewritten(written, body=body) == "Two men met police and analysts; they left Kaldria"


def test_akin_words_in_lower_case_show_that_a_word_is_no_name() -> None:
    body = "Dockworkers left. A dockworker stayed. Markov met the market."
    assert rewritten("the dockworkers met markov", body=body) == "The dockworkers met Markov"


def test_a_name_keeps_its_capital_though_an_abbreviation_stands_before_it() -> None:
    body = "The vote went to Gov. Banks on Monday."
    assert rewritten("the vote was won by banks", body=body) == "The vote was won by Banks"


def test_a_word_after_an_opening_quote_says_nothing_about_its_case() -> None:
    body = 'He said: "We will not go." They saw the end.'
    assert rewritten("he said we will not go", body=body) == "He said we will not go"


def test_a_name_that_begins_a_quotation_keeps_its_capital() -> None:
    body = 'Voters saw the montage in "Moreton Live!" on Sunday.'
    assert (
        rewritten("voters saw the montage in moreton live", body=body)
        == "Voters saw the montage in Moreton Live"
    )


def test_a_headline_in_capitals_does_not_shout_into_the_text() -> None:
    headline, body = (
        "OIL HITS RECORD AS NATO MEETS IN VIENNA",
        "Prices of oil hit a record in Vienna, NATO said.",
    )
    written = "oil hits record as nato meets in vienna"
    assert rewritten(written, headline=headline, body=body) == "Oil HITS record AS NATO MEETS in Vienna"


def test_a_word_in_capitals_takes_the_form_that_begins_a_sentence() -> None:
    assert (
        rewritten("it was vienna", headline="VIENNA FALLS", body="Vienna fell. It was so.") == "It was Vienna"
    )


def test_a_headline_in_title_case_does_not_capitalize_the_text() -> None:
    headline, body = "Oil Prices Soar After Kaldria Halts Exports", "The halt in Kaldria moved the prices."
    written = "prices soar after kaldria halts exports"
    assert rewritten(written, headline=headline, body=body) == "Prices soar after Kaldria halts exports"


def test_a_headline_in_sentence_case_shows_names() -> None:
    assert rewritten("the row in port ellery", headline="Strike hits Port Ellery", body="A row.") == (
        "The row in Port Ellery"
    )


def test_every_sentence_begins_with_a_capital() -> None:
    body = "The minister left on Monday. She will meet the mayor, Ana Cole, in Aug. at noon."
    assert rewritten("ana cole left. the mayor will meet her in aug. at noon", body=body) == (
        "Ana Cole left. The mayor will meet her in Aug. at noon"
    )
    assert rewritten("she left. (the minister will.)", body=body) == "She left. (The minister will.)"


def test_a_capital_within_a_word_is_kept_at_the_beginning() -> None:
    assert rewritten("iphone sales rose", body="The iPhone rose. Now sales rose.") == "iPhone sales rose"


def test_a_derived_word_takes_the_form_of_its_beginning() -> None:
    assert rewritten("the kaldrians met", body="He left Kaldria. The men met.") == "The Kaldrians met"


def test_the_first_person_is_a_capital() -> None:
    assert rewritten("as i said", body="As he said.") == "As I said"


def test_combining_marks_are_kept() -> None:
    assert rewritten("the cafe met", body="The Cafe\u0301 met.") == "The Cafe\u0301 met"


def test_what_cannot_be_printed_is_left_out() -> None:
    body = "The\u202e ha\x00rbour\r\n\x1b[31mco\u00adop\u2028met 東京\u200b on\tMonday\u00a0night 😀."
    written = "the harbour coop met 東京 on monday night."
    assert rewritten(written, body=body) == "The harbour coop met 東京 on Monday night."


def test_nothing_stands_between_headline_and_body() -> None:
    words = source_words("Oil rose", "Gas fell")
    assert [words.following(place) for place in range(4)] == [1, None, 3, None]
    assert words.gap_between("rose", "gas") is None
    assert words.gap_between("gas", "fell") == " "


def test_text_comes_word_by_word() -> None:
    writer = SurfaceWriter(source_words("", "The harbour of Zürich is closed."))
    deltas = [writer.write(piece) for piece in pieces_of("the harbour of zurich is closed.")]
    assert "".join(deltas).startswith("The harbour of Zürich")
    # The last word may still grow, and two words are seen ahead.
    assert writer.finish() == " is closed."
    assert writer.finish() == ""


def test_the_first_word_and_its_space_come_with_the_second_where_they_are_written_in_one_way() -> None:
    writer = SurfaceWriter(source_words("Harbour shut", "The harbour of Zürich is closed."))
    deltas = [writer.write(piece) for piece in ("zur", "##ich", "is", "closed", ".", "the")]
    assert deltas == ["", "", "Zürich ", "", "", "is"]


def test_a_first_word_that_the_source_writes_in_two_ways_waits_for_what_follows() -> None:
    writer = SurfaceWriter(source_words("Ships leave US", "Who brought us here is unknown."))
    assert [writer.write(piece) for piece in ("us", "here", "is", "unknown")] == ["", "", "", "Us"]


def test_a_first_word_that_may_be_joined_to_the_second_waits_for_what_follows() -> None:
    writer = SurfaceWriter(source_words("", "Of 中国 he knows 中 alone."))
    assert [writer.write(piece) for piece in ("中", "国", "he", "knows")] == ["", "", "", "中"]


_TEXTS = st.text(
    alphabet=st.sampled_from("aAbé .,'’\"-:&%$1230\n\t\x00\u200d\u202e\u0301\u2028中한İßﬁ😀([")
) | st.text(max_size=40)
_PIECES = st.lists(
    st.sampled_from(
        ["a", "##a", "b", "the", "##s", ".", ",", "'", "s", "1", "##0", "-", "$", "(", "he", "中"]
    ),
    max_size=30,
)


@given(headline=_TEXTS, body=_TEXTS, pieces=_PIECES)
@settings(max_examples=150)
def test_any_pieces_and_source_give_a_printable_text_that_only_grows(
    headline: str, body: str, pieces: Sequence[str]
) -> None:
    headline, body = (text.encode(errors="replace").decode() for text in (headline, body))
    source = source_words(headline, body)
    pieces = [*pieces, *pieces_of(body), *pieces_of(headline)[::-1]]
    writer, written = SurfaceWriter(source), ""
    for piece in pieces:
        written += writer.write(piece)
        assert written.startswith(writer.text)
    written += writer.finish()
    assert writer.text == written == restore(pieces, source)
    assert all(each == " " or each.isprintable() for each in written)
    assert "  " not in written
    assert written == written.strip()
