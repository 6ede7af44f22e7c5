"""Explanations in words: what a score is made of, how a hit was found, and what supports a summary."""

from gistwire.v1 import events_pb2
from gistwire_client.terminal.explanation import supported_by, why_here
from gistwire_client.terminal.wording import policy

Supporting = events_pb2.SupportingSentence
Action = events_pb2.PolicyAction


def test_a_score_is_told_with_its_parts_and_the_hit_with_its_lists() -> None:
    ranked = events_pb2.RankedHit(
        score=2.62,
        explanation=events_pb2.Explanation(
            contributions=[
                events_pb2.Contribution(signal="query_similarity", value=0.83, weight=2, contribution=1.66),
                events_pb2.Contribution(signal="fusion", value=1, weight=1, contribution=1),
                events_pb2.Contribution(signal="redundancy", value=0.4, weight=-0.1, contribution=-0.04),
            ],
            retrieval=[
                events_pb2.RetrievalContribution(
                    ranked_list=events_pb2.RetrievalContribution.LEXICAL, rank=1, weight=1, contribution=0.75
                ),
                events_pb2.RetrievalContribution(
                    ranked_list=events_pb2.RetrievalContribution.DENSE, rank=4, weight=3, contribution=0.25
                ),
            ],
            matched_words=["harbour", "strike\x1b[2J"],
        ),
    )
    assert why_here(ranked) == (
        "score 2.62: +1.66 closeness of the summary to the query (0.83 × 2), +1.00 retrieval (1.00 × 1), "
        "-0.04 resemblance to a hit above (0.40 × 0.1)",
        "found by words, rank 1 (0.75) and by meaning, rank 4 (0.25); has harbour, strike[2J",
    )


def test_a_signal_that_stands_in_is_told_as_what_it_is() -> None:
    contribution = events_pb2.Contribution(
        signal="query_similarity", value=0.5, weight=2, contribution=1, stand_in="dense"
    )
    ranked = events_pb2.RankedHit(score=1, explanation=events_pb2.Explanation(contributions=[contribution]))
    assert why_here(ranked) == ("score 1.00: +1.00 closeness of the article to the query (0.50 × 2)",)


def test_without_an_explanation_nothing_is_told() -> None:
    assert why_here(events_pb2.RankedHit(score=1)) == ()
    assert supported_by(events_pb2.Summary(text="It rose.")) == ()


def test_support_is_told_for_each_sentence() -> None:
    summary = events_pb2.Summary(
        support=[
            events_pb2.SentenceSupport(
                support=1,
                supported_by=[
                    Supporting(kind=Supporting.VERBATIM, field=Supporting.BODY, text="It\nrose\x07 today.")
                ],
            ),
            events_pb2.SentenceSupport(
                support=0.72,
                supported_by=[
                    Supporting(kind=Supporting.REWORDED, field=Supporting.HEADLINE, text="x" * 200),
                    Supporting(kind=Supporting.REWORDED, field=Supporting.BODY, text=""),
                ],
            ),
            events_pb2.SentenceSupport(),
        ]
    )
    assert supported_by(summary) == (
        "sentence 1: word for word in the article: “It rose today.”",
        f"sentence 2: 72% of its words in the headline “{'x' * 99}…” and a sentence that is not shown",
        "sentence 3: nothing in the article supports it",
    )


def test_what_the_policy_did_is_told() -> None:
    actions = [
        Action(kind=Action.MASKED, rule="email", count=2),
        Action(kind=Action.REPLACED, rule="blocked_term", count=1),
        Action(kind=Action.REFUSED, rule="a rule of a newer server", count=1),
    ]
    assert (
        policy(actions) == "policy: e-mail address masked (2), blocked term passed over, something left out"
    )
    assert policy([]) == ""
