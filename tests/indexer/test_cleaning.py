"""Tests of gistwire_indexer.cleaning."""

import unicodedata

import pytest
from gistwire_indexer.cleaning import clean_text, remove_unprintable
from hypothesis import example, given
from hypothesis import strategies as st

FRAGMENTS = st.sampled_from(
    [
        *("<b>", "</b>", "<", ">", "<p", "<S>", "script>", "<!--", "-->", "<div hidden>", "</div>"),
        *("[", "]", "](", "(//x)", "![", "](//x)"),
        *("&amp;", "&lt;", "&", ";", "#39;", "&#38;", "&num;", "amp;"),
        *(" ", "\n", "x", "e\u0301", "\u0301", "\u200d", "\u202e", "\ud800", "\u037e", "\xe2\x80\x99"),
    ]
)
HOSTILE_TEXTS = st.one_of(st.text(), st.lists(FRAGMENTS, max_size=30).map("".join))


@pytest.mark.parametrize(
    "text",
    [
        "AT&T <T.N> rose",
        "STANDARD OIL <SRD> TO FORM UNIT",
        "SEARS <S> SEES GAIN",
        "DAHLBERG COMPLETES SEARS<S> AGREEMENT",
        "NAVISTAR<NAV>, DINA IN PACT",
        "Plessey's subsidiary <Stromberg-Carlson>",
        "the <e-tron> said",
        "a < b and c > d",
        "x --> y",
        "R&D at ?a=1&copy=2",
        "finished #12; then",
        "&notanentity; stays",
        "می\u200cخواهم",
    ],
)
def test_text_that_is_no_markup_stays(text: str) -> None:
    assert clean_text(text, multiline=False) == text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("<b>Bold</b> move", "Bold move"),
        ('Co. <A HREF="http://x/?a=1">Co.N</A> rose', "Co. Co.N rose"),
        ('<a title="x > y" href=z>link</a>', "link"),
        ("&lt;b&gt;bold&lt;/b&gt;", "bold"),
        ("It&amp;#39;s &amp;amp; more", "It's & more"),
        ("it #39;s", "it's"),
        ("Johnson amp; Johnson", "Johnson & Johnson"),
        ("AT amp;T", "AT&T"),
        ("for #36;10 mln", "for $10 mln"),
        ("online #151; and off", "online — and off"),
        ("1 &lt; 2", "1 < 2"),
        ("<p>STANDARD <SRD> &amp; Co</p>", "STANDARD <SRD> & Co"),
        ("before<script>alert('<b>')</script>after", "beforeafter"),
        ("a<style>p {}</style><!-- <b>no</b> -->b", "ab"),
        ("<title>never <i>closed</i>", "never closed"),
        ("a <div hidden>b <div>c</div> d</div>e", "a e"),
        ("a <p style=\"color: red; DISPLAY:none\">b</p> c <i style='font-size:0px'>d</i>e", "a c e"),
        ('a <span style="opacity:0.5">b</span> <b title="the hidden truth">c</b>', "a b c"),
        ("<p hidden>never closed", "never closed"),
        ("<input hidden>kept <div hidden=until-found>dropped</div>", "kept"),
        ("see [the report](https://x.example/a) ![seen](data:image/png;base64,AA)now", "see the report now"),
        ("a [sic](1987) and f[x](y)", "a [sic](1987) and f[x](y)"),
        ("won\xe2\x80\x99t cost \xe2\x82\xb930", "won’t cost ₹30"),
        ("soft\xadhyphen zero\u200bwidth \ufeffmark", "softhyphen zerowidth mark"),
        ("bidi \u202eevil\u202c \u2066x\u2069 &#x202E;", "bidi evil x"),
        ("nul\x00 bell\x07 c1\x9b \ud800", "nul bell c1"),
        ("tab\tand\xa0space", "tab and space"),
        ("e\u0301", "é"),
    ],
)
def test_cleans(text: str, plain: str) -> None:
    assert clean_text(text, multiline=False) == plain


def test_blocks_and_line_breaks_become_lines_of_a_multiline_text() -> None:
    text = "<div><p>One\ttwo</p><p>Three</p>four<br/>five\r\n\r\nsix\u2029seven</div>"
    assert clean_text(text, multiline=True) == "One two\nThree\nfour\nfive\nsix\nseven"
    assert clean_text(text, multiline=False) == "One two Three four five six seven"


def test_table_cells_are_parted() -> None:
    assert clean_text("<table><tr><td>a</td><td>b</td></tr></table>", multiline=True) == "a b"


def test_remove_unprintable_keeps_white_space_and_markup() -> None:
    assert remove_unprintable("<b>\t\n\u200b \x01</b>") == "<b>\t\n </b>"


@given(HOSTILE_TEXTS, st.booleans())
@example("&&num;38;num;38;num;38;num;38;lt;b>", False)
@example("<<<<<<b>b>b>b>b>b>", True)
@example("\t#39;", True)
@example("[" * 9 + "x" + "](//x)" * 9, False)
def test_cleaning_a_clean_text_changes_nothing(text: str, multiline: bool) -> None:
    cleaned = clean_text(text, multiline=multiline)
    assert clean_text(cleaned, multiline=multiline) == cleaned


@given(HOSTILE_TEXTS, st.booleans())
def test_a_clean_text_is_normal_printable_and_folded(text: str, multiline: bool) -> None:
    cleaned = clean_text(text, multiline=multiline)
    assert unicodedata.is_normalized("NFC", cleaned)
    assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in cleaned if char != "\n")
    lines = cleaned.split("\n") if cleaned else []
    assert multiline or len(lines) <= 1
    assert all(line == " ".join(line.split()) and line for line in lines)


@pytest.mark.parametrize(
    "unit",
    [
        "<div>",
        "<b>",
        "<",
        '<a ="',
        "<script>",
        "<!--",
        "amp;",
        "&&num;38;",
        "\u0301\u0316",
        "= /",
        " ",
        "<b id=1><p>",
        "<div hidden>",
        "[x](//",
        "![",
        "](//x)",
    ],
)
def test_long_hostile_texts_are_cleaned(unit: str) -> None:
    """Work that grew with the square of the length would take minutes here."""
    cleaned = clean_text("&a" + unit * 60_000, multiline=True)
    assert clean_text(cleaned, multiline=True) == cleaned


def test_markup_within_markup_of_any_depth_is_cleaned() -> None:
    depth = 60_000
    assert "<" not in clean_text("<" * depth + "b>" * depth, multiline=False)


def test_stacks_of_combining_marks_are_cut() -> None:
    """Normalization would take quadratic time for them."""
    assert len(clean_text("q" + "\u0301\u0316" * 1_000, multiline=False)) == 31
