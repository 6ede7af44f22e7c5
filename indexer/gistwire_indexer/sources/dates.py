"""Reads the many ways in which sources write a time. Preprocessing calls it for each article."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Seconds have nine or ten digits between 1973 and 2286, milliseconds three more. Shorter numbers are years
# or dates without hyphens.
_EPOCH_SECONDS = re.compile(r"\d{9,10}(?:\.\d+)?")
_EPOCH_MILLISECONDS = re.compile(r"\d{12,13}(?:\.\d+)?")

# As in Reuters-21578, where control characters of the wire may follow: "27-MAR-1987 00:02:59.13&#5;&#5;RM".
_DAY_MONTH_YEAR = re.compile(
    r"(?P<day>\d{1,2})-(?P<month>[A-Za-z]{3})-(?P<year>\d{4})"
    r"(?:[ T]+(?P<time>\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?))?(?!\w)"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_SPACED_ZONE = re.compile(r" +(?=[+-]\d{2}:?\d{2}$)")
_NAMED_ZONE = re.compile(r" *(?:UTC|GMT|Z)$", re.IGNORECASE)


def parse_date(text: str) -> datetime | None:
    """Reads a time.

    Understood are ISO 8601 and RFC 3339, with or without a time of day or a zone; RFC 2822; seconds or
    milliseconds since 1970; and "26-FEB-1987 15:02:20.00". A time without a zone is taken as UTC.

    Returns:
        the time in UTC; None if the text is not understood.
    """
    text = text.strip()
    for parse in (_parse_epoch, _parse_iso_8601, _parse_day_month_year, parsedate_to_datetime):
        try:
            return to_utc(parse(text))
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


def to_utc(time: datetime) -> datetime:
    """The same time in UTC; a time without a zone is taken as UTC.

    Raises:
        OverflowError: the time is before the year 1 or after the year 9999 in UTC.
    """
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _parse_epoch(text: str) -> datetime:
    if _EPOCH_SECONDS.fullmatch(text):
        return _EPOCH + timedelta(seconds=float(text))
    if _EPOCH_MILLISECONDS.fullmatch(text):
        return _EPOCH + timedelta(milliseconds=float(text))
    raise ValueError(text)


def _parse_iso_8601(text: str) -> datetime:
    text = _NAMED_ZONE.sub("Z", text) if not text[:1].isalpha() else text
    return datetime.fromisoformat(_SPACED_ZONE.sub("", text))


def _parse_day_month_year(text: str) -> datetime:
    match = _DAY_MONTH_YEAR.match(text)
    if not match:
        raise ValueError(text)
    month = _MONTHS.index(match["month"].lower()) + 1
    hour, _, rest = (match["time"] or "00:00").partition(":")
    return datetime.fromisoformat(f"{match['year']}-{month:02}-{match['day']:0>2}T{hour:0>2}:{rest}")
