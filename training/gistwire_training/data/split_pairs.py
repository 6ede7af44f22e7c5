"""The pairs of one split, and which split that is: `read_split` reads them from the folder that `prepare` wrote."""

from dataclasses import dataclass
from pathlib import Path

from gistwire_training.errors import RecipeError
from gistwire_training.pairs import Pair, Split, read_prepared


@dataclass(frozen=True, slots=True)
class SplitPairs:
    """The pairs of a split.

    Attributes:
        split: which one.
        pairs: in the order of the file.
    """

    split: Split
    pairs: tuple[Pair, ...]

    def for_training(self) -> tuple[Pair, ...]:
        """Returns the pairs, if they are those to be trained on.

        Raises:
            RecipeError: they are for validation or test.
        """
        if self.split != "train":
            raise RecipeError(
                f"the {self.split} split is for measuring: it can be neither trained on nor augmented"
            )
        return self.pairs


def read_split(folder: Path, split: Split) -> SplitPairs:
    """Reads a split from the folder that `prepare` wrote.

    Raises:
        TrainingDataError: the file is missing, or a line is no pair; says which.
    """
    return SplitPairs(split, tuple(read_prepared((folder,), split)))
