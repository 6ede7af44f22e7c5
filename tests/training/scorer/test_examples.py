import numpy as np
from gistwire_models.summarizer import Origin
from gistwire_server.candidate_features import ArticleProfile
from gistwire_server.faithfulness import Source
from gistwire_server.quality_model import shipped_quality_model
from gistwire_server.scoring import Scorer, Tier
from gistwire_training.pairs import Pair
from gistwire_training.scorer import CandidateSet, JudgedCandidate
from gistwire_training.scorer.examples import ranking_examples

_LEAD = "Harbour Line said its profit rose 12 percent as more passengers crossed to the islands."
_LAST = "Two new ferries will be delivered next spring by a yard in the north, the operator added."
_PAIR = Pair(
    id="p",
    headline="Harbour Line profit rises",
    body=f"{_LEAD} {_LAST}",
    summary=_LEAD,
    source="harbour",
    language="en",
)


def _judged(text: str, origin: Origin, rouge: float, *direction: float) -> JudgedCandidate:
    return JudgedCandidate(
        text=text,
        origin=origin,
        rouge=rouge,
        embedding=np.array(direction, dtype="<f4").tobytes(),
        log_probability=-0.5 if origin is Origin.GENERATED else None,
    )


_SET = CandidateSet(
    pair=_PAIR,
    summarizer="test@1",
    article_embedding_bytes=np.array([1, 0], dtype="<f4").tobytes(),
    candidates=(
        _judged(_LEAD.replace("12", "21"), Origin.GENERATED, 0.9, 1, 0),
        _judged(f"{_LAST} {_LAST}", Origin.EXTRACTED, 0.2, 0, 1),
        _judged(_LEAD, Origin.EXTRACTED, 1.0, 0.6, 0.8),
        _judged(_PAIR.headline, Origin.HEADLINE, 0.3, 1, 0),
    ),
)


def test_examples_say_of_candidates_what_the_server_sees() -> None:
    (example,) = ranking_examples([_SET])
    source = Source(f"{_PAIR.headline}\n{_PAIR.body}", "en", headline=_PAIR.headline)
    article = np.array([1, 0], dtype=np.float32)
    scored = Scorer().score(
        [each.candidate() for each in _SET.candidates], article=ArticleProfile(source, article)
    )
    by_text = {each.candidate.text: each.scores for each in scored.candidates}
    for place, judged in enumerate(_SET.candidates):
        assert example.novelties[place] == by_text[judged.text].novelty
        assert example.features[place][0] == by_text[judged.text].closeness
        assert example.features[place][1] == by_text[judged.text].faithfulness
    assert example.novelties[1] < 1.0
    assert example.tiers.tolist() == [Tier.UNFAITHFUL, Tier.TRUSTED, Tier.TRUSTED, Tier.HEADLINE]
    assert example.rouge.tolist() == [0.9, 0.2, 1.0, 0.3]
    assert (example.article_id, example.source) == ("p", "harbour")


def test_an_example_chooses_what_the_server_chooses() -> None:
    (example,) = ranking_examples([_SET])
    source = Source(f"{_PAIR.headline}\n{_PAIR.body}", "en", headline=_PAIR.headline)
    candidates = [each.candidate() for each in _SET.candidates]
    scored = Scorer(shipped_quality_model()).score(
        candidates, article=ArticleProfile(source, _SET.article_embedding)
    )
    totals = {each.candidate.text: each.scores.total for each in scored.candidates}
    place = example.choose(np.array([totals[each.text] for each in candidates]))
    assert candidates[place] == scored.chosen.candidate
