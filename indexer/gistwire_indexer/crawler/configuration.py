"""What the crawler is told to do: the feeds and the manners, read from a YAML file by `load_configuration`."""

from collections import Counter
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from gistwire_indexer.article import MAX_NAME_CHARACTERS, MAX_URL_CHARACTERS
from gistwire_indexer.crawler.duration import Duration
from gistwire_indexer.errors import CrawlConfigurationError
from gistwire_indexer.sources.fetching import USER_AGENT, FetchLimits

MAX_FILE_BYTES = 4 * 1024 * 1024

_MEBIBYTE = 1024 * 1024

_Name: TypeAlias = Annotated[str, Meta(max_length=MAX_NAME_CHARACTERS)]
_Bytes: TypeAlias = Annotated[int, Meta(ge=1024, le=64 * _MEBIBYTE)]
_Url: TypeAlias = Annotated[str, Meta(pattern="^https?://[^/?#]", max_length=MAX_URL_CHARACTERS)]


class FeedConfiguration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One feed.

    Attributes:
        url: http or https address.
        name: the source that its articles are given; if empty, the title of the feed.
        every: how often it is asked, from a minute to 30 days; less often where it says that it changes less.
        language: the language of all its articles; if empty, it is told for each.
        category: the category of all its articles; if empty, as the feed has it for each.
        full_text: whether an article's page is fetched where the feed has little text of it, and looked at again
            for corrections and removal.
    """

    url: _Url
    name: _Name = ""
    every: Duration = Duration(minutes=30)
    language: Annotated[str, Meta(max_length=35)] = ""
    category: _Name = ""
    full_text: bool = False

    def __post_init__(self) -> None:
        _check_duration("every", self.every, Duration(minutes=1), Duration(days=30))

    @property
    def title(self) -> str:
        """What people call it: its name, else its address."""
        return self.name or self.url


class CrawlSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The manners of the crawler, and what a server may cost.

    Attributes:
        contact: web or mail address at which whoever runs a server reaches whoever runs the crawler; part of
            every request.
        concurrent_hosts: most hosts that are asked at a time; none is ever asked two things at a time.
        delay: pause between two requests to a host.
        max_crawl_delay: longest such pause that a robots.txt may ask for.
        silence_timeout: longest wait for a connection, and for the next piece of an answer.
        total_timeout: longest time for a document.
        max_redirects: most redirects on the way to a document.
        max_feed_bytes: longest feed.
        max_page_bytes: longest page of an article.
        allow_private_addresses: whether hosts in private, loopback and link-local networks may be asked.
        short_text_characters: below so many characters of text in a feed the page of an article is fetched.
        page_check_every: how often a page is looked at again; also the time for which a page has to be missing
            before its article is deleted.
        page_check_for: for how long after publication that is done.
        keep_state_for: how long an article is remembered after a feed last had it.
    """

    contact: Annotated[str, Meta(min_length=5, max_length=200, pattern=r"^[!-'*-~]+$")]
    concurrent_hosts: Annotated[int, Meta(ge=1, le=256)] = 16
    delay: Duration = Duration(seconds=2)
    max_crawl_delay: Duration = Duration(minutes=1)
    silence_timeout: Duration = Duration(seconds=20)
    total_timeout: Duration = Duration(minutes=1)
    max_redirects: Annotated[int, Meta(ge=0, le=20)] = 5
    max_feed_bytes: _Bytes = 10 * _MEBIBYTE
    max_page_bytes: _Bytes = 2 * _MEBIBYTE
    allow_private_addresses: bool = False
    short_text_characters: Annotated[int, Meta(ge=0, le=100_000)] = 800
    page_check_every: Duration = Duration(hours=2)
    page_check_for: Duration = Duration(days=1)
    keep_state_for: Duration = Duration(days=60)

    def __post_init__(self) -> None:
        _check_duration("delay", self.delay, Duration(), Duration(hours=1))
        _check_duration("max_crawl_delay", self.max_crawl_delay, Duration(), Duration(hours=1))
        _check_duration("silence_timeout", self.silence_timeout, Duration(seconds=1), Duration(minutes=5))
        _check_duration("total_timeout", self.total_timeout, Duration(seconds=1), Duration(minutes=10))
        _check_duration("page_check_every", self.page_check_every, Duration(minutes=1), Duration(days=7))
        _check_duration("page_check_for", self.page_check_for, Duration(), Duration(days=30))
        _check_duration("keep_state_for", self.keep_state_for, Duration(days=1), Duration(days=3650))

    @property
    def user_agent(self) -> str:
        """How the crawler names itself."""
        return f"{USER_AGENT} (+{self.contact})"

    @property
    def fetch_limits(self) -> FetchLimits:
        """The limits of every fetch."""
        return FetchLimits(
            max_bytes=self.max_feed_bytes,
            max_redirects=self.max_redirects,
            silence_timeout_s=self.silence_timeout.total_seconds(),
            total_timeout_s=self.total_timeout.total_seconds(),
            allow_private_addresses=self.allow_private_addresses,
        )


class CrawlConfiguration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that a file says.

    Attributes:
        settings: for all feeds.
        feeds: each with an address of its own.
    """

    settings: CrawlSettings
    feeds: Annotated[tuple[FeedConfiguration, ...], Meta(min_length=1, max_length=10_000)]

    def __post_init__(self) -> None:
        url, count = Counter(feed.url for feed in self.feeds).most_common(1)[0]
        if count > 1:
            raise ValueError(f"feeds: {url} is there {count} times")


def load_configuration(path: Path) -> CrawlConfiguration:
    """Reads a file.

    Raises:
        CrawlConfigurationError: it cannot be read, is no YAML, or a field breaks its limits; the message names
            the field.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise CrawlConfigurationError(f"{path}: {error.strerror or error}") from error
    if len(text) > MAX_FILE_BYTES:
        raise CrawlConfigurationError(f"{path}: longer than {MAX_FILE_BYTES} bytes")
    try:
        return msgspec.yaml.decode(text, type=CrawlConfiguration, dec_hook=_decode_custom)
    # A day that does not exist is none of msgspec's errors.
    except (msgspec.MsgspecError, ValueError) as error:
        raise CrawlConfigurationError(f"{path}: {error}") from error


def _decode_custom(kind: type[object], value: object) -> object:
    if kind is Duration:
        return Duration.parse(str(value))
    raise NotImplementedError(kind)


def _check_duration(name: str, value: Duration, least: Duration, most: Duration) -> None:
    if not least <= value <= most:
        raise ValueError(f"{name}: must be from {least} to {most}, not {value}")
