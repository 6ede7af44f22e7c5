"""The policy on messages: hits with their highlights, digests, topics and reasons."""

from gistwire.v1 import events_pb2, recommendation_pb2, summary_pb2, topic_pb2
from gistwire_server.policy.config import PolicyConfig
from gistwire_server.policy.shown_messages import (
    show_digest,
    show_hits,
    show_reasons,
    show_support,
    show_topic,
)
from gistwire_server.policy.summary_policy import open_policy
from hypothesis import given
from hypothesis import strategies as st

POLICY = open_policy(PolicyConfig(blocked_terms=("fern",)))
Action = events_pb2.PolicyAction
WORDS = st.lists(
    st.sampled_from(["Ships", "ada@news.example", "wait", "212-555-0198", "in", "红"]), max_size=8
)


def told(actions: object) -> list[tuple[str, str, int]]:
    return [(Action.Kind.Name(each.kind), each.rule, each.count) for each in actions]  # type: ignore[attr-defined]


def sentence(text: str, *cited: str) -> summary_pb2.DigestSentence:
    citations = [summary_pb2.Citation(sentence=each) for each in cited]
    return summary_pb2.DigestSentence(text=text, citations=citations)


@given(WORDS)
async def test_highlights_stay_on_their_words(words: list[str]) -> None:
    extract = " ; ".join(words)
    places = []
    for place, word in enumerate(words):
        start = sum(len(each) + 3 for each in words[:place])
        places.append(events_pb2.Highlight(start=start, end=start + len(word)))
    hit = events_pb2.Hit(extract=extract, extract_highlights=places)
    (shown,) = await show_hits([hit], POLICY)
    marked = [shown.extract[each.start : each.end] for each in shown.extract_highlights]
    assert marked == [word for word in words if word not in ("ada@news.example", "212-555-0198")]
    # The message that was made for the stream is what is summarized from.
    assert hit.extract == extract


async def test_a_refused_text_of_a_hit_is_empty() -> None:
    hit = events_pb2.Hit(
        article=events_pb2.ArticleView(headline="A fern", language="en"),
        headline_highlights=[events_pb2.Highlight(start=0, end=1)],
        extract="Ships wait.",
    )
    (shown,) = await show_hits([hit], POLICY)
    assert (shown.article.headline, shown.extract) == ("", "Ships wait.")
    assert not shown.headline_highlights
    assert told(shown.policy_actions) == [("REFUSED", "blocked_term", 1)]


async def test_a_digest_goes_without_what_is_refused() -> None:
    phone, fern = (summary_pb2.Citation(sentence=each) for each in ("Call 212-555-0198.", "A fern."))
    digest = summary_pb2.Digest(
        sentences=[
            sentence("Write to ada@news.example.", "A fern."),
            sentence("A fern grows.", "A fern grows."),
        ],
        disagreements=[
            summary_pb2.Disagreement(subject="[?] ships", claims=[phone]),
            summary_pb2.Disagreement(subject="[?] ships", claims=[fern]),
        ],
        model="m",
    )
    shown = await show_digest(digest, POLICY, "en")
    assert [each.text for each in shown.sentences] == ["Write to [e-mail]."]
    assert [each.sentence for each in shown.sentences[0].citations] == [""]
    assert [each.claims[0].sentence for each in shown.disagreements] == ["Call [phone]."]
    assert told(shown.policy_actions) == [
        ("MASKED", "email", 1),
        ("REFUSED", "blocked_term", 3),
        ("MASKED", "phone", 1),
    ]


async def test_a_topic_shows_no_headline_or_keyword_that_is_refused() -> None:
    articles = [events_pb2.ArticleView(headline=each) for each in ("A fern", "Ships wait, ada@news.example")]
    shown = await show_topic(topic_pb2.Topic(keywords=["ships", "fern"], articles=articles), POLICY)
    assert [each.headline for each in shown.articles] == ["", "Ships wait, [e-mail]"]
    assert list(shown.keywords) == ["ships"]
    assert told(shown.policy_actions) == [("REFUSED", "blocked_term", 2), ("MASKED", "email", 1)]


async def test_the_headline_of_a_reason_is_masked() -> None:
    reason = recommendation_pb2.RecommendationReason(history_headline="Mail ada@news.example")
    shown = await show_reasons(recommendation_pb2.RecommendationReasons(reasons=[reason]), POLICY)
    assert shown.reasons[0].history_headline == "Mail [e-mail]"
    assert told(shown.reasons[0].policy_actions) == [("MASKED", "email", 1)]


async def test_supporting_sentences_are_masked_or_left_out() -> None:
    supported_by = [events_pb2.SupportingSentence(text=each) for each in ("ada@news.example", "A fern.")]
    (shown,) = await show_support([events_pb2.SentenceSupport(supported_by=supported_by)], POLICY, "en")
    assert [each.text for each in shown.supported_by] == ["[e-mail]", ""]
