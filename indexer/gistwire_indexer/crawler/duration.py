"""`Duration`: a length of time as people write it in a configuration, such as "15m"."""

import re
from datetime import timedelta

_TEXT = re.compile(r"(?P<number>[0-9]{1,6})(?P<unit>[smhd])")
_UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}


class Duration(timedelta):
    """A length of time in whole seconds."""

    @classmethod
    def parse(cls, text: str) -> "Duration":
        """Reads a number with its unit: "90s", "15m", "2h" or "30d".

        Raises:
            ValueError: the text is none of these.
        """
        match = _TEXT.fullmatch(text)
        if not match:
            raise ValueError('expected a number with its unit, such as "90s", "15m", "2h" or "30d"')
        return cls(seconds=int(match["number"]) * _UNITS[match["unit"]].total_seconds())

    def __str__(self) -> str:
        """The text that `parse` reads, in the largest unit that divides it."""
        for name, unit in _UNITS.items():
            if self and self % unit == timedelta():
                return f"{self // unit}{name}"
        return f"{int(self.total_seconds())}s"
