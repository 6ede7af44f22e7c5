"""`SecurityConfig`: how connections are encrypted and callers are known."""

import msgspec


class SecurityConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How connections are encrypted, and how callers are known."""
