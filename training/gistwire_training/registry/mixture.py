"""Mixes new pairs with old ones, and keeps apart what is trained on and what is measured on; `refresh` calls it.

That some old examples among the new ones keep a network from forgetting is called rehearsal: Robins 1995,
"Catastrophic forgetting, rehearsal and pseudorehearsal".
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from gistwire_training.data.splitting import group_near_duplicates
from gistwire_training.errors import RecipeError, TrainingDataError
from gistwire_training.pairs import Pair, Split, read_pairs


class MixtureOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How old and new pairs are mixed.

    Attributes:
        old_share: share of old pairs in what is trained and validated on, in [0, 1); fewer if there are too
            few. Half and half leaves neither the old nor the new in the minority.
        max_held_out: at most so many pairs are measured on, of those with summaries where there are any; 1 000 give
            ROUGE to about ± 0.01.
        seed: decides which ones are drawn.
    """

    old_share: float = 0.5
    max_held_out: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        """Checks the ranges.

        Raises:
            RecipeError: a value is out of its range.
        """
        if not 0 <= self.old_share < 1:
            raise RecipeError(f"old_share must be in [0, 1), not {self.old_share}")
        if self.max_held_out < 1:
            raise RecipeError(f"max_held_out must be at least 1, not {self.max_held_out}")


class SplitCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many pairs of a split there are.

    Attributes:
        new: from the new folder.
        old: from the old folders.
    """

    new: int
    old: int


@dataclass(frozen=True, slots=True)
class Mixture:
    """What is trained, validated and measured on.

    Attributes:
        pairs: of each split, by ascending identifier.
        counts: how many of them are new and old.
        dropped: pairs left out because their story stands in another split of an earlier folder.
    """

    pairs: dict[Split, tuple[Pair, ...]]
    counts: dict[Split, SplitCounts]
    dropped: int


@dataclass(frozen=True, slots=True)
class _Member:
    pair: Pair
    split: Split
    new: bool


# Where folders that were prepared apart disagree, to measure on a story weighs more than to train on it.
_PRECEDENCE: tuple[Split, ...] = ("test", "validation", "train")


def mix(new: Path, old: Sequence[Path], options: MixtureOptions) -> Mixture:
    """Mixes pairs. The same folders and options give the same mixture.

    The splits that `prepare` gave are kept. Where two folders put the same story, or nearly the same, into
    different splits, the earlier one is right: so no old test pair is trained on, and nothing that the active
    model was trained on is measured on. All pairs are held in memory at once.

    Args:
        new: folder that `prepare` made, of new pairs.
        old: such folders that were trained on before, oldest first.
        options: how.

    Raises:
        TrainingDataError: a file is missing or malformed, or no new pair to train on or no pair to measure on
            is left.
    """
    members = [member for folder in old for member in _read(folder, new=False)]
    members += _read(new, new=True)
    kept = _without_moved(members)
    pairs: dict[Split, tuple[Pair, ...]] = {}
    counts: dict[Split, SplitCounts] = {}
    for split in _PRECEDENCE:
        drawn = _draw([member for member in kept if member.split == split], split, options)
        pairs[split] = tuple(member.pair for member in drawn)
        fresh = sum(member.new for member in drawn)
        counts[split] = SplitCounts(new=fresh, old=len(drawn) - fresh)
    if not counts["train"].new:
        raise TrainingDataError(f"{new} has no pair to train on that is not held out")
    if not pairs["test"]:
        raise TrainingDataError("no test pair is left to measure on")
    return Mixture(pairs=pairs, counts=counts, dropped=len(members) - len(kept))


def hash_pairs(pairs: Iterable[Pair]) -> str:
    """Returns the SHA-256, in hexadecimal, of the file that `write_pairs` makes of the pairs."""
    digest = hashlib.sha256()
    for pair in pairs:
        digest.update(msgspec.json.encode(pair) + b"\n")
    return digest.hexdigest()


def _read(folder: Path, *, new: bool) -> Iterator[_Member]:
    for split in _PRECEDENCE:
        for pair in read_pairs(folder / f"{split}.jsonl"):
            yield _Member(pair, split, new)


def _without_moved(members: Sequence[_Member]) -> list[_Member]:
    """Leaves out the members whose identifier or near-duplicates stand in another split before."""
    groups = group_near_duplicates(
        {str(place): f"{member.pair.headline}\n{member.pair.body}" for place, member in enumerate(members)}
    )
    split_of: dict[tuple[str, str], Split] = {}
    kept = []
    for place, member in enumerate(members):
        names = (("id", member.pair.id), ("group", groups[str(place)]))
        known: set[Split] = {split_of[name] for name in names if name in split_of}
        if known <= {member.split}:
            kept.append(member)
        # What repeats a pair that is left out must go where that pair's story is.
        stated: list[Split] = [split for split in _PRECEDENCE if split in known]
        story_split = stated[0] if stated else member.split
        for name in names:
            split_of.setdefault(name, story_split)
    return kept


def _draw(members: Sequence[_Member], split: Split, options: MixtureOptions) -> list[_Member]:
    """Draws the members of a split; of one identifier the last, which is the newest."""
    newest = list({member.pair.id: member for member in members}.values())
    if split == "test":
        # Of a thousand pairs without a summary nothing could be measured.
        summarized = [member for member in newest if member.pair.summary]
        drawn = _sample(summarized or newest, options.max_held_out, options.seed)
    else:
        fresh = [member for member in newest if member.new]
        old = [member for member in newest if not member.new]
        drawn = fresh + _sample(
            old, round(len(fresh) * options.old_share / (1 - options.old_share)), options.seed
        )
    return sorted(drawn, key=lambda member: member.pair.id)


def _sample(members: Sequence[_Member], count: int, seed: int) -> list[_Member]:
    """Draws `count` members, or all: those whose identifiers hash lowest, so that most stay as others come."""
    return sorted(members, key=lambda member: _rank(member.pair.id, seed))[:count]


def _rank(id_: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed} {id_}".encode(errors="replace")).digest()
