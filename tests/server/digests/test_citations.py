import pytest
from gistwire_server.digests.citations import support_of
from gistwire_server.digests.material import read_material

from tests.server.digests.news import indexed

BODY = (
    "The harbour of Ellery, run by Brondo, handles 4,000 containers a week. "
    "Union leader Maria Keller did not announce a strike. “We wait,” she told reporters."
)
FIRST = "The harbour of Ellery, run by Brondo, handles 4,000 containers a week."


def support(text: str, sentence: str = FIRST, body: str = BODY) -> float | None:
    (article,) = read_material([indexed("a", body, headline="Harbour")], "").articles
    return support_of(text, sentence, article)


def test_an_articles_own_sentence_is_fully_supported() -> None:
    assert support(FIRST) == 1


def test_other_words_for_the_same_are_supported_in_part() -> None:
    supported = support("Brondo's harbour in Ellery handles 4,000 containers each week.")
    assert supported is not None
    assert 0.5 <= supported < 1


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(FIRST.replace("4,000", "5,000"), id="a number"),
        pytest.param(FIRST.replace("Brondo", "Lathmere Foods"), id="a name"),
        pytest.param("The harbour of Ellery handles no 4,000 containers a week.", id="a negation"),
        pytest.param("“We strike,” said the harbour of Ellery, run by Brondo.", id="a quotation"),
        pytest.param("Bakers opened shops selling bread, cake, coffee, wine, cheese.", id="other words"),
    ],
)
def test_what_the_article_does_not_say_is_not_supported(text: str) -> None:
    assert support(text) is None


def test_a_number_elsewhere_in_the_article_is_no_support() -> None:
    body = f"{FIRST} It employs 300 people in Ellery."
    assert support("The harbour of Ellery, run by Brondo, handles 300 containers a week.", body=body) is None


def test_a_negation_in_the_cited_sentence_counts() -> None:
    denied = "Union leader Maria Keller did not announce a strike."
    assert support(denied, sentence=denied) == 1
    assert support("Union leader Maria Keller did announce a strike.", sentence=denied) is None


def test_chinese() -> None:
    body = "云浦茶业8月4日挂牌，募资7.44亿元。公司不会裁员。"
    (article,) = read_material([indexed("a", body, language="zh")], "").articles
    sentence = "云浦茶业8月4日挂牌，募资7.44亿元。"
    assert support_of("云浦茶业募资7.44亿元，8月4日挂牌。", sentence, article) is not None
    assert support_of("云浦茶业募资7.44万元，8月4日挂牌。", sentence, article) is None
