"""`Caller`: who makes a call, and what they may do."""

import re
from collections.abc import Set
from dataclasses import dataclass
from enum import Enum

CALLER_NAME_PATTERN = r"\A[A-Za-z0-9][A-Za-z0-9._@-]{0,99}\Z"
"""Names that may be given to callers: they stand in logs and as labels."""


def check_caller_name(name: str) -> str:
    """Returns a name that may be given to a caller.

    Raises:
        ValueError: it may not.
    """
    if not re.search(CALLER_NAME_PATTERN, name):
        raise ValueError(
            "the name of a caller has 1 to 100 letters, digits and the signs . _ @ -, a letter or digit first"
        )
    return name


class Role(Enum):
    """What a caller may do."""

    SEARCH = "search"
    """Search, be recommended news, read articles, and write and read what users do."""
    INGEST = "ingest"
    """Write and delete articles."""
    ADMIN = "admin"
    """Everything, and erase users."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a call.

    Attributes:
        name: names the caller in logs and limits; never a secret. What comes before the colon says how the caller is
            known, so that none takes another's name: ``"key:site"``, ``"token:ada"``, ``"certificate:crawler"``,
            or ``"anonymous"``.
        roles: what they may do.
        tenants: whose articles they may reach; None for those of every tenant.
    """

    name: str
    roles: Set[Role]
    tenants: Set[str] | None = None

    def has(self, role: Role) -> bool:
        """Whether the caller may do what a role allows."""
        return role in self.roles or Role.ADMIN in self.roles


ANONYMOUS = Caller("anonymous", frozenset(Role))
"""Whoever calls a server that asks for no credentials: it listens where only this machine reaches it."""
