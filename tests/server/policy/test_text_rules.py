"""Texts and drafts under the rules of a policy: what is masked, what is left alone, and what of a draft waits."""

from pathlib import Path

import pytest
from gistwire_server.errors import ConfigurationError
from gistwire_server.policy.config import PolicyConfig
from gistwire_server.policy.text_rules import DraftFilter, rules_of
from hypothesis import example, given
from hypothesis import strategies as st

DEFAULT = rules_of(PolicyConfig())
MASKING = rules_of(
    PolicyConfig(blocked_terms=("red fern", "ass", "红蕨", "Straße 5"), blocked_terms_action="mask")
)
REFUSING = rules_of(PolicyConfig(blocked_terms=("red fern", "红蕨")))

# Pieces that findings are made of, so that random texts have some, whole, halved and run together.
PIECES = st.sampled_from(
    [
        "a", "B", "7", " ", ".", "-", "(", ")", "+", "/", "@", ":", "，", "红", "蕨", "\u0301", "ß", "ﬁ", "\u200b",
        "ada@news.example", "ada.b", "@news", ".example", "https://news.example/a?b=1", "www.", "http", "://",
        "(212) 555-0198", "+44 20 7946 0958", "13800138000", "010-65529999", "212-", "555", "0198",
        "4111 1111 1111 1111", "4111", "5555555555554444", "DE89 3704 0044 0532 0130 00", "DE89", "3704", "00",
        "078-05-1120", "11010519491231002X", "1101051949", "12345678Z", "AB 12 34 56 C", "AB12",
        "red fern", "RED  FERN", "red", "fern", "ass", "assess", "红蕨", "STRASSE 5", "Strasse", "2004-10-12",
        "21-14", "$1,234,567", "10.30", "１３８００１３８０００", "data:text/html;base64,", "javascript:x",
    ]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=14).map("".join)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Write to ada.byron+news@mail.news.example.", "Write to [e-mail]."),
        ("请发邮件到ada@news.example报名。", "请发邮件到[e-mail]报名。"),
        (
            "Call (212) 555-0198 or +44 20 7946 0958, they said.",
            "Call [phone] or [phone], they said.",
        ),
        ("热线13800138000，或010-65529999。", "热线[phone]，或[phone]。"),
        ("热线１３８００１３８０００。", "热线[phone]。"),
        ("Card 4111 1111 1111 1111 was used.", "Card [card] was used."),
        ("Pay to DE89 3704 0044 0532 0130 00 today.", "Pay to [account] today."),
        ("His number, 078-05-1120, leaked.", "His number, [identity], leaked."),
        ("身份证11010519491231002X泄露", "身份证[identity]泄露"),
        ("DNI 12345678Z and AB 12 34 56 C.", "DNI [identity] and [identity]."),
        ("See https://news.example/a?b=1.", "See [link]."),
        ("[more](javascript:alert) at www.news.example!", "[more]([link]) at [link]!"),
        ("Read news.example/today now.", "Read [link] now."),
        ("An image data:image/png;base64,AAAA here.", "An image [link] here."),
    ],
)
def test_what_leads_to_a_person_or_a_page_is_masked(text: str, shown: str) -> None:
    assert DEFAULT.judge(text).text == shown


@pytest.mark.parametrize(
    "text",
    [
        "Amazon.com and SPACE.com rose 4.5 percent to $1,234,567.89 on 2004-10-12.",
        "They won 21-14, 3-6, 7-6 (7-5) and 110-98 at 10.30 p.m.",
        "The 1998/99 season had 1 000 000 viewers; 12345678 of them, 20041012, voted.",
        "U.S./China talks, and/or 5/6 of 1,000,000,000,000,000 yuan.",
        "ISBN 978-3-16-148410-0, order 4111 1111 1111 1112, DE89 3704 0044 0532 0130 01.",
        "2004年10月12日，1亿2000万人，增长3.5%。",
        "Flight UA 175 left at 08:14 with 65 aboard; 9/11, 24/7, 555-0198.",
        "@ada wrote: a@b, price 5@10.",
    ],
)
def test_the_numbers_of_news_are_left_alone(text: str) -> None:
    assert DEFAULT.judge(text).text == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("A RED\u00a0 Fern grows.", "A […] grows."),
        ("A re\u200bd fern, assessed.", "A […], assessed."),
        ("An ass's red ferns", "An […]'s red ferns"),
        ("一株红蕨生长", "一株[…]生长"),
        ("In der STRASSE 5 und straße 55.", "In der […] und straße 55."),
        ("ｒｅｄ ｆｅｒｎ", "[…]"),
        ("ass\u0301 is another word", "ass\u0301 is another word"),
    ],
)
def test_terms_are_found_as_whole_words_in_any_spelling(text: str, shown: str) -> None:
    assert MASKING.judge(text).text == shown


def test_actions_say_what_and_how_often_but_never_the_text() -> None:
    judged = MASKING.judge("ada@news.example, b@news.example, a red fern")
    assert [(each.rule, each.count) for each in judged.actions] == [("email", 2), ("blocked_term", 1)]


def test_a_text_with_a_blocked_term_is_refused_as_a_whole() -> None:
    judged = REFUSING.judge("Write to ada@news.example of the Red Fern.")
    assert (judged.text, judged.refused_by) == ("", "blocked_term")


def test_nothing_is_masked_that_the_configuration_leaves_out() -> None:
    rules = rules_of(PolicyConfig(mask=("phone",), phone_regions=("US",)))
    assert (
        rules.judge("ada@news.example 13800138000 212-555-0198").text
        == "ada@news.example 13800138000 [phone]"
    )
    assert rules_of(PolicyConfig(mask=())).is_empty


def test_terms_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "terms.txt"
    file.write_text("# plants\n\n red fern \n红蕨\n", encoding="utf-8")
    rules = rules_of(PolicyConfig(blocked_terms_file=file, blocked_terms_action="mask"))
    assert rules.judge("红蕨 or red fern, # plants").text == "[…] or […], # plants"


@pytest.mark.parametrize(
    ("config", "named"),
    [
        (PolicyConfig(phone_regions=("US", "XQ")), "XQ"),
        (PolicyConfig(blocked_terms_file=Path("/nowhere/terms")), "blocked_terms_file"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused_by_name(config: PolicyConfig, named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        rules_of(config)


@given(TEXTS | st.text(max_size=60))
def test_a_masked_text_has_nothing_more_to_mask(text: str) -> None:
    judged = MASKING.judge(text)
    assert MASKING.judge(judged.text).text == judged.text


@given(TEXTS, st.integers(0, 100))
@example("Pay DE89 3704 0044 0532 0130 00 AB", 31)
@example("a red fern", 6)
@example("+44 20 7946 0958", 15)
def test_what_is_decided_stays_whatever_follows(text: str, cut: int) -> None:
    beginning = text[:cut]
    found = MASKING.find(beginning)
    decided = MASKING.decided_length(beginning, found)
    later = MASKING.find(text)
    assert [each for each in later if each.start < decided] == [
        each for each in found if each.start < decided
    ]
    assert all(each.end <= decided for each in found if each.start < decided)


@given(TEXTS, st.lists(st.integers(1, 9), min_size=1, max_size=5))
@example("Pay DE89 3704 0044 0532 0130 00 now", [5])
@example("NINO AB 12 34 56 C leaked", [1])
@example("A red  fern and 4111 1111 1111 1111.", [1])
@example("Call 212 555 0198 or ada@news.example", [3])
def test_pieces_of_a_draft_add_up_to_the_masked_text(text: str, lengths: list[int]) -> None:
    drafts = DraftFilter(MASKING)
    shown = MASKING.judge(text).text
    sent = ""
    position = turn = 0
    while position < len(text):
        length = lengths[turn % len(lengths)]
        sent += drafts.add(text[position : position + length])
        assert shown.startswith(sent)
        position += length
        turn += 1
    assert sent + drafts.end() == shown


@given(st.lists(PIECES, max_size=14))
def test_a_draft_that_is_refused_shows_nothing_from_the_term_on(pieces: list[str]) -> None:
    drafts = DraftFilter(REFUSING)
    sent = "".join([drafts.add(piece) for piece in pieces]) + drafts.end()
    assert REFUSING.judge(sent).refused_by is None
    if REFUSING.judge("".join(pieces)).refused_by is None:
        assert sent == REFUSING.judge("".join(pieces)).text


def test_a_draft_waits_for_no_more_than_its_last_word() -> None:
    drafts = DraftFilter(DEFAULT)
    sent = [drafts.add(piece) for piece in ("Dock", " workers", " in Ellery", " began", " a strike.")]
    assert sent == ["", "Dock ", "workers in ", "Ellery ", "began a "]
    assert drafts.end() == "strike."


def test_without_rules_a_draft_waits_for_nothing() -> None:
    drafts = DraftFilter(rules_of(PolicyConfig(mask=())))
    assert drafts.add("Do") == "Do"
    assert drafts.end() == ""


def test_time_grows_with_the_length_of_a_text_alone() -> None:
    # None of these would end if time grew with the square of the length.
    for text in ("1" * 1_000_000, "a.b@" * 250_000, "www." * 250_000, "DE89" * 250_000, "(" * 1_000_000):
        assert DEFAULT.judge(text).refused_by is None
