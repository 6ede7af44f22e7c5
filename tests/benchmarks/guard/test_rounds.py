"""Test of real rounds: each ratio is measured, and what is told again takes less than what is made anew."""

import msgspec

from benchmarks.guard.command import RECORDED, RecordedRatios
from benchmarks.guard.rounds import open_rounds


async def test_rounds_measure_what_is_recorded() -> None:
    recorded = msgspec.json.decode(RECORDED.read_bytes(), type=RecordedRatios)
    async with open_rounds() as rounds:
        assert rounds.keys() == recorded.ratios.keys()
        ratios: dict[str, float] = {}
        for measure in dict.fromkeys(rounds.values()):
            ratios |= await measure(0)
    assert ratios.keys() == rounds.keys()
    assert min(ratios.values()) > 0
    # The searches are the same, but for what of them is kept.
    assert ratios["search told again, CPU"] < 0.5 * ratios["warm search, CPU"]
