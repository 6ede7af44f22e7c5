import secrets
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from gistwire_indexer.filter import parse_filter
from gistwire_server.errors import (
    AttributionTokenExpiredError,
    AttributionTokenInvalidError,
    PageTokenExpiredError,
    PageTokenInvalidError,
    PageTokenMismatchError,
)
from gistwire_server.paging import (
    ATTRIBUTION_LIFETIME_S,
    MAX_ATTRIBUTION_TOKEN_CHARACTERS,
    TokenSigner,
    load_key,
    pinned,
)
from gistwire_server.plan import SearchPlan, SummaryMode
from gistwire_server.retrieval import FusedHit
from hypothesis import given
from hypothesis import strategies as st

from tests.server.conftest import PLAN as DEFAULT_PLAN

PLAN = replace(DEFAULT_PLAN, query="harbour strike", filter=parse_filter('source = "Meridian Wire"'))
KEY = b"k" * 32


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


shares = st.integers(0, 10_000).map(lambda value: value / 10_000)
hits = st.builds(
    FusedHit,
    id=st.text(min_size=1, max_size=20),
    fusion=shares,
    lexical=st.none() | shares,
    dense=st.none() | shares,
    lexical_rank=st.none() | st.integers(1, 1_000),
    dense_rank=st.none() | st.integers(1, 1_000),
    duplicate_ids=st.lists(st.text(max_size=5), max_size=2).map(tuple),
)


def signer(clock: Clock | None = None, key: bytes = KEY) -> TokenSigner:
    return TokenSigner(key, lifetime_s=600, clock=clock or Clock())


def token(offset: int = 1) -> str:
    return signer().page_token(PLAN, pinned([FusedHit("a", 1.0), FusedHit("b", 0.5)]), offset)


@given(st.lists(hits, min_size=1, max_size=20), st.data())
def test_a_token_holds_the_list_and_the_place(listed: list[FusedHit], data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, len(listed) - 1))
    page = signer().read_page_token(signer().page_token(PLAN, pinned(listed), offset), PLAN)
    assert page.hits == tuple(listed)
    assert page.offset == offset


def test_there_is_no_token_after_the_last_hit() -> None:
    assert token(offset=2) == ""


@given(st.data())
def test_a_changed_token_is_refused(data: st.DataObject) -> None:
    original = token()
    place = data.draw(st.integers(0, len(original) - 1))
    # The last character of base64 may hold bits that are not part of the content.
    letter = data.draw(st.sampled_from("ABCDwxyz0189-_").filter(lambda each: each != original[place]))
    changed = original[:place] + letter + original[place + 1 :]
    try:
        page = signer().read_page_token(changed, PLAN)
    except PageTokenInvalidError:
        return
    assert place == len(original) - 1
    assert page == signer().read_page_token(original, PLAN)


@pytest.mark.parametrize("garbage", ["a", "====", "ü", "x" * 300_000, "YWJjZGVm"])
def test_garbage_is_refused(garbage: str) -> None:
    with pytest.raises(PageTokenInvalidError):
        signer().read_page_token(garbage, PLAN)


def test_a_token_of_another_deployment_is_refused() -> None:
    with pytest.raises(PageTokenInvalidError):
        signer(key=b"o" * 32).read_page_token(token(), PLAN)


def test_an_attribution_token_is_no_page_token() -> None:
    with pytest.raises(PageTokenInvalidError):
        signer().read_page_token(signer().attribution_token("r", PLAN, ["a"]), PLAN)


@pytest.mark.parametrize(
    "other",
    [
        replace(PLAN, query="another"),
        replace(PLAN, filter=None),
        replace(PLAN, retrieval=replace(PLAN.retrieval, depth=50)),
        replace(PLAN, rank=replace(PLAN.rank, collapse=False)),
    ],
)
def test_other_arguments_are_refused(other: SearchPlan) -> None:
    with pytest.raises(PageTokenMismatchError):
        signer().read_page_token(token(), other)


def test_page_size_and_weights_may_change_from_page_to_page() -> None:
    other = replace(PLAN, top_k=3, summary=replace(PLAN.summary, mode=SummaryMode.NONE))
    assert signer().read_page_token(token(), other).offset == 1


def test_a_token_expires() -> None:
    clock = Clock()
    made = signer(clock).page_token(PLAN, pinned([FusedHit("a", 1.0)]), 0)
    clock.now_s += 599
    assert signer(clock).read_page_token(made, PLAN).offset == 0
    clock.now_s += 2
    with pytest.raises(PageTokenExpiredError):
        signer(clock).read_page_token(made, PLAN)


def test_the_key_is_made_once_for_this_user_only(tmp_path: Path) -> None:
    path = tmp_path / "data" / "token.key"
    key = load_key(path)
    assert len(key) == 32
    assert load_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["token.key"]


def test_an_attribution_token_says_what_was_shown() -> None:
    attribution = signer().read_attribution_token(signer().attribution_token("r", PLAN, ["a", "b\0é"]))
    assert attribution.request_id == "r"
    assert [attribution.shows(each) for each in ("a", "b\0é", "c", "")] == [True, True, False, False]


def test_an_attribution_token_is_short_whatever_the_identifiers_are() -> None:
    shown = [f"{number}{'事' * 120}{secrets.token_hex(4)}"[:128] for number in range(100)]
    token_ = signer().attribution_token(secrets.token_hex(16), PLAN, shown)
    assert len(token_) <= MAX_ATTRIBUTION_TOKEN_CHARACTERS
    assert all(map(signer().read_attribution_token(token_).shows, shown))


@pytest.mark.parametrize("place", [0, 15, 40, -1])
def test_a_changed_attribution_token_is_refused(place: int) -> None:
    token_ = signer().attribution_token("r", PLAN, ["a"])
    changed = list(token_)
    changed[place] = "A" if changed[place] != "A" else "g"
    with pytest.raises(AttributionTokenInvalidError):
        signer().read_attribution_token("".join(changed))


@pytest.mark.parametrize("other", ["", "nonsense", "é", token(), signer().watch_token(b"x")])
def test_what_is_no_attribution_token_is_refused(other: str) -> None:
    with pytest.raises(AttributionTokenInvalidError):
        signer().read_attribution_token(other)


def test_an_attribution_token_of_another_tenant_is_refused() -> None:
    with pytest.raises(AttributionTokenInvalidError):
        signer().read_attribution_token(signer().for_tenant("red").attribution_token("r", PLAN, ["a"]))


def test_an_attribution_token_expires() -> None:
    clock = Clock()
    token_ = signer(clock).attribution_token("r", PLAN, ["a"])
    clock.now_s += ATTRIBUTION_LIFETIME_S
    assert signer(clock).read_attribution_token(token_).shows("a")
    clock.now_s += 1
    with pytest.raises(AttributionTokenExpiredError):
        signer(clock).read_attribution_token(token_)
