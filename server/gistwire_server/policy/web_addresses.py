"""E-mail and web addresses in texts: `EmailRule` and `WebAddressRule`."""

import re

from gistwire_models.deferred_pattern import deferred_pattern

from gistwire_server.policy.plain_characters import plain
from gistwire_server.policy.rules import Finding

# Addresses have no white space, and Chinese may follow one without any. All that a rule looks at is one such run.
_RUN = deferred_pattern(r"[!-~]+")
_RUN_CHARACTERS = "".join(map(chr, range(ord("!"), ord("~") + 1)))

# Lengths of the parts as in RFC 5321, section 4.5.3.1.
_EMAIL = deferred_pattern(
    r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?\.[A-Za-z]{2,24}"
)

# "Amazon.com said" names a company; a path after it, a scheme or "www." makes an address.
_WEB_ADDRESS = deferred_pattern(
    r"""[a-z][a-z0-9+.-]{1,20}://[!-~]*
      | (?:javascript|vbscript):[!-~]+
      | data:[a-z]{2,20}/[a-z0-9.+-]{1,60}[;,][!-~]*
      | \bwww\.[a-z0-9-]{1,63}\.[!-~]+
      | \b(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}/[a-z0-9%~_.?=&\#/-]+
    """,
    re.VERBOSE | re.IGNORECASE,
)
_AFTER_ADDRESS = "!.,:;?'\"()[]{}<>"
"""What ends a sentence or closes a bracket around an address, rather than the address."""


class EmailRule:
    """Finds e-mail addresses. A TextRule."""

    def find(self, text: str) -> list[Finding]:
        """Finds them, in order."""
        if "@" not in text and "\uff20" not in text:
            return []
        return [
            Finding(match.start() + found.start(), match.start() + found.end(), "email", "[e-mail]")
            for match in _RUN.finditer(plain(text))
            if "@" in match[0]
            for found in _EMAIL.finditer(match[0])
        ]

    def decided_length(self, text: str) -> int:
        """All but the last word, which an address may begin with."""
        return _without_last_run(text)


class WebAddressRule:
    """Finds addresses that a reader may follow: of the web, and whatever else has a scheme. A TextRule."""

    def find(self, text: str) -> list[Finding]:
        """Finds them, in order; the mark that ends a sentence is no part of one."""
        read = plain(text)
        # Most texts have none of what every form has one of, which is seen in a tenth of the time.
        if not any(sign in read for sign in ":/") and "www." not in read.lower():
            return []
        findings = []
        for match in _RUN.finditer(read):
            for found in _WEB_ADDRESS.finditer(match[0]):
                length = len(found[0].rstrip(_AFTER_ADDRESS))
                start = match.start() + found.start()
                findings.append(Finding(start, start + length, "web_address", "[link]"))
        return findings

    def decided_length(self, text: str) -> int:
        """All but the last word."""
        return _without_last_run(text)


def _without_last_run(text: str) -> int:
    # A draft is asked with each piece. A pattern that ends in the end of the text would be tried at every character.
    return len(plain(text).rstrip(_RUN_CHARACTERS))
