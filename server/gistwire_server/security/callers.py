"""`Caller`: who makes a call, and what they may do."""

from collections.abc import Set
from dataclasses import dataclass
from enum import Enum


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
        name: names the caller in logs and limits; never a secret.
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
