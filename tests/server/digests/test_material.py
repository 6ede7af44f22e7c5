from gistwire_server.digests.material import read_material

from tests.server.digests.news import indexed

LONG = " ".join(f"The council of Ellery counted lamps in street number {place} today." for place in range(60))
REPORT = (
    "Dock workers in Ellery walked out on Monday over pay, closing the harbour to all freight until Friday."
)


def test_sentences_are_read_article_by_article() -> None:
    material = read_material([indexed("a", f"{REPORT} It rained all day in Grayle."), indexed("b", "")], "")
    assert [(each.article, each.position, each.is_headline) for each in material.sentences] == [
        (0, 0, False),
        (0, 1, False),
        (1, 0, True),
    ]
    assert material.sentences[2].text == "Earthquake hits Ellery"
    assert material.firsts == [0, 2]
    assert [each.text for each in material.only([0, 2]).sentences] == [REPORT, "Earthquake hits Ellery"]


def test_many_articles_share_the_sentences_that_are_read() -> None:
    for count in (1, 10, 50):
        material = read_material([indexed(f"a{place}", LONG) for place in range(count)], "")
        each = [sum(sentence.article == place for sentence in material.sentences) for place in range(count)]
        assert min(each) == max(each) >= 3
        assert sum(each) <= 150


def test_copies_share_a_supporter() -> None:
    articles = [
        indexed("a", REPORT),
        indexed("b", f"{REPORT} Nobody was hurt."),
        indexed("c", LONG),
        indexed("d", "Owls were seen.", duplicate_of="c"),
        indexed("e", "Bakers bake.", duplicate_of="elsewhere"),
        indexed("f", "Brewers brew.", duplicate_of="elsewhere"),
    ]
    supporters = [article.supporter for article in read_material(articles, "").articles]
    assert supporters == [0, 0, 2, 2, 4, 4]


def test_the_language_is_the_querys_or_that_of_most() -> None:
    articles = [
        indexed("a", "港口关闭。", language="zh"),
        indexed("b", REPORT),
        indexed("c", "Owls were seen."),
    ]
    assert read_material(articles, "").language == "en"
    assert read_material(articles, "港口什么时候重新开放").language == "zh"
    assert read_material(articles[:2], "").language == "zh"
    assert read_material([], "").language == "und"
