"""Until when the server's certificate is good: `add_certificate_gauge`."""

from pathlib import Path

from gistwire_server.telemetry.gauges import Gauges, Reading


def add_certificate_gauge(gauges: Gauges, path: Path) -> None:
    """Adds the time at which a certificate ends. It is that of the file, which the server follows.

    Args:
        gauges: where.
        path: the certificate in PEM.
    """
    # Servers without TLS do not wait for the import.
    from cryptography import x509  # noqa: PLC0415

    def read() -> Reading:
        try:
            certificate = x509.load_pem_x509_certificate(path.read_bytes())
        except (OSError, ValueError):
            # A file that is being replaced; the server goes on with what it has, and logs it.
            return {}
        return {(): certificate.not_valid_after_utc.timestamp()}

    gauges.add(
        "gistwire_certificate_expiry_timestamp_seconds",
        "Unix time at which the server's certificate ends.",
        read,
    )
