import pytest
from gistwire_server.digests.number_claims import contradict, find_number_claims
from gistwire_server.text_overlap import normalize
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("sentence", "language", "claims"),
    [
        ("The quake killed 12 people.", "en", [("12", "peopl", "kill")]),
        ("The quake killed twelve people.", "en", [("twelve", "peopl", "kill")]),
        ("Sales rose 12.5 percent.", "en", [("12.5", "%", "rose")]),
        ("Sales rose 12.5% in May.", "en", [("12.5", "%", "rose")]),
        ("It cost $3 million.", "en", [("3 million", "$", "cost")]),
        ("It cost $ 3 million.", "en", [("3 million", "$", "cost")]),
        ("地震造成15人死亡。", "zh", [("15", "人死", "造成")]),
        ("销量增长3.5%。", "zh", [("3.5", "%", "增长")]),
        ("Nothing is counted here.", "en", []),
    ],
)
def test_what_numbers_count(sentence: str, language: str, claims: list[tuple[str, str, str]]) -> None:
    found = find_number_claims(sentence, language)
    assert [(each.text, each.unit, each.before) for each in found] == claims
    plain = normalize(sentence)
    assert all(plain[each.start : each.end].casefold() == each.text for each in found)
    assert all(each.is_exact for each in found)


@pytest.mark.parametrize(
    "sentence",
    [
        "The quake killed about 12 people.",
        "The quake killed more than 12 people.",
        "The quake killed up to 12 people.",
        "The quake killed a further 12 people.",
        "The quake killed 12 or so people.",
        "The quake killed 12 to 15 people.",
        "They won 12-3 against Grayle.",
        "It fell on the 12th floor.",
        "It cost about $12.",
        "地震造成约12人死亡。",
        "地震造成12多人死亡。",
        "地震造成至少12人死亡。",
        "比赛于12月举行。",
    ],
)
def test_estimates_ranges_and_parts_are_not_exact(sentence: str) -> None:
    first, *_ = find_number_claims(sentence, "zh" if sentence[0] > "z" else "en")
    assert not first.is_exact


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("12 people", "15 people", True),
        ("12 people", "twelve people", False),
        ("100 people", "101 people", True),
        ("10 people", "12 people", True),
        ("3.2 million people", "3.15 million people", False),
        ("3.2 million people", "3.2 million people", False),
        ("3.2 million people", "3.4 million people", True),
        ("12,300 people", "12,000 people", False),
        ("12,300 people", "13,000 people", False),
        ("12,300 people", "14,000 people", True),
        ("about 12 people", "15 people", False),
    ],
)
def test_which_numbers_contradict(one: str, other: str, *, expected: bool) -> None:
    (first,) = find_number_claims(one, "en")
    (second,) = find_number_claims(other, "en")
    assert contradict(first, second) is expected
    assert contradict(second, first) is expected


@given(
    st.text(alphabet="0123456789.,% $-/toabmilon 十百万亿人多", max_size=80),
    st.sampled_from(["en", "zh", "de"]),
)
def test_any_text_is_read(text: str, language: str) -> None:
    for claim in find_number_claims(text, language):
        assert 0 <= claim.start < claim.end
        assert claim.values
