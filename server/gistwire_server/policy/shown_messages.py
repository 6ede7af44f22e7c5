"""The policy on messages that show texts of articles: hits, digests, topics and the reasons of recommendations."""

from collections.abc import Iterable, Sequence

from gistwire.v1 import events_pb2, recommendation_pb2, summary_pb2, topic_pb2

from gistwire_server.policy.summary_policy import SummaryPolicy, added_up, refusal
from gistwire_server.policy.text_rules import JudgedText, Mask


async def show_hits(hits: Iterable[events_pb2.Hit], policy: SummaryPolicy) -> list[events_pb2.Hit]:
    """Returns the hits as they may be shown: headline and extract masked, or empty where they are refused."""
    return [await _show_hit(hit, policy) for hit in hits]


async def show_digest(digest: summary_pb2.Digest, policy: SummaryPolicy, language: str) -> summary_pb2.Digest:
    """Returns a digest as it may be shown: without sentences that are refused."""
    shown = summary_pb2.Digest(model=digest.model)
    actions: list[events_pb2.PolicyAction] = []
    for each in digest.sentences:
        sentence, done = await show_sentence(each, policy, language)
        actions += done
        if sentence is not None:
            shown.sentences.append(sentence)
    for point in digest.disagreements:
        subject = await policy.judge(point.subject, language)
        claims, done = await _show_citations(point.claims, policy, language)
        actions += [*_actions(subject), *done]
        if subject.refused_by is None and all(claim.sentence for claim in claims):
            shown.disagreements.add(subject=subject.text, claims=claims)
    shown.policy_actions.extend(added_up(actions))
    return shown


async def show_sentence(
    sentence: summary_pb2.DigestSentence, policy: SummaryPolicy, language: str
) -> tuple[summary_pb2.DigestSentence | None, list[events_pb2.PolicyAction]]:
    """Returns a sentence as it may be shown, None if it is refused, and what was done."""
    judged = await policy.judge(sentence.text, language)
    if judged.refused_by is not None:
        return None, _actions(judged)
    citations, actions = await _show_citations(sentence.citations, policy, language)
    shown = summary_pb2.DigestSentence(text=judged.text, citations=citations)
    return shown, [*_actions(judged), *actions]


async def show_topic(topic: topic_pb2.Topic, policy: SummaryPolicy) -> topic_pb2.Topic:
    """Returns a topic as it may be shown: headlines as those of hits, and no keywords that anything is done to."""
    shown = topic_pb2.Topic()
    shown.CopyFrom(topic)
    actions: list[events_pb2.PolicyAction] = []
    for article in shown.articles:
        judged = await policy.judge(article.headline, article.language)
        article.headline = judged.text
        actions += _actions(judged)
    keywords = await policy.judge_all(topic.keywords, "und")
    shown.keywords[:] = [each.text for each in keywords if not _actions(each)]
    actions += [action for each in keywords for action in _actions(each)]
    shown.policy_actions.extend(added_up(actions))
    return shown


async def show_reasons(
    reasons: recommendation_pb2.RecommendationReasons, policy: SummaryPolicy
) -> recommendation_pb2.RecommendationReasons:
    """Returns reasons as they may be shown: headlines of the history as those of hits."""
    shown = recommendation_pb2.RecommendationReasons()
    shown.CopyFrom(reasons)
    for reason in shown.reasons:
        judged = await policy.judge(reason.history_headline, "und")
        reason.history_headline = judged.text
        reason.policy_actions.extend(_actions(judged))
    return shown


async def show_support(
    support: Sequence[events_pb2.SentenceSupport], policy: SummaryPolicy, language: str
) -> list[events_pb2.SentenceSupport]:
    """Returns what supports a summary as it may be shown: sentences of the article masked, or empty if refused."""
    shown = []
    for each in support:
        copy = events_pb2.SentenceSupport()
        copy.CopyFrom(each)
        for sentence in copy.supported_by:
            sentence.text = (await policy.judge(sentence.text, language)).text
        shown.append(copy)
    return shown


async def _show_hit(hit: events_pb2.Hit, policy: SummaryPolicy) -> events_pb2.Hit:
    headline, extract = await policy.judge_all([hit.article.headline, hit.extract], hit.article.language)
    actions = added_up([*_actions(headline), *_actions(extract)])
    if not actions:
        return hit
    shown = events_pb2.Hit()
    shown.CopyFrom(hit)
    shown.article.headline = headline.text
    shown.extract = extract.text
    del shown.headline_highlights[:], shown.extract_highlights[:]
    shown.headline_highlights.extend(_moved(hit.headline_highlights, headline))
    shown.extract_highlights.extend(_moved(hit.extract_highlights, extract))
    shown.policy_actions.extend(actions)
    return shown


async def _show_citations(
    citations: Sequence[summary_pb2.Citation], policy: SummaryPolicy, language: str
) -> tuple[list[summary_pb2.Citation], list[events_pb2.PolicyAction]]:
    """Citations as they may be shown: the sentence is empty where it is refused."""
    judged = await policy.judge_all([each.sentence for each in citations], language)
    shown = []
    for citation, each in zip(citations, judged, strict=True):
        copy = summary_pb2.Citation()
        copy.CopyFrom(citation)
        copy.sentence = each.text
        shown.append(copy)
    return shown, [action for each in judged for action in _actions(each)]


def _actions(judged: JudgedText) -> list[events_pb2.PolicyAction]:
    return list(judged.actions) if judged.refused_by is None else [refusal(judged.refused_by)]


def _moved(highlights: Sequence[events_pb2.Highlight], judged: JudgedText) -> list[events_pb2.Highlight]:
    """Highlights where their characters are after masking; those of characters that were masked are left out."""
    if judged.refused_by is not None:
        return []
    return [
        events_pb2.Highlight(
            start=each.start + _shift(judged.masks, each.start),
            end=each.end + _shift(judged.masks, each.start),
        )
        for each in highlights
        if all(each.end <= mask.start or each.start >= mask.end for mask in judged.masks)
    ]


def _shift(masks: Iterable[Mask], place: int) -> int:
    """By how much a place after these masks moves."""
    return sum(len(mask.text) - (mask.end - mask.start) for mask in masks if mask.end <= place)
