"""`canonical_url`: one spelling for the many addresses under which an article is linked to."""

import re
from urllib.parse import SplitResult, unquote_plus, urlsplit, urlunsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}

# They tell who followed a link from where, never what it leads to.
_TRACKING_PARAMETERS = frozenset(
    {
        *("_ga", "_gl", "dclid", "gbraid", "gclid", "gclsrc", "srsltid", "wbraid"),  # Google
        *("fbclid", "igsh", "igshid", "msclkid", "ttclid", "twclid", "yclid"),  # other networks
        *("_hsenc", "_hsmi", "mc_cid", "mc_eid", "mkt_tok", "oly_anon_id", "oly_enc_id", "vero_id"),  # mail
        *("pk_campaign", "pk_kwd", "s_cid", "wt_mc"),  # analytics
    }
)
_TRACKING_PREFIXES = (
    "utm_",
    "mtm_",
    "matomo_",
    "piwik_",
    "at_campaign",
    "at_custom",
    "at_medium",
    "__twitter_",
)

_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\x9f]")


def canonical_url(url: str) -> str | None:
    """Spells the address of an article as all feeds should.

    The scheme and the host are lower-cased, the default port, what names a user, the fragment and parameters
    that only track readers go, and an empty path becomes "/". The order of the other parameters stays: servers
    may mind it. Spelling an address twice changes nothing.

    Returns:
        the address; None if it is not an http or https address.
    """
    try:
        parts = urlsplit(_UNPRINTABLE.sub("", url))
        host = _host(parts)
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not host:
        return None
    return urlunsplit((parts.scheme, host, parts.path or "/", _without_tracking(parts.query), ""))


def host_of(url: str) -> str:
    """The host of an address with its port, in lower case, without a leading "www."; empty if there is none."""
    try:
        return _host(urlsplit(url)).removeprefix("www.")
    except ValueError:
        return ""


def _host(parts: SplitResult) -> str:
    """Host and port as they stand in an address, the port only if it is not the scheme's own."""
    host = (parts.hostname or "").rstrip(".")
    host = f"[{host}]" if ":" in host else host
    if not host or parts.port is None or parts.port == _DEFAULT_PORTS.get(parts.scheme):
        return host
    return f"{host}:{parts.port}"


def _without_tracking(query: str) -> str:
    return "&".join(part for part in query.split("&") if part and not _is_tracking(part))


def _is_tracking(part: str) -> bool:
    name = unquote_plus(part.partition("=")[0]).lower()
    return name in _TRACKING_PARAMETERS or name.startswith(_TRACKING_PREFIXES)
