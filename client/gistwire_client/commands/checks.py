"""What `gistwire doctor` finds of each part: `Check`."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a part is doing."""

    OK = "ok"
    ABSENT = "absent"
    """Not there, and not needed."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """What was found of one part.

    Attributes:
        part: the part.
        state: how it is doing.
        detail: version, place, or what is wrong.
    """

    part: str
    state: State
    detail: str
