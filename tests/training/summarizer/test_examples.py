from collections.abc import Sequence
from itertools import islice

import msgspec
import pytest
from gistwire_training.errors import TrainingDataError
from gistwire_training.pairs import Pair
from gistwire_training.summarizer.examples import Example, ExampleStream, Task, validation_examples
from gistwire_training.summarizer.recipe import SummarizerRecipe
from hypothesis import given, settings
from hypothesis import strategies as st


def _batches(pairs: Sequence[Pair], recipe: SummarizerRecipe, first: int, count: int) -> list[list[Example]]:
    return list(islice(ExampleStream(pairs, recipe).batches(first), count))


@given(seed=st.integers(0, 2**31), first=st.integers(0, 40), count=st.integers(1, 20))
@settings(max_examples=25)
def test_a_batch_is_a_function_of_seed_and_number(
    seed: int, first: int, count: int, pairs: Sequence[Pair], recipe: SummarizerRecipe
) -> None:
    recipe = msgspec.structs.replace(recipe, seed=seed)
    assert _batches(pairs, recipe, first, count) == _batches(pairs, recipe, 0, first + count)[first:]


def test_another_seed_gives_other_batches(pairs: Sequence[Pair], recipe: SummarizerRecipe) -> None:
    other = msgspec.structs.replace(recipe, seed=2)
    assert _batches(pairs, recipe, 0, 4) != _batches(pairs, other, 0, 4)


def test_batches_have_the_recipes_size(pairs: Sequence[Pair], recipe: SummarizerRecipe) -> None:
    assert {len(batch) for batch in _batches(pairs, recipe, 0, 40)} == {recipe.batch_size}


def test_a_headline_is_written_from_the_body_alone(pairs: Sequence[Pair], recipe: SummarizerRecipe) -> None:
    recipe = msgspec.structs.replace(recipe, headline_share=1.0)
    headlines = {pair.body: pair.headline for pair in pairs}
    for example in _batches(pairs, recipe, 0, 1)[0]:
        assert example == Example(Task.HEADLINE, "", example.body, headlines[example.body])


def test_shares_of_people_and_hidden_headlines(pairs: Sequence[Pair], recipe: SummarizerRecipe) -> None:
    recipe = msgspec.structs.replace(
        recipe, headline_share=0.0, headline_dropout=0.25, supervised_share=0.75, batch_size=50
    )
    people = {pair.summary for pair in pairs if pair.summary}
    examples = [example for batch in _batches(pairs, recipe, 0, 16) for example in batch]
    assert all(example.task is Task.SUMMARY for example in examples)
    assert 0.7 < sum(example.target in people for example in examples) / 800 < 0.8
    assert 0.2 < sum(not example.headline for example in examples) / 800 < 0.3


def test_unlabelled_articles_teach_with_their_own_words(
    pairs: Sequence[Pair], recipe: SummarizerRecipe
) -> None:
    unlabelled = [msgspec.structs.replace(pair, summary="") for pair in pairs]
    recipe = msgspec.structs.replace(recipe, headline_share=0.0)
    for example in _batches(unlabelled, recipe, 0, 1)[0]:
        assert set(example.target.lower().split()) <= set(example.body.lower().split())


def test_what_is_read_varies_and_what_is_written_does_not(
    pairs: Sequence[Pair], recipe: SummarizerRecipe
) -> None:
    plain = msgspec.structs.replace(recipe, headline_share=0.3, headline_dropout=0.0)
    varying = msgspec.structs.replace(plain, word_dropout=0.5, synonyms=0.5, sentence_dropout=0.5)
    examples, varied = (
        [example for batch in _batches(pairs, each, 0, 16) for example in batch] for each in (plain, varying)
    )
    assert {example.target for example in varied} == {example.target for example in examples}
    assert {example.body for example in varied} - {example.body for example in examples}
    # Resumed, the same variations come again.
    assert _batches(pairs, varying, 5, 3) == _batches(pairs, varying, 0, 8)[5:]


def test_refuses_data_without_a_target(recipe: SummarizerRecipe) -> None:
    with pytest.raises(TrainingDataError):
        ExampleStream([Pair(id="1", headline="Ferry strike", body="Too short.")], recipe)


def test_validation_prefers_what_people_wrote(pairs: Sequence[Pair]) -> None:
    labelled = sum(bool(pair.summary) for pair in pairs)
    examples = validation_examples(pairs, labelled + 2)
    assert len(examples) == labelled + 2
    assert {example.target for example in examples[:labelled]} == {
        pair.summary for pair in pairs if pair.summary
    }
    assert all(example.headline and example.task is Task.SUMMARY for example in examples)
    # The order of the file does not matter.
    assert validation_examples(list(reversed(pairs)), labelled + 2) == examples
