"""`PolicyConfig`: what summaries may say."""

import msgspec


class PolicyConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What summaries may say."""
