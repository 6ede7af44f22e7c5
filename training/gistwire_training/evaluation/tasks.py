"""What a system is asked to write, and what it may see of a pair; all of the evaluation goes by this module."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from typing import Literal

import msgspec

from gistwire_training.pairs import Pair, Split, split_of

Task = Literal["summary", "headline"]
"""``"summary"``: from headline and body, the summary. ``"headline"``: from the body alone, the headline."""


def reference_of(pair: Pair, task: Task) -> str:
    """Returns the text, written by a person, that a system's output is compared with; "" if there is none."""
    return pair.summary if task == "summary" else pair.headline


def visible_part(pair: Pair, task: Task) -> Pair:
    """Returns the pair as systems see it: never with the summary, and for task headline without the headline."""
    if task == "summary":
        return msgspec.structs.replace(pair, summary="")
    return msgspec.structs.replace(pair, summary="", headline="")


def article_of(pair: Pair, task: Task) -> str:
    """Returns all the text that an output may draw on, the headline on a line of its own."""
    visible = visible_part(pair, task)
    return "\n".join(part for part in (visible.headline, visible.body) if part)


def is_usable(pair: Pair, task: Task) -> bool:
    """Tells whether the task can be set with this pair: there are a reference and a body."""
    return bool(reference_of(pair, task).strip() and pair.body.strip())


def select_pairs(
    pairs: Iterable[Pair], task: Task, *, per_source: int, split: Split | None = "test", seed: int = 0
) -> list[Pair]:
    """Draws pairs of one split at random, equally many of each source as far as there are so many.

    Args:
        pairs: any pairs.
        task: pairs with which it cannot be set are left out.
        per_source: largest number of pairs of a source.
        split: the split, by `split_of` of the identifier; None where all pairs are of one split already.
        seed: another seed draws other pairs. The order of `pairs` does not matter.

    Returns:
        the pairs, source by source in alphabetical order.
    """
    by_source: defaultdict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        if (split is None or split_of(pair.id) == split) and is_usable(pair, task):
            by_source[pair.source].append(pair)
    return [
        pair
        for source in sorted(by_source)
        for pair in sorted(by_source[source], key=lambda each: _draw(each.id, seed))[:per_source]
    ]


def _draw(key: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:{key}".encode()).digest()
