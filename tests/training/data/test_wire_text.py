"""Tests of removing the idiom of wires."""

import pytest
from gistwire_training.data.wire_text import (
    is_cut_off,
    remove_cut_sentence,
    remove_dateline,
    remove_headline_tags,
    remove_sign_off,
    remove_tickers,
    repair_encoding,
    repair_spacing,
)
from hypothesis import given
from hypothesis import strategies as st

FUNCTIONS = (
    repair_encoding,
    repair_spacing,
    remove_tickers,
    remove_dateline,
    remove_sign_off,
    remove_headline_tags,
)


@pytest.mark.parametrize(
    "dateline",
    [
        "BOSTON -- ",
        "SAN FRANCISCO (Reuters) - ",
        "AP - ",
        "NEW YORK, May 9 (AP) – ",
        "TORONTO, Canada — ",
        "ST. LOUIS, Mo., (Sports Network) - ",
        "BAGHDAD: ",
        "KANDAHAR, Afghanistan : ",
        "Vienna, Austria -- ",
        "Paris - ",
        "Canadian Press - OTTAWA (CP) - ",
        "OCTOBER 15, 2004 (IDG NEWS SERVICE) - ",
        "MADRID, Dec. 5. - ",
        "By Lisa Baertlein\nSAN FRANCISCO (Reuters) - ",
        "India News > ",
        "washingtonpost.com - ",
    ],
)
def test_datelines_are_removed(dateline: str) -> None:
    assert remove_dateline(f"{dateline}The mayor resigned.") == "The mayor resigned."


@pytest.mark.parametrize(
    "body",
    [
        "The Senate -- which initially balked -- agreed.",
        "Kaiju Big Battel -- a multimedia event -- opens.",
        "By assaulting 75-year-old Martin Gugino, police broke the law.",
        "NASA is the space agency. It said so - again.",
        "Remember -- you heard it here first.",
        "COVID-19 cases rose.",
        "北京 - 昨天下雨。",
    ],
)
def test_sentences_are_no_datelines(body: str) -> None:
    assert remove_dateline(body) == body


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Dow Chemical <DOW> rose.", "Dow Chemical rose."),
        ("Swiss Reinsurance <SWSZ.Z> rose.", "Swiss Reinsurance rose."),
        ("MEDICAL <MDCI> GETS HUMANA <HUM> CONTRACT", "MEDICAL GETS HUMANA CONTRACT"),
        ("Exxon Corp <XON), and", "Exxon Corp, and"),
        ("owned by <Bohai Aluminium Industries Ltd>.", "owned by Bohai Aluminium Industries Ltd."),
        ("from W.I. Carr <Carr (Overseas) Ltd>'s office", "from W.I. Carr Carr (Overseas) Ltd's office"),
        ("Qualcomm Inc. (QCOM.O: Quote, Profile, Research) said", "Qualcomm Inc. said"),
        ("Home Depot (HD:NYSE - news - research), the", "Home Depot, the"),
        ("Google (NASDAQ: GOOG) said", "Google said"),
        ("Boeing Co (BA.N) argued", "Boeing Co argued"),
        ('Wal-Mart Stores Inc. <A HREF="http://example.org/q', "Wal-Mart Stores Inc. "),
        ("temperatures < 5 and > 3 (the IMF said)", "temperatures < 5 and > 3 (the IMF said)"),
        ("at 9:45 am (2:45 am British time)", "at 9:45 am (2:45 am British time)"),
    ],
)
def test_tickers_go_and_names_stay(text: str, plain: str) -> None:
    assert remove_tickers(text) == plain


@pytest.mark.parametrize(
    ("body", "plain"),
    [
        ("Shares fell. Reuter", "Shares fell."),
        ("Shares fell.\nREUTER^M", "Shares fell."),
        ("Shares fell. REUTER...", "Shares fell."),
        ("It was the first choice. -washingtonpost.com", "It was the first choice."),
        ("Shares fell. (c) 2004 The Associated Press. All rights reserved.", "Shares fell."),
        ("officials told Reuters.", "officials told Reuters."),
        ("He is a cooper, not a router", "He is a cooper, not a router"),
    ],
)
def test_sign_offs_are_removed(body: str, plain: str) -> None:
    assert remove_sign_off(body) == plain


@pytest.mark.parametrize(
    ("text", "repaired"),
    [
        ("NicolÃ¡s Maduro", "Nicolás Maduro"),
        ("â‚¬5 and Â£1.50", "€5 and £1.50"),
        ("over â\x82¹1,200 crore", "over ₹1,200 crore"),
        ("over â¹1,200 crore", "over ₹1,200 crore"),
        ("Indiaâ€™s bank", "India’s bank"),
        ("Indiaâs bank", "India's bank"),
        ("pâte à tartiner, Île d’Oléron, São Paulo, IRMÃ", "pâte à tartiner, Île d’Oléron, São Paulo, IRMÃ"),
        ("教育 naïve Čaputová", "教育 naïve Čaputová"),
    ],
)
def test_misread_characters_are_restored(text: str, repaired: str) -> None:
    assert repair_encoding(text) == repaired


@pytest.mark.parametrize(
    ("text", "repaired"),
    [
        ("it 's not what they 're used to", "it's not what they're used to"),
        ("they would n't and won 't", "they wouldn't and won't"),
        ("Alphabet Inc. 's shares", "Alphabet Inc.'s shares"),
        (r"he said\on Monday", "he said on Monday"),
        (r"he said\\", "he said"),
        ('spoken like that".n', 'spoken like that".'),
        ("Walgreen Co. , the chain", "Walgreen Co., the chain"),
        ("she said 'so be it' and 's' is a letter", "she said 'so be it' and 's' is a letter"),
    ],
)
def test_parted_words_are_joined(text: str, repaired: str) -> None:
    assert repair_spacing(text) == repaired


@pytest.mark.parametrize(
    ("headline", "plain"),
    [
        ("Rapids Clinch Playoff Berth (AP)", "Rapids Clinch Playoff Berth"),
        ("Oil Jumps Again (Update1)", "Oil Jumps Again"),
        ("UPDATE 2-Oil jumps again", "Oil jumps again"),
        ("Update 1: Oil Jumps", "Oil Jumps"),
        ("SIENA (ITALY) - USDA", "SIENA (ITALY) - USDA"),
    ],
)
def test_tags_of_headlines_are_removed(headline: str, plain: str) -> None:
    assert remove_headline_tags(headline) == plain


@pytest.mark.parametrize(
    ("body", "whole"),
    [
        ("The mayor resigned. It was confirmed the", "The mayor resigned."),
        ("The mayor resigned. “I had to …", "The mayor resigned."),
        ("The mayor resigned. He had a new identit ...", "The mayor resigned."),
        ("It was confirmed the", "It was confirmed the"),
        ('"I had to go."', '"I had to go."'),
        ("市长辞职了。他说", "市长辞职了。"),
        ("", ""),
    ],
)
def test_a_last_sentence_that_was_cut_off_is_removed(body: str, whole: str) -> None:
    assert remove_cut_sentence(body, "und") == whole
    assert is_cut_off(whole) == (whole in ("", "It was confirmed the"))


@given(st.text(alphabet=st.sampled_from("aA <>().-:'’\\^\nâÃ©¹€RBy0,")))
def test_any_text_only_gets_shorter_and_none_raises(text: str) -> None:
    for function in FUNCTIONS:
        assert len(function(text)) <= len(text)
