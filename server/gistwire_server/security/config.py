"""`SecurityConfig`: how connections are encrypted and callers are known."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from gistwire_server.security.callers import CALLER_NAME_PATTERN, Role

CallerName = Annotated[str, msgspec.Meta(pattern=CALLER_NAME_PATTERN)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Roles = Annotated[tuple[Role, ...], msgspec.Meta(min_length=1)]

ASYMMETRIC_ALGORITHMS = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]
"""Signatures that a holder of the verifying key cannot make."""

DEFAULT_TENANTS = ("default",)


class TlsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Encryption of the connections to this server. All files are read again when they change."""

    certificate_file: Path
    """The server's certificate in PEM, followed by those of the authorities between it and the root."""
    key_file: Path
    """Its private key in PEM, without a passphrase."""
    client_ca_file: Path | None = None
    """Certificates in PEM that sign those of clients, for mutual TLS: a client without one cannot connect. None for
    clients without certificates."""


class TokensConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """JSON Web Tokens (RFC 7519) of an identity provider, as credentials."""

    issuer: Name
    """The claim ``iss`` that a token must have."""
    audience: Name
    """What the claim ``aud`` of a token must have among its values."""
    jwks_file: Path
    """The provider's public keys as a JSON Web Key Set (RFC 7517). It is read again when it changes, so that keys can
    be rotated."""
    algorithms: Annotated[tuple[ASYMMETRIC_ALGORITHMS, ...], msgspec.Meta(min_length=1)] = ("RS256", "ES256")
    """How tokens may be signed. There is no ``none`` and nothing symmetric to choose."""
    leeway_s: Annotated[float, msgspec.Meta(ge=0, le=300)] = 30.0
    """How far the clocks of provider and server may differ, in seconds, where ``exp``, ``nbf`` and ``iat`` count."""
    max_lifetime_s: Annotated[float, msgspec.Meta(gt=0)] = 86_400.0
    """Longest time until a token may expire, in seconds, as it cannot be taken back before."""
    name_claim: Name = "sub"
    """Claim that names the caller."""
    roles_claim: Name = "roles"
    """Claim with the caller's roles: a list of words, or words with spaces between, such as ``scope``."""
    role_prefix: Annotated[str, msgspec.Meta(max_length=100)] = ""
    """What this server's roles begin with in that claim, such as ``"gistwire:"``; other words are passed over."""
    tenants_claim: Name = "tenants"
    """Claim with the tenants that the caller may reach, as roles are written; ``*`` for all of them. Without the
    claim it is the default tenant alone."""


class CertificateCallerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A caller that is known by its certificate. Exactly one of the three names is given."""

    uri: Name | None = None
    """A URI among the certificate's subject alternative names, such as ``"spiffe://news.example/crawler"``."""
    dns_name: Name | None = None
    """A DNS name among them."""
    common_name: Name | None = None
    """The common name of its subject, for certificates that have no alternative names."""
    name: CallerName
    """Names the caller in logs and limits."""
    roles: Roles
    """What the caller may do: ``"search"``, ``"ingest"`` or ``"admin"``."""
    tenants: tuple[str, ...] = DEFAULT_TENANTS
    """Tenants that the caller may reach."""
    all_tenants: bool = False
    """Whether the caller may reach every tenant instead."""


class AnonymousConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What callers without credentials may do. Credentials that are not good are refused all the same."""

    roles: Roles
    """What they may do: ``"search"``, ``"ingest"`` or ``"admin"``."""
    tenants: tuple[str, ...] = DEFAULT_TENANTS
    """Tenants that they may reach."""


class SecurityConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How connections are encrypted, and how callers are known.

    Without any of it the server listens where only its own machine reaches it, and lets everybody there do
    everything. As soon as one way to know callers is configured, a call without credentials is refused.
    """

    tls: TlsConfig | None = None
    """Encryption; None for connections in the clear."""
    api_keys_file: Path | None = None
    """Where API keys are kept, hashed: the file of ``gistwire keys``, read again when it changes. None for none."""
    tokens: TokensConfig | None = None
    """Tokens of an identity provider; None for none."""
    certificates: tuple[CertificateCallerConfig, ...] = ()
    """Callers that are known by their certificates; it takes ``tls.client_ca_file``."""
    anonymous: AnonymousConfig | None = None
    """What callers without credentials may do; None for nothing, or for everything where there is no way to know
    callers and only this machine reaches the server."""
    allow_plaintext: bool = False
    """Whether other machines may reach the server without TLS: behind a proxy that ends TLS, in a network that is
    yours alone. Credentials travel readable there."""
    failed_authentications_per_minute: Annotated[int, msgspec.Meta(ge=0)] = 60
    """Most calls in a minute from one address whose credentials were not good; more are refused unchecked, except
    with credentials that were good before. 0 for any number."""
    recheck_interval_s: Annotated[float, msgspec.Meta(gt=0)] = 10.0
    """How often the credentials of a call that is under way are checked again, in seconds: it ends once they expired
    or were revoked."""
    reflection: bool | None = None
    """Whether the server tells its contract to everybody by gRPC reflection; None for where it asks for no
    credentials."""
    health_listen: str | None = None
    """``HOST:PORT`` that answers grpc.health.v1 alone, in the clear, for probes that cannot do TLS, such as those of
    Kubernetes; None for none. Health is also told where everything else is, without credentials."""

    @property
    def knows_callers(self) -> bool:
        """Whether there is a way to know callers."""
        return self.api_keys_file is not None or self.tokens is not None or bool(self.certificates)

    @property
    def tells_contract(self) -> bool:
        """Whether there is reflection."""
        return not self.knows_callers if self.reflection is None else self.reflection
