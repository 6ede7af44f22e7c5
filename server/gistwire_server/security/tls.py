"""TLS of the server: `server_credentials`, whose certificates are exchanged while it runs."""

import stat
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import grpc
import structlog
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from gistwire_server.errors import ConfigurationError
from gistwire_server.security.config import TlsConfig
from gistwire_server.security.watched_files import WatchedFiles

_log = structlog.get_logger(__name__)


def server_credentials(config: TlsConfig) -> grpc.ServerCredentials:
    """Returns what a port is opened with.

    gRPC asks for the certificates with each connection that is made, in a thread of its own, so new ones are taken
    without a restart. Connections that are open stay as they are, with their streams. Blocks, as it reads files.

    Raises:
        ConfigurationError: a file cannot be read or makes no sense, or key and certificate do not fit.
    """
    paths = [config.certificate_file, config.key_file]
    if config.client_ca_file is not None:
        paths.append(config.client_ca_file)
    files = WatchedFiles("security.tls", paths, _certificates)
    _warn_of_readable_key(config.key_file)

    def fetch() -> grpc.ServerCertificateConfiguration | None:
        return files.content if files.refresh() else None

    return grpc.dynamic_ssl_server_credentials(
        files.content,
        fetch,  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # None is for no change
        require_client_authentication=config.client_ca_file is not None,
    )


def _certificates(contents: Sequence[bytes]) -> grpc.ServerCertificateConfiguration:
    certificate, key, *client_ca = contents
    try:
        chain = x509.load_pem_x509_certificates(certificate)
    except ValueError as error:
        raise ConfigurationError("security.tls.certificate_file: holds no certificate in PEM") from error
    try:
        private = load_pem_private_key(key, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        # What the error says may quote the key.
        raise ConfigurationError(
            "security.tls.key_file: holds no private key in PEM without a passphrase"
        ) from error
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*form) != chain[0].public_key().public_bytes(*form):
        raise ConfigurationError("security.tls: key_file is not the key of certificate_file")
    if chain[0].not_valid_after_utc <= datetime.now(UTC):
        _log.warning("certificate_expired", since=chain[0].not_valid_after_utc.isoformat())
    for content in client_ca:
        try:
            x509.load_pem_x509_certificates(content)
        except ValueError as error:
            raise ConfigurationError("security.tls.client_ca_file: holds no certificate in PEM") from error
    return grpc.ssl_server_certificate_configuration(
        [(key, certificate)], root_certificates=client_ca[0] if client_ca else None
    )


def _warn_of_readable_key(path: Path) -> None:
    # No error: of files that are mounted into containers the mode is often not ours to choose.
    if path.stat().st_mode & stat.S_IROTH:
        _log.warning("private_key_readable_by_all", setting="security.tls.key_file")
