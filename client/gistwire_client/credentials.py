"""How a client shows who it is, and knows the server: `tls_credentials` and `bearer`."""

import re
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import unquote

import grpc

TokenProvider = Callable[[], Awaitable[str]]
"""Returns a token that is good now; asked before each call, so it may renew one that runs out."""

CREDENTIAL_METADATA = "authorization"
"""Key of the metadata by which a server knows who calls."""

_LOCAL_SOCKETS = ("unix:", "unix-abstract:", "vsock:")
_SCHEME = re.compile("(?:dns|ipv4|ipv6|passthrough):(?://[^/]*/)?")


def tls_credentials(
    *, ca_file: Path | None = None, certificate_file: Path | None = None, key_file: Path | None = None
) -> grpc.ChannelCredentials:
    """Returns what a client takes to speak TLS.

    Args:
        ca_file: certificates in PEM that sign the server's; None for the authorities that gRPC comes with.
        certificate_file: the client's own certificate in PEM, for mutual TLS.
        key_file: its private key in PEM.

    Raises:
        ValueError: of certificate and key one is missing.
        OSError: a file cannot be read.
    """
    if (certificate_file is None) != (key_file is None):
        raise ValueError("certificate_file and key_file belong together")
    return grpc.ssl_channel_credentials(
        root_certificates=_content(ca_file),
        private_key=_content(key_file),
        certificate_chain=_content(certificate_file),
    )


def bearer(api_key: str | None, token_provider: TokenProvider | None) -> TokenProvider | None:
    """Returns what gives the credential of a call; None if there is none.

    Raises:
        ValueError: both are given, or the key cannot stand in metadata.
    """
    if api_key is None:
        return token_provider
    if token_provider is not None:
        raise ValueError("api_key and token_provider exclude each other")
    if not api_key or not api_key.isascii() or not api_key.isprintable():
        # The key itself is no part of the message.
        raise ValueError("api_key is empty, or has characters that no key has")

    async def give() -> str:
        return api_key

    return give


def stays_on_machine(target: str) -> bool:
    """Whether only this machine sees what is sent to a target, as gRPC writes it."""
    if target.startswith(_LOCAL_SOCKETS):
        return True
    addresses = unquote(_SCHEME.sub("", target, count=1)).split(",")
    return all(_is_loopback(address) for address in addresses)


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _content(path: Path | None) -> bytes | None:
    return None if path is None else path.read_bytes()
