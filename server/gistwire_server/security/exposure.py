"""Who can reach a server, and what must be configured for it: `check_exposure`."""

from ipaddress import ip_address

from gistwire_indexer.index import check_tenant

from gistwire_server.errors import ConfigurationError
from gistwire_server.security.config import SecurityConfig

_MAX_PORT = 65_535


def check_exposure(host: str | None, security: SecurityConfig) -> None:
    """Refuses a configuration that would let strangers in, or that contradicts itself.

    Args:
        host: where the server listens; None for a private socket.
        security: what it asks of callers.

    Raises:
        ConfigurationError: the message says what to set.
    """
    _check_certificates(security)
    _check_tenants(security)
    if security.health_listen is not None:
        host_of(security.health_listen, "security.health_listen")
    if host is None or is_loopback(host):
        return
    if not security.knows_callers and security.anonymous is None:
        raise ConfigurationError(
            f"listen: {host!r} can be reached by other machines, and nothing says who may call: set "
            "security.api_keys_file, security.tokens or security.certificates, or say in security.anonymous what "
            "everybody may do"
        )
    if security.tls is None and not security.allow_plaintext:
        raise ConfigurationError(
            f"listen: {host!r} can be reached by other machines, and connections are not encrypted: set "
            "security.tls, or security.allow_plaintext = true behind a proxy that ends TLS"
        )


def host_of(address: str, setting: str) -> str:
    """Returns the host of an address.

    Args:
        address: ``HOST:PORT``.
        setting: names it in the error.

    Raises:
        ConfigurationError: it is no such address.
    """
    host, separator, port = address.rpartition(":")
    if not separator or not port.isdecimal() or int(port) > _MAX_PORT:
        raise ConfigurationError(f"{setting}: {address!r} is not HOST:PORT")
    return host


def is_loopback(host: str) -> bool:
    """Whether only its own machine reaches a host."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _check_certificates(security: SecurityConfig) -> None:
    if security.certificates and (security.tls is None or security.tls.client_ca_file is None):
        raise ConfigurationError(
            "security.certificates: takes security.tls.client_ca_file, which signs the certificates of clients"
        )
    for place, each in enumerate(security.certificates):
        given = [name for name in (each.uri, each.dns_name, each.common_name) if name is not None]
        if len(given) != 1:
            raise ConfigurationError(
                f"security.certificates[{place}]: exactly one of uri, dns_name and common_name is needed"
            )


def _check_tenants(security: SecurityConfig) -> None:
    named = [tenant for each in security.certificates for tenant in each.tenants]
    if security.anonymous is not None:
        named += security.anonymous.tenants
    for tenant in named:
        try:
            check_tenant(tenant)
        except ValueError as error:
            raise ConfigurationError(f"security: tenant {tenant!r}: {error}") from error
