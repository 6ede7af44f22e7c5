"""Tests of running systems, of their figures, and of merging evaluations."""

from pathlib import Path

import msgspec
import pytest
from gistwire_training.errors import RecipeError, TrainingDataError
from gistwire_training.evaluation.comparison import Evaluation, read_evaluation
from gistwire_training.evaluation.corpus_metrics import METRICS
from gistwire_training.evaluation.evaluation import evaluate
from gistwire_training.pairs import Pair

from tests.training.evaluation.conftest import MakeSystem


def lead(pair: Pair) -> str:
    return pair.body.partition(". ")[0] + "."


def wrong(pair: Pair) -> str:
    return "Paris rejected 99 tunnels."


def town(pair: Pair) -> str:
    return pair.body.split()[3] + " approved a bridge."


@pytest.fixture
def evaluation(make_system: MakeSystem, pairs: list[Pair]) -> Evaluation:
    return evaluate(
        [make_system("model", town)],
        pairs,
        "summary",
        baselines=[make_system("bad", wrong), make_system("lead", lead)],
        resamples=200,
    )


@pytest.mark.parametrize(("task", "headlines"), [("summary", True), ("headline", False)])
def test_systems_never_see_the_reference(
    make_system: MakeSystem, pairs: list[Pair], task: str, headlines: bool
) -> None:
    system = make_system("model", lead)
    evaluate([system], pairs, "summary" if headlines else "headline", resamples=10)
    assert all(pair.summary == "" for pair in system.seen)
    assert all(bool(pair.headline) is headlines for pair in system.seen)
    assert [pair.body for pair in system.seen] == [pair.body for pair in pairs]


def test_pairs_come_in_batches_and_progress_is_told(make_system: MakeSystem, pairs: list[Pair]) -> None:
    told: list[tuple[str, int, int]] = []
    system = make_system("model", lead)
    evaluate(
        [system],
        pairs,
        "summary",
        resamples=10,
        batch_size=5,
        progress=lambda stage, done, total: told.append((stage, done, total)),
    )
    assert system.batches == [5, 5, 2]
    assert told[:3] == [("model", 5, 12), ("model", 10, 12), ("model", 12, 12)]
    assert told[-1] == ("measuring", 12, 12)


def test_figures_are_given_for_all_sources_and_for_each(evaluation: Evaluation) -> None:
    assert [(source.source, source.pairs) for source in evaluation.sources] == [
        (None, 12),
        ("daily", 6),
        ("wire", 6),
    ]
    for source in evaluation.sources:
        assert [system.system for system in source.systems] == ["bad", "lead", "model"]
        for system in source.systems:
            assert set(system.figures) == {metric.name for metric in METRICS}
            assert all(
                each.estimate.low <= each.estimate.value + 1e-9
                and each.estimate.value <= each.estimate.high + 1e-9
                for each in system.figures.values()
            )


def test_one_source_is_not_counted_twice(make_system: MakeSystem, pairs: list[Pair]) -> None:
    daily = [pair for pair in pairs if pair.source == "daily"]
    found = evaluate([make_system("model", lead)], daily, "summary", resamples=10)
    assert [source.source for source in found.sources] == ["daily"]


def test_the_difference_is_to_the_best_baseline_on_the_same_pairs(evaluation: Evaluation) -> None:
    bad, best, model = evaluation.sources[0].systems
    for name in ("rouge1", "rouge2", "rouge_l", "bleu"):
        assert (bad.figures[name].is_best_baseline, best.figures[name].is_best_baseline) == (False, True)
        difference = model.figures[name].difference
        assert difference is not None
        expected = model.figures[name].estimate.value - best.figures[name].estimate.value
        assert difference.value == pytest.approx(expected)
        assert difference.low <= difference.value <= difference.high
    assert bad.figures["rouge1"].difference is None
    assert model.figures["length"].difference is None
    assert not any(system.figures["length"].is_best_baseline for system in (bad, best, model))


def test_false_facts_are_counted(evaluation: Evaluation) -> None:
    bad, best, model = (
        each.figures["supported_items"].estimate.value for each in evaluation.sources[0].systems
    )
    assert (bad, best, model) == (0.0, 1.0, 1.0)


def test_for_repetition_less_is_better(make_system: MakeSystem, pairs: list[Pair]) -> None:
    found = evaluate(
        [],
        pairs,
        "summary",
        baselines=[make_system("again", lambda pair: "a new bridge " * 4), make_system("once", lead)],
        resamples=10,
    )
    again, once = found.sources[0].systems
    assert once.figures["repeated_trigrams"].is_best_baseline
    assert not again.figures["repeated_trigrams"].is_best_baseline


def test_without_baselines_there_are_no_differences(make_system: MakeSystem, pairs: list[Pair]) -> None:
    found = evaluate([make_system("model", lead)], pairs, "summary", resamples=10)
    assert all(figure.difference is None for figure in found.sources[0].systems[0].figures.values())


def test_an_evaluation_is_read_as_it_was_written(evaluation: Evaluation, tmp_path: Path) -> None:
    path = tmp_path / "evaluation.json"
    path.write_bytes(msgspec.json.encode(evaluation))
    assert read_evaluation(path) == evaluation
    path.write_bytes(b"{}")
    with pytest.raises(TrainingDataError, match=r"evaluation\.json"):
        read_evaluation(path)
    with pytest.raises(TrainingDataError, match="missing"):
        read_evaluation(tmp_path / "other.json")


def test_before_and_after_are_merged_into_one_table(make_system: MakeSystem, pairs: list[Pair]) -> None:
    bad, good = make_system("bad", wrong), make_system("lead", lead)
    before = evaluate([make_system("before", wrong)], pairs, "summary", baselines=[bad], resamples=50)
    after = evaluate([make_system("after", town)], pairs, "summary", baselines=[bad, good], resamples=50)
    merged = before.merge(after)
    assert [run.system for run in merged.runs] == ["bad", "lead", "before", "after"]
    together = evaluate(
        [make_system("before", wrong), make_system("after", town)],
        pairs,
        "summary",
        baselines=[bad, good],
        resamples=50,
    )
    assert merged == together
    assert merged.merge(after) == merged


def test_what_cannot_be_compared_is_not_merged(
    evaluation: Evaluation, make_system: MakeSystem, pairs: list[Pair]
) -> None:
    other_task = evaluate([make_system("other", lead)], pairs, "headline", resamples=10)
    other_pairs = evaluate([make_system("other", lead)], pairs[1:], "summary", resamples=10)
    for other in (other_task, other_pairs):
        with pytest.raises(RecipeError, match="same task on the same pairs"):
            evaluation.merge(other)
    same_name = evaluate([make_system("model", wrong)], pairs, "summary", resamples=10)
    with pytest.raises(RecipeError, match="same name"):
        evaluation.merge(same_name)


def test_systems_of_the_same_name_are_refused_before_they_write(
    make_system: MakeSystem, pairs: list[Pair]
) -> None:
    systems = [make_system("model", lead), make_system("model", town)]
    with pytest.raises(RecipeError, match="same name"):
        evaluate(systems, pairs, "summary")
    assert not systems[0].seen
    with pytest.raises(RecipeError, match="no system"):
        evaluate([], pairs, "summary")


def test_pairs_that_set_no_task_are_refused(make_system: MakeSystem) -> None:
    system = make_system("model", lead)
    with pytest.raises(TrainingDataError, match="no pairs"):
        evaluate([system], [], "summary")
    with pytest.raises(TrainingDataError, match="pair x has no body or no summary"):
        evaluate([system], [Pair(id="x", headline="H", body="B")], "summary")


def test_a_system_that_loses_texts_is_refused(make_system: MakeSystem, pairs: list[Pair]) -> None:
    class Losing:
        name = "losing"

        def summarize(self, pairs: object) -> list[str]:
            return ["one"]

    with pytest.raises(ValueError, match="losing wrote 1 texts for 12 pairs"):
        evaluate([Losing()], pairs, "summary")


def test_outputs_are_kept_on_one_line_and_can_be_written(make_system: MakeSystem, pairs: list[Pair]) -> None:
    system = make_system("model", lambda pair: " two\nlines \ud800")
    found = evaluate([system], pairs, "summary", resamples=10)
    assert {output.text for output in found.runs[0].outputs} == {"two lines ?"}
    assert msgspec.json.decode(msgspec.json.encode(found), type=Evaluation) == found
