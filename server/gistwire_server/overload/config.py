"""`OverloadConfig`: what happens when more is asked than can be done."""

import msgspec


class OverloadConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What happens when more is asked than can be done."""
