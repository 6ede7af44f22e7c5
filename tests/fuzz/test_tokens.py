"""Fuzzing of signed tokens: one that was changed is refused, or says what it said before."""

from datetime import timedelta

from gistwire_indexer.index import IndexPosition
from gistwire_server.errors import AttributionTokenError, PageTokenError, ResumeTokenError
from gistwire_server.paging import TokenSigner, pinned
from gistwire_server.retrieval import FusedHit
from gistwire_server.watch_progress import WatchProgress
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.mutations import fuzz, mutated
from tests.server.conftest import PLAN
from tests.server.watch_bench import BEGIN, watching

_SIGNER = TokenSigner(b"k" * 32, lifetime_s=600, clock=lambda: 1_000.0)
_WATCH = watching()
_HITS = [FusedHit("a", 1.0), FusedHit("b", 0.5)]
_PAGE = _SIGNER.page_token(PLAN, pinned(_HITS), 1)
_ATTRIBUTION = _SIGNER.attribution_token("r1", PLAN, ["a", "b"])
_RESUME = WatchProgress(IndexPosition(BEGIN, "a")).to_token(_WATCH, _SIGNER)
_NO_TOKENS = [each.encode() for each in (_PAGE, _ATTRIBUTION, _RESUME)]

_CHANGED = mutated(_NO_TOKENS).map(lambda data: data.decode(errors="ignore")) | st.text(max_size=100)


@fuzz
@given(_CHANGED)
def test_a_page_token_is_refused_or_says_what_it_said(token: str) -> None:
    try:
        page = _SIGNER.read_page_token(token, PLAN)
    except PageTokenError:
        return
    assert page == _SIGNER.read_page_token(_PAGE, PLAN)


@fuzz
@given(_CHANGED)
def test_an_attribution_token_is_refused_or_says_what_it_said(token: str) -> None:
    try:
        attribution = _SIGNER.read_attribution_token(token)
    except AttributionTokenError:
        return
    assert attribution == _SIGNER.read_attribution_token(_ATTRIBUTION)


@fuzz
@given(_CHANGED)
def test_a_resume_token_is_refused_or_says_what_it_said(token: str) -> None:
    not_before = BEGIN - timedelta(days=1)
    try:
        progress = WatchProgress.from_token(token, _WATCH, _SIGNER, not_before=not_before)
    except ResumeTokenError:
        return
    assert progress == WatchProgress.from_token(_RESUME, _WATCH, _SIGNER, not_before=not_before)
