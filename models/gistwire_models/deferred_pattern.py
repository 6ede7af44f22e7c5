"""Regular expressions of modules, compiled when they are first used: `deferred_pattern`.

Those over the letters of all languages take milliseconds each, all together a tenth of a second, and a first answer
needs few of them.
"""

import re
from collections.abc import Callable
from typing import Any, cast

_waiting: "list[_DeferredPattern]" = []


def deferred_pattern(pattern: str | Callable[[], str], flags: int = 0) -> "re.Pattern[str]":
    """Returns what is used as ``re.compile(pattern, flags)`` would be: by its methods and attributes.

    It is as fast. Functions of `re` do not take it.

    Args:
        pattern: the regular expression, or what makes it; a mistake in it is raised at its first use.
        flags: as `re.compile` has them.
    """
    deferred = _DeferredPattern(pattern, flags)
    _waiting.append(deferred)
    return cast("re.Pattern[str]", deferred)


def compile_deferred_patterns() -> None:
    """Compiles those of all modules imported so far, so that no first use waits for it. Blocks for up to 0.1 s."""
    while _waiting:
        _waiting.pop().compiled()


class _DeferredPattern:
    def __init__(self, pattern: str | Callable[[], str], flags: int) -> None:
        self._pattern = pattern
        self._flags = flags
        self._compiled: re.Pattern[str] | None = None

    def compiled(self) -> "re.Pattern[str]":
        if self._compiled is None:
            pattern = self._pattern if isinstance(self._pattern, str) else self._pattern()
            self._compiled = re.compile(pattern, self._flags)
        return self._compiled

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            # A copy that is not filled yet has none of its own, and patterns have none that anybody uses.
            raise AttributeError(name)
        # Reached once for each name, which is then an attribute like any other.
        attribute = getattr(self.compiled(), name)
        setattr(self, name, attribute)
        return attribute
