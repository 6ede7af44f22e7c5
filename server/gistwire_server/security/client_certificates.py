"""Certificates of clients: `CertificateCallers` tells whose connection it is, from what TLS has verified."""

from collections.abc import Iterable, Mapping

from gistwire_server.security.callers import Caller
from gistwire_server.security.config import CertificateCallerConfig

_PROPERTIES = {"uri": "peer_uri", "dns_name": "peer_dns", "common_name": "x509_common_name"}
"""The names that a certificate may be known by, with the property of gRPC's authentication context for each."""


class CertificateCallers:
    """The callers that are known by their certificates.

    Args:
        configs: who has which; of several that fit a certificate the first counts.
    """

    def __init__(self, configs: Iterable[CertificateCallerConfig]) -> None:
        self._callers = tuple(
            (_PROPERTIES[field], expected.encode(), _caller(config))
            for config in configs
            for field in _PROPERTIES
            if (expected := getattr(config, field)) is not None
        )

    def caller_of(self, verified: Mapping[str, Iterable[bytes]]) -> Caller | None:
        """Returns whose connection it is; None if it has no certificate, or one of nobody in the configuration.

        Args:
            verified: what gRPC says of the connection (`ServicerContext.auth_context`); of an unencrypted one
                nothing, and of certificates only those that an authority of ours has signed.
        """
        for name, expected, caller in self._callers:
            if expected in verified.get(name, ()):
                return caller
        return None


def _caller(config: CertificateCallerConfig) -> Caller:
    tenants = None if config.all_tenants else frozenset(config.tenants)
    return Caller(f"certificate:{config.name}", frozenset(config.roles), tenants)
