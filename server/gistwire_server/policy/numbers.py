"""Numbers that lead to a person: telephones, payment cards, accounts, identity numbers (`NumberRule`, `IbanRule`…).

The numbers of news are dates, scores, amounts and times. Each rule therefore asks for a form or a check digit that
these do not have.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache

from gistwire_models.deferred_pattern import deferred_pattern

from gistwire_server.policy.config import PolicyConfig
from gistwire_server.policy.national_ids import (
    iban_length,
    is_chinese_resident_number,
    is_iban,
    is_payment_card,
    is_spanish_identity_number,
    is_us_social_security_number,
)
from gistwire_server.policy.plain_characters import plain
from gistwire_server.policy.rules import Finding

# What numbers in groups consist of. All that a rule looks at is one such run, and one character around it.
_RUN = deferred_pattern(r"[+(0-9][0-9+() ./-]*")
_LAST_RUN = deferred_pattern(r"[+(0-9][0-9+() ./-]*\Z")

_CARD = deferred_pattern(r"(?<![\w+/.-])\d(?:[ -]?\d){12,18}(?![\w/-]|\.\d)", re.ASCII)
_CARD_GROUPS = deferred_pattern(r"\d{4}([ -]?)(?:\d{4}\1){2,3}\d{1,4}|\d{4}([ -])\d{6}\2\d{4,5}|\d{13,19}")
_SOCIAL_SECURITY = deferred_pattern(r"(?<![\w+/.-])(\d{3})-(\d{2})-(\d{4})(?![\w/-]|\.\d)", re.ASCII)

_FEWEST_PHONE_DIGITS = 7
_DEFAULT_REGIONS = PolicyConfig().phone_regions

_LETTERED = deferred_pattern(
    r"""(?<![A-Za-z0-9]) (?:
        (?P<resident> [1-9]\d{5}(?:18|19|20)\d{9}[\dXx] )
      | (?P<dni> \d{8} ) -? (?P<letter> [A-Z] )
      | (?P<nino> [A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\ ?\d{2}\ ?\d{2}\ ?\d{2}\ ?[A-D] )
    ) (?![A-Za-z0-9])""",
    re.VERBOSE | re.ASCII,
)
_LETTERED_PREFIX = deferred_pattern(
    r"(?<![A-Za-z0-9])(?:\d{1,18}-?[A-Za-z]?|[A-Z]{1,2} ?(?:\d ?){0,6}[A-D]?)\Z", re.ASCII
)

_IBAN_BEGIN = deferred_pattern(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?=[ -]?[A-Z0-9])", re.ASCII)
_IBAN_PREFIX = deferred_pattern(
    r"(?<![A-Za-z0-9])[A-Z]{1,2}(?:\d{1,2}(?:[ -]?[A-Z0-9]){0,32}[ -]?)?\Z", re.ASCII
)


class NumberRule:
    """Finds numbers in groups of digits: telephones, payment cards, American social security numbers. A TextRule.

    Args:
        kinds: which of "phone", "payment_card" and "national_id".
        phone_regions: regions whose telephone numbers are known without country code.
    """

    def __init__(self, kinds: Collection[str], phone_regions: Sequence[str]) -> None:
        self._kinds = frozenset(kinds)
        # Numbers with a country code are found under any region.
        self._regions = tuple(phone_regions) or ("ZZ",)

    def find(self, text: str) -> list[Finding]:
        """Finds them, in order."""
        read = plain(text)
        return [finding for match in _RUN.finditer(read) for finding in self._in_run(read, match)]

    def decided_length(self, text: str) -> int:
        """All but a number at the end, with what may be its groups before it."""
        match = _LAST_RUN.search(plain(text))
        return match.start() if match else len(text)

    def _in_run(self, text: str, run: re.Match[str]) -> list[Finding]:
        if sum(map(str.isdigit, run[0])) < _FEWEST_PHONE_DIGITS:
            return []
        # Letters and signs of currency beside a run say that it is something else.
        begin = max(run.start() - 1, 0)
        part = text[begin : run.end() + 1]
        found: list[Finding] = []
        for start, end, rule, mask in self._numbers(part):
            if all(begin + start >= each.end or begin + end <= each.start for each in found):
                found.append(Finding(begin + start, begin + end, rule, mask))
        return sorted(found, key=lambda each: each.start)

    def _numbers(self, part: str) -> Iterator[tuple[int, int, str, str]]:
        if "payment_card" in self._kinds:
            for match in _CARD.finditer(part):
                digits = re.sub(r"[ -]", "", match[0])
                if _CARD_GROUPS.fullmatch(match[0]) and is_payment_card(digits):
                    yield match.start(), match.end(), "payment_card", "[card]"
        if "national_id" in self._kinds:
            for match in _SOCIAL_SECURITY.finditer(part):
                if is_us_social_security_number("".join(match.groups())):
                    yield match.start(), match.end(), "national_id", "[identity]"
        if "phone" in self._kinds:
            for start, end in _phones(part, self._regions):
                yield start, end, "phone", "[phone]"


class IdentityNumberRule:
    """Finds Chinese resident, Spanish (DNI) and British (NINO) identity numbers. A TextRule."""

    def find(self, text: str) -> list[Finding]:
        """Finds them, in order."""
        return [
            Finding(match.start(), match.end(), "national_id", "[identity]")
            for match in _LETTERED.finditer(plain(text))
            if _is_identity_number(match)
        ]

    def decided_length(self, text: str) -> int:
        """All but what may be the beginning of one at the end."""
        match = _LETTERED_PREFIX.search(plain(text))
        return match.start() if match else len(text)


class IbanRule:
    """Finds international bank account numbers, with or without spaces. A TextRule."""

    def find(self, text: str) -> list[Finding]:
        """Finds them, in order."""
        read = plain(text)
        findings: list[Finding] = []
        for begin in _IBAN_BEGIN.finditer(read):
            end = _iban_end(read, begin.start())
            if end is not None:
                findings.append(Finding(begin.start(), end, "iban", "[account]"))
        return findings

    def decided_length(self, text: str) -> int:
        """All but what may be the beginning of one at the end."""
        match = _IBAN_PREFIX.search(plain(text))
        return match.start() if match else len(text)


@lru_cache(maxsize=1_024)
def _phones(part: str, regions: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """Places of telephone numbers. They are kept: a draft is read again with each word, and a number takes 1 ms."""
    # Most texts have none, and do without the imports.
    from phonenumbers import Leniency, PhoneNumberMatcher  # noqa: PLC0415

    return tuple(
        (phone.start, phone.end)
        for region in regions
        for phone in PhoneNumberMatcher(part, region, leniency=Leniency.STRICT_GROUPING)
        # Rates of exchange are written so: 23.1441/1905.
        if "/" not in phone.raw_string or phone.raw_string.startswith("+")
    )


def unknown_regions(regions: Sequence[str]) -> list[str]:
    """Which of these are no regions of telephone numbers."""
    unusual = [each for each in regions if each not in _DEFAULT_REGIONS]
    if not unusual:
        return []
    from phonenumbers import SUPPORTED_REGIONS  # noqa: PLC0415

    return [each for each in unusual if each not in SUPPORTED_REGIONS]


def _is_identity_number(match: re.Match[str]) -> bool:
    if match["resident"]:
        return is_chinese_resident_number(match["resident"])
    # Of British numbers the form is all that can be checked.
    return not match["dni"] or is_spanish_identity_number(match["dni"], match["letter"])


def _iban_end(text: str, start: int) -> int | None:
    """Place after the account number that begins here; None if there is none."""
    wanted = iban_length(text[start : start + 2])
    if wanted is None:
        return None
    match = re.compile(rf"[A-Z0-9](?:[ -]?[A-Z0-9]){{{wanted - 1}}}(?![A-Za-z0-9])", re.ASCII).match(
        text, start
    )
    if match is None or not is_iban(re.sub(r"[ -]", "", match[0])):
        return None
    return match.end()
