"""The tokens that a summary may use although its article does not: those that only join others."""

from functools import cache
from importlib.resources import files


@cache
def function_words() -> tuple[str, ...]:
    """Returns function words, punctuation and the endings of words that BERT's vocabulary has, in a fixed order."""
    return tuple(
        files("gistwire_training.summarizer").joinpath("function_words.txt").read_text("utf-8").split()
    )
