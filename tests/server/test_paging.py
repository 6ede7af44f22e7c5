import stat
from dataclasses import replace
from pathlib import Path

import pytest
from gistwire_indexer.filter import parse_filter
from gistwire_server.errors import PageTokenExpiredError, PageTokenInvalidError, PageTokenMismatchError
from gistwire_server.paging import TokenSigner, load_key
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
    return signer().page_token(PLAN, [FusedHit("a", 1.0), FusedHit("b", 0.5)], offset)


@given(st.lists(hits, min_size=1, max_size=20), st.data())
def test_a_token_holds_the_list_and_the_place(listed: list[FusedHit], data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, len(listed) - 1))
    page = signer().read_page_token(signer().page_token(PLAN, listed, offset), PLAN)
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
    made = signer(clock).page_token(PLAN, [FusedHit("a", 1.0)], 0)
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
