import pytest
from gistwire_server.proper_names import NameIndex, find_names


@pytest.mark.parametrize(
    ("text", "language", "names"),
    [
        ("Shares of Lenovo fell after Angela Merkel spoke.", "en", ["Lenovo", "Angela Merkel"]),
        ("Bill Gates said so.", "en", ["Bill Gates"]),
        ("Yesterday Obama left.", "en", ["Obama"]),
        ("Alleged Deserter left for home.", "en", ["Deserter"]),
        ("It met Mr. Smith there.", "en", ["Smith"]),
        ("The U.S. and NATO agreed.", "en", ["US", "NATO"]),
        ("iPhone sales fell.", "en", ["iPhone"]),
        ("It is a Lenovo-owned firm.", "en", ["Lenovo"]),
        ("Officials said it rained.", "en", []),
        ("Apple Unveils New Phone in Paris", "en", []),
        ("OIL PRICES FALL IN LONDON", "en", []),
        ("oil prices fall in london", "en", []),
        ("Der Preis für Strom stieg.", "de", []),
        ("Gestern sprach Olaf Scholz dazu.", "de", ["Olaf Scholz"]),
        ("La empresa Aguas subió.", "es", ["Aguas"]),
        ("Hier, l'OMS a parlé.", "fr", ["OMS"]),
        ("苹果发布iPhone和小说《三体》。", "zh", ["iPhone", "三体"]),
        ("教练高洪波表示满意。", "zh", ["高洪波"]),
        ("他在东海大学读书。", "zh", ["东海大学"]),
        ("这家公司不错。", "zh", []),
    ],
)
def test_finds_names(text: str, language: str, names: list[str]) -> None:
    assert [name.text for name in find_names(text, language)] == names


@pytest.mark.parametrize(
    ("claim", "source"),
    [
        ("It was in India.", "The Indian team won."),
        ("It was Chinese.", "They were in China."),
        ("It was French.", "They left France."),
        ("It joined the United Nations.", "It joined the U.N. in May."),
        ("It left the IMF.", "The International Monetary Fund met."),
        ("It was in the US.", "A U.S. court ruled."),
        ("It was American.", "A U.S. court ruled."),
        ("It was Schröder's.", "gerhard schröder left."),
        ("It was Obama.", "OBAMA WINS"),
        ("It came on Friday.", "It came on Fri."),
    ],
)
def test_knows_a_name_in_its_other_forms(claim: str, source: str) -> None:
    (name,) = find_names(claim, "en")
    assert NameIndex(source).unsupported(name) == ""


@pytest.mark.parametrize(
    ("claim", "source", "missing"),
    [
        ("It was Angela Merkel.", "Angela Smith spoke.", "Merkel"),
        ("It was Johnson.", "Johnston spoke.", "Johnson"),
        ("It was the IMF.", "The World Bank met.", "IMF"),
        ("It came on Friday.", "It came on Monday.", "Friday"),
    ],
)
def test_says_which_words_of_a_name_are_missing(claim: str, source: str, missing: str) -> None:
    (name,) = find_names(claim, "en")
    assert NameIndex(source).unsupported(name) == missing
