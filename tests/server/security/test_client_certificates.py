"""Tests of callers that are known by what TLS has verified of their certificates."""

from gistwire_server.security.callers import Caller, Role
from gistwire_server.security.client_certificates import CertificateCallers
from gistwire_server.security.config import CertificateCallerConfig

CALLERS = CertificateCallers(
    [
        CertificateCallerConfig(uri="spiffe://news.example/crawler", name="crawler", roles=(Role.INGEST,)),
        CertificateCallerConfig(dns_name="site.example", name="site", roles=(Role.SEARCH,), tenants=("red",)),
        CertificateCallerConfig(
            common_name="operator", name="operator", roles=(Role.ADMIN,), all_tenants=True
        ),
    ]
)


def test_each_name_is_looked_for_in_its_own_place() -> None:
    assert CALLERS.caller_of({"peer_uri": [b"spiffe://news.example/crawler"]}) == Caller(
        "certificate:crawler", frozenset({Role.INGEST}), frozenset({"default"})
    )
    assert CALLERS.caller_of({"peer_dns": [b"other.example", b"site.example"]}) == Caller(
        "certificate:site", frozenset({Role.SEARCH}), frozenset({"red"})
    )
    assert CALLERS.caller_of({"x509_common_name": [b"operator"]}) == Caller(
        "certificate:operator", frozenset({Role.ADMIN}), None
    )


def test_a_name_in_another_place_or_a_part_of_one_is_nobody() -> None:
    assert CALLERS.caller_of({}) is None
    assert CALLERS.caller_of({"x509_common_name": [b"site.example"]}) is None
    assert CALLERS.caller_of({"peer_dns": [b"operator", b"www.site.example", b"SITE.example"]}) is None
