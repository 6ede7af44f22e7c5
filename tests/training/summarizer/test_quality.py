import pytest
from gistwire_training.summarizer.quality import mean_rouge


def test_the_target_itself_is_best() -> None:
    assert mean_rouge(["ferry strike ends"], ["ferry strike ends"]) == pytest.approx(1.0)


def test_is_the_mean_of_three_measures_over_the_texts() -> None:
    # ROUGE-1 and ROUGE-L are 2/3 (2 of 3 words each way), ROUGE-2 is 1/2 (1 of 2 pairs each way).
    assert mean_rouge(["ferry strike ends"], ["ferry strike begun"]) == pytest.approx(
        (2 / 3 + 1 / 2 + 2 / 3) / 3
    )
    assert mean_rouge(["a b", "c"], ["a b", "d"]) == pytest.approx(0.5)
