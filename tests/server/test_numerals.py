from decimal import Decimal

import pytest
from gistwire_server.numerals import find_numbers
from hypothesis import given
from hypothesis import strategies as st


def _claimed_values(text: str, language: str) -> list[set[Decimal]]:
    return [set(number.values) for number in find_numbers(text, language) if number.claimed]


@pytest.mark.parametrize(
    ("text", "language", "value"),
    [
        ("3,200,000", "en", "3200000"),
        ("3.2 million", "en", "3200000"),
        ("3.2 mln", "en", "3200000"),
        ("$3.2bn", "en", "3200000000"),
        ("1,234.50", "en", "1234.5"),
        ("5 pct", "en", "5"),
        ("5%", "en", "5"),
        ("Rs500", "en", "500"),
        ("21st", "en", "21"),
        ("third", "en", "3"),
        ("the 1990s", "en", "1990"),
        ("twenty-five", "en", "25"),
        ("two hundred and fifty thousand", "en", "250000"),
        ("two dozen", "en", "24"),
        ("1,00,000", "en", "100000"),
        ("3 lakh", "en", "300000"),
        ("5 cr", "en", "50000000"),
        ("41,6 Millionen", "de", "41600000"),
        ("1.234.567,8", "de", "1234567.8"),
        ("dreißig", "de", "30"),
        ("2,7 millones", "es", "2700000"),
        ("dos mil", "es", "2000"),
        ("3,2 milliards", "fr", "3200000000"),
        ("1 234 567", "fr", "1234567"),
        ("cinque", "it", "5"),
        ("três", "pt", "3"),
        ("三百二十万", "zh", "3200000"),
        ("3.2万", "zh", "32000"),
        ("３２０万", "zh", "3200000"),
        ("1亿2000万元", "zh", "120000000"),
        ("3万亿", "zh", "3000000000000"),
        ("二〇〇八年", "zh", "2008"),
        ("第三次", "zh", "3"),
        ("百分之五", "zh", "5"),
    ],
)
def test_reads_what_a_number_amounts_to(text: str, language: str, value: str) -> None:
    assert _claimed_values(text, language) == [{Decimal(value)}]


@pytest.mark.parametrize(
    ("text", "language", "values"),
    [
        ("3m", "en", [{"3", "3000000"}]),
        ("3 to 4 million", "en", [{"3", "3000000"}, {"4000000"}]),
        ("2004-05", "en", [{"2004"}, {"5", "2005"}]),
        ("'87", "en", [{"87", "1987", "2087"}]),
        ("12.05.2004", "de", [{"12"}, {"5"}, {"2004"}]),
        ("1.234", "und", [{"1234", "1.234"}]),
        ("10:30", "en", [{"10"}, {"30"}]),
    ],
)
def test_gives_every_reading_of_an_ambiguous_notation(
    text: str, language: str, values: list[set[str]]
) -> None:
    assert _claimed_values(text, language) == [{Decimal(value) for value in each} for each in values]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("one of them", "en"),
        ("a second later", "en"),
        ("thousands fled", "en"),
        ("un homme neuf", "fr"),
        ("ein Mann", "de"),
        ("统一", "zh"),
        ("十分高兴", "zh"),
        ("千万不要", "zh"),
        ("万一", "zh"),
        ("四川", "zh"),
    ],
)
def test_claims_no_number_for_words_that_mean_something_else(text: str, language: str) -> None:
    assert _claimed_values(text, language) == []


@given(st.integers(0, 10**12))
def test_grouping_changes_no_value(value: int) -> None:
    assert _claimed_values(f"{value:,}", "en") == [{Decimal(value)}]
    assert _claimed_values(f"{value:,}".replace(",", "."), "de") == [{Decimal(value)}]
    assert _claimed_values(f"{value:,}".replace(",", " "), "fr") == [{Decimal(value)}]


@given(
    st.text("0123456789.,' -一二十百万亿million'mbnkto", max_size=60),
    st.sampled_from(["en", "de", "zh", "und"]),
)
def test_reads_any_text(text: str, language: str) -> None:
    for number in find_numbers(text, language):
        assert number.text
        assert all(value.is_finite() and value >= 0 for value in number.values)
