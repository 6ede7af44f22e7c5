"""Tests of gistwire_indexer.language."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from gistwire_indexer import language
from gistwire_indexer.language import identify_language, normalize_language
from hypothesis import given
from hypothesis import strategies as st
from py3langid.langid import LanguageIdentifier


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Solar output tops coal for a full month", "en"),
        ("STANDARD OIL TO FORM FINANCIAL UNIT WITH BRITISH PARTNER", "en"),
        ("Le gouvernement annonce une réforme des retraites", "fr"),
        ("Der Bundestag hat heute ein Gesetz beschlossen", "de"),
        ("El presidente anunció nuevas medidas económicas", "es"),
        ("Президент подписал закон об образовании", "ru"),
        ("Президент підписав закон про освіту", "uk"),
        ("رئيس الوزراء يعلن استقالته", "ar"),
        ("同步A股首秀：港股缩量回调", "zh"),
        ("iPhone 15发布", "zh"),
        ("国会議員が辞任へ", "ja"),
        ("한국 대통령 선거", "ko"),
        ("นายกรัฐมนตรี", "th"),
        ("Η κυβέρνηση ανακοίνωσε", "el"),
        ("ראש הממשלה", "he"),
        ("प्रधान मंत्री", "hi"),
        ("Apple unveils new phone for 中国 market", "en"),
    ],
)
def test_identifies(text: str, code: str) -> None:
    assert identify_language(text) == code


@pytest.mark.parametrize("text", ["", "   ", "2026", "Hello", "Größe", "🎉🎉"])
def test_too_little_text_is_undetermined(text: str) -> None:
    assert identify_language(text) == "und"


@given(st.text(max_size=200))
def test_always_gives_a_code(text: str) -> None:
    assert 2 <= len(identify_language(text)) <= 3


@pytest.mark.parametrize(
    ("declared", "code"),
    [
        ("en", "en"),
        ("en-US", "en"),
        ("EN_gb", "en"),
        (" eng ", "en"),
        ("English", "en"),
        ("zh-Hans-CN", "zh"),
        ("cmn", "zh"),
        ("ger", "de"),
        ("nb", "no"),
        ("iw", "he"),
        ("ga", "ga"),
        ("yue", "yue"),
        ("und", "und"),
        ("", "und"),
        ("?", "und"),
        ("klingonese", "und"),
    ],
)
def test_normalizes_declared_codes(declared: str, code: str) -> None:
    assert normalize_language(declared) == code


def test_the_model_is_loaded_once_however_many_threads_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    load = LanguageIdentifier.from_model_file
    loaded: list[LanguageIdentifier] = []

    def load_and_count(*args: Any, **kwargs: Any) -> LanguageIdentifier:
        loaded.append(load(*args, **kwargs))
        return loaded[-1]

    monkeypatch.setattr(LanguageIdentifier, "from_model_file", load_and_count)
    language._load_identifier.cache_clear()
    text = "A headline of ordinary length in English"
    with ThreadPoolExecutor(4) as threads:
        codes = set(threads.map(identify_language, [text] * 4))
    assert codes == {"en"}
    assert len(loaded) == 1
