"""`TelemetryConfig`: where metrics and traces go."""

import msgspec


class TelemetryConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where metrics and traces go."""
