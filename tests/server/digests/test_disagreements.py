import itertools
from collections.abc import Sequence
from datetime import timedelta

import pytest
from gistwire.v1 import summary_pb2
from gistwire_indexer.index import IndexedArticle
from gistwire_server.digests.disagreements import MAX_DISAGREEMENTS, find_disagreements
from gistwire_server.digests.material import read_material
from gistwire_server.digests.sentence_space import word_space

from tests.server.digests.news import PUBLISHED, indexed

TOLL = "The earthquake killed 12 people in Ellery on Monday, officials said."
HIGHER_TOLL = "The earthquake killed 15 people in Ellery on Monday, officials said."


def disagreements(*articles: IndexedArticle) -> list[summary_pb2.Disagreement]:
    material = read_material(articles, "")
    return find_disagreements(material, word_space(material, ""))


def said(disagreement: summary_pb2.Disagreement) -> dict[str, str]:
    return {claim.article_id: claim.sentence for claim in disagreement.claims}


def test_different_numbers_of_the_same_are_named_with_what_each_source_says() -> None:
    (found,) = disagreements(indexed("a", TOLL), indexed("b", HIGHER_TOLL))
    assert found.subject == "The earthquake killed [?] people in Ellery on Monday, officials said"
    assert said(found) == {"a": TOLL, "b": HIGHER_TOLL}
    assert all(claim.revision and claim.support == 1 for claim in found.claims)


@pytest.mark.parametrize(
    ("one", "other", "subject"),
    [
        (
            "The Ellery council will spend 3.2 million crowns on the old bridge.",
            "The Ellery council will spend 4.1 million crowns on the old bridge.",
            "The Ellery council will spend [?] crowns on the old bridge",
        ),
        (
            "Sales of Brondo rose 12.5 percent in the third quarter, the company said.",
            "Sales of Brondo rose 11.9 percent in the third quarter, the company said.",
            "Sales of Brondo rose [?] percent in the third quarter, the company said",
        ),
        (
            "Brondo will not close its plant in the town of Grayle, the company said.",
            "Brondo will close its plant in the town of Grayle, the company said.",
            "Brondo will not close its plant in the town of Grayle, the company said.",
        ),
        (
            "The board of Brondo named Maria Keller as chief executive on Tuesday.",
            "The board of Brondo named Anna Dorsen as chief executive on Tuesday.",
            "The board of Brondo named [?] as chief executive on Tuesday",
        ),
    ],
)
def test_numbers_names_and_negations(one: str, other: str, subject: str) -> None:
    headline = "Ellery council and Brondo news on plant, board, bridge and sales"
    (found,) = disagreements(indexed("a", one, headline=headline), indexed("b", other, headline=headline))
    assert found.subject == subject
    assert said(found) == {"a": one, "b": other}


@pytest.mark.parametrize(
    ("one", "other", "subject"),
    [
        (
            "地震发生后，埃勒里市有15人死亡，80人受伤。",
            "地震发生后，埃勒里市有18人死亡，80人受伤。",
            "地震发生后, 埃勒里市有 [?] 人死亡, 80人受伤",
        ),
        (
            "市政府表示，埃勒里大桥今年不会关闭通行。",
            "市政府表示，埃勒里大桥今年会关闭通行。",
            "市政府表示, 埃勒里大桥今年不会关闭通行。",
        ),
    ],
)
def test_chinese_sources_disagree(one: str, other: str, subject: str) -> None:
    headline = "埃勒里市地震后大桥通行"
    (found,) = disagreements(
        indexed("a", one, headline=headline, language="zh"),
        indexed("b", other, headline=headline, language="zh"),
    )
    assert found.subject == subject
    assert said(found) == {"a": one, "b": other}


def test_a_third_source_joins_the_same_disagreement() -> None:
    third = "The earthquake killed 20 people in Ellery on Monday, officials said."
    (found,) = disagreements(indexed("a", TOLL), indexed("b", HIGHER_TOLL), indexed("c", third))
    assert said(found) == {"a": TOLL, "b": HIGHER_TOLL, "c": third}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(TOLL, TOLL, id="the same"),
        pytest.param(TOLL, TOLL.replace("12", "twelve"), id="written otherwise"),
        pytest.param(TOLL, TOLL.replace("12", "at least 10"), id="an estimate"),
        pytest.param(TOLL, TOLL.replace("12", "10 to 15"), id="a range"),
        pytest.param(TOLL, TOLL.replace("12", "a further 15"), id="on top of it"),
        pytest.param(TOLL, HIGHER_TOLL.replace("people", "horses"), id="others counted"),
        pytest.param(TOLL, HIGHER_TOLL.replace("people", "people within 90 seconds"), id="another scope"),
        pytest.param(
            TOLL.replace("people", "people within 40 seconds"),
            HIGHER_TOLL.replace("people", "people within 90 seconds"),
            id="more differs",
        ),
        pytest.param(TOLL, HIGHER_TOLL.replace("Monday", "Tuesday"), id="of another day"),
        pytest.param(TOLL, TOLL.replace("Ellery", "Dunsley Cross").replace("12", "15"), id="elsewhere"),
        pytest.param(TOLL, TOLL.replace("killed 12", "injured 80"), id="something else counted"),
        pytest.param(TOLL, f"{HIGHER_TOLL} Police first spoke of 12.", id="both numbers known"),
        pytest.param(
            "Brondo will spend 3.2 million crowns on the old bridge in Ellery.",
            "Brondo will spend 3.15 million crowns on the old bridge in Ellery.",
            id="rounded",
        ),
        pytest.param(
            "Crews in Ellery met at 5 a.m. near the old harbour quay.",
            "Crews in Ellery met near the old harbour quay for 7 hours.",
            id="other units",
        ),
    ],
)
def test_what_may_both_be_true_is_no_disagreement(one: str, other: str) -> None:
    assert disagreements(indexed("a", one), indexed("b", other)) == []


def test_a_copy_that_was_changed_disagrees() -> None:
    (found,) = disagreements(indexed("a", TOLL), indexed("b", HIGHER_TOLL, duplicate_of="a"))
    assert said(found) == {"a": TOLL, "b": HIGHER_TOLL}


def test_one_publisher_and_later_news_do_not_disagree() -> None:
    wire = "Meridian Wire"
    assert disagreements(indexed("a", TOLL, source=wire), indexed("b", HIGHER_TOLL, source=wire)) == []
    later = PUBLISHED + timedelta(days=2)
    assert disagreements(indexed("a", TOLL), indexed("b", HIGHER_TOLL, published=later)) == []


def test_articles_on_different_stories_do_not_disagree() -> None:
    body = "Profit rose {} percent in the third quarter, the company said on Monday."
    assert (
        disagreements(
            indexed("a", body.format(12), headline="Brondo reports third quarter"),
            indexed("b", body.format(15), headline="Lathmere Foods cannery thrives"),
        )
        == []
    )


def test_there_are_not_too_many() -> None:
    subjects = ["lamps", "ferries", "cranes", "bridges", "trams", "schools", "boats"]

    def body(offset: int) -> str:
        return " ".join(
            f"The council of Ellery counted {place * 30 + offset} broken {each} after the earthquake."
            for place, each in enumerate(subjects, start=2)
        )

    found = disagreements(indexed("a", body(0)), indexed("b", body(7)))
    assert len(found) == MAX_DISAGREEMENTS
    subjects_found: Sequence[str] = [each.subject for each in found]
    assert all(one != other for one, other in itertools.pairwise(subjects_found))
