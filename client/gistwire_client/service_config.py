"""How channels behave: retries, keepalive, sizes. `GistwireClient` opens its channel with these options."""

import json
from typing import Final

_MAX_SENT_MESSAGE_BYTES = 4 * 1024 * 1024
"""The server's own default limit."""

_MAX_RECEIVED_MESSAGE_BYTES = 16 * 1024 * 1024
"""A page of 100 results with eight candidate summaries each stays far below it."""

_KEEPALIVE_PING_MS = 15_000
_KEEPALIVE_TIMEOUT_MS = 10_000
"""A half-open connection is dropped when both have passed."""

SERVICE_CONFIG: Final = {
    "methodConfig": [
        {
            # Safe to repeat, and answered whole: a stream that broke would show its first events again.
            "name": [
                {"service": "gistwire.v1.SearchService", "method": "Search"},
                {"service": "gistwire.v1.ArticleService", "method": "GetArticle"},
                {"service": "gistwire.v1.UserEventService", "method": "GetUserProfile"},
                {"service": "gistwire.v1.UserEventService", "method": "WriteUserEvents"},
                {"service": "gistwire.v1.UserEventService", "method": "UpdateUserProfile"},
            ],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "2s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
    # Of all servers that a name stands for, each gets its share of the calls.
    "loadBalancingConfig": [{"round_robin": {}}],
    # Where many calls fail, repetitions stop once they are a tenth of the calls that succeed.
    "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
}
"""The service config, in the form of https://github.com/grpc/grpc/blob/master/doc/service_config.md."""

CHANNEL_OPTIONS: Final[tuple[tuple[str, str | int], ...]] = (
    ("grpc.service_config", json.dumps(SERVICE_CONFIG)),
    ("grpc.enable_retries", 1),
    ("grpc.keepalive_time_ms", _KEEPALIVE_PING_MS),
    ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
    # What gRPC really waits for, a minute by default (grpc pull request 39239).
    ("grpc.http2.ping_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
    # A stream may be silent for longer than two pings while a summary is written.
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_send_message_length", _MAX_SENT_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", _MAX_RECEIVED_MESSAGE_BYTES),
    # gRPC would ask a proxy of the environment even for loopback addresses.
    ("grpc.enable_http_proxy", 0),
)
"""Options of every channel, as gRPC names them."""
