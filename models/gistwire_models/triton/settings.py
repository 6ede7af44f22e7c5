"""How Triton is reached: `TritonSettings`."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TritonSettings:
    """Servers that host the same models, and how they are treated.

    Attributes:
        endpoints: ``HOST:PORT`` of each server's gRPC service; requests go to all of them in turn.
        channels: connections to each of them; one connection carries about a hundred streams at a time.
        timeout_s: longest wait for the vectors of texts that nobody waits for, and for each response of a summarizer,
            in seconds.
        reader_timeout_s: longest wait for the vectors of a text that a reader waits for, in seconds.
        open_after_failures: failures in a row after which a server gets no requests.
        open_s: how long it gets none at first, in seconds, until it is asked whether it is ready; doubles with each
            refusal.
        max_open_s: the longest such time, in seconds.
        hedge_after_s: after how long a reader's text is also sent to another server, in seconds; None for never.
        hedge_share: most requests that are sent twice or again, as a share of all.
        max_message_bytes: largest message either way.
        ca_file: certificates that sign the servers' own; None for connections in the clear, in a private network.
        client_certificate_file: certificate of this client, for servers that ask for one; None for none.
        client_key_file: its private key.
    """

    endpoints: tuple[str, ...] = ("127.0.0.1:8001",)
    channels: int = 2
    timeout_s: float = 10.0
    reader_timeout_s: float = 2.0
    open_after_failures: int = 5
    open_s: float = 0.5
    max_open_s: float = 8.0
    hedge_after_s: float | None = 0.1
    hedge_share: float = 0.1
    max_message_bytes: int = 16 * 1024 * 1024
    ca_file: Path | None = None
    client_certificate_file: Path | None = None
    client_key_file: Path | None = None

    def __post_init__(self) -> None:
        if not self.endpoints:
            raise ValueError("endpoints is empty")
