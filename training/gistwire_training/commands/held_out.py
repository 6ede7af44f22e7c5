"""Reads the pairs that commands measure on."""

from collections.abc import Sequence
from pathlib import Path

import click

from gistwire_training.pairs import Pair, Split, read_prepared
from gistwire_training.sample_pairs import sample_pairs

sample_corpus_option = click.option(
    "--sample-corpus", is_flag=True, help="Also the sample corpus, with the summaries written for it."
)


def held_out_pairs(data: Sequence[Path], split: Split, *, sample_corpus: bool) -> list[Pair]:
    """Returns the pairs of a split of prepared folders, and those of the English sample corpus if wanted.

    Raises:
        TrainingDataError: a folder lacks the split, or it is malformed.
    """
    pairs = read_prepared(data, split)
    return [*pairs, *sample_pairs("en")] if sample_corpus else pairs
