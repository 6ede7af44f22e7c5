"""`python -m benchmarks guard`."""

import asyncio
import statistics
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from benchmarks.guard.decision import Judgement, Verdict, judge, judge_again
from benchmarks.guard.rounds import ROUNDS, GuardMeasurementError, Round, open_rounds
from benchmarks.help import examples
from benchmarks.machine import cpu_identity, describe_machine

RECORDED = Path(__file__).parents[1] / "recorded_ratios.json"
"""What ratios are compared with."""

TOLERANCE = 1.15
"""By what a ratio may have grown on a CPU like the one that recorded it. There the medians of unbroken runs lay 4 to
10 % from each other, and the lower ends of their intervals below the recorded ratio."""

FOREIGN_TOLERANCE = 1.6
"""The same on another: Python's part and the models' parts of a search are not equally fast on all CPUs."""

LOST_STATUS = 1
UNCLEAR_STATUS = 3


class RecordedRatios(msgspec.Struct, frozen=True):
    """What `--record` wrote.

    Attributes:
        machine: which it was, with the versions of what does the work.
        cpu: `cpu_identity` of it.
        date: when.
        ratios: median of the rounds, by name.
    """

    machine: str
    cpu: str
    date: str
    ratios: dict[str, float]


@click.command(epilog=examples("guard", "guard --record"))
@click.option("--record", is_flag=True, help="Write what is measured as what later runs are compared with.")
def guard(*, record: bool) -> None:
    """Compare what the server takes, beside what lies under it, with recorded ratios.

    Ends with status 1 if a ratio was lost twice, with 3 if the machine is too noisy to tell, else with 0.
    """
    try:
        if record:
            _record(asyncio.run(_measure_all()))
            return
        recorded = msgspec.json.decode(RECORDED.read_bytes(), type=RecordedRatios)
        verdicts = asyncio.run(_compare(recorded))
    except GuardMeasurementError as error:
        raise click.ClickException(str(error)) from error
    if lost := [name for name, verdict in verdicts.items() if verdict is Verdict.LOST]:
        print(f"lost, twice: {', '.join(lost)}")
        sys.exit(LOST_STATUS)
    if unclear := [name for name, verdict in verdicts.items() if verdict is Verdict.UNCLEAR]:
        print(f"the machine is too noisy to tell: {', '.join(unclear)}")
        sys.exit(UNCLEAR_STATUS)


async def _measure_all() -> dict[str, list[float]]:
    async with open_rounds() as rounds:
        return await _measure(rounds, tuple(rounds), first=0)


async def _compare(recorded: RecordedRatios) -> dict[str, Verdict]:
    machine = describe_machine()
    tolerance = TOLERANCE if recorded.cpu == cpu_identity() else FOREIGN_TOLERANCE
    print(f"{machine}\nrecorded on {recorded.date} on {recorded.machine}; tolerance × {tolerance}")
    async with open_rounds() as rounds:
        if unknown := rounds.keys() ^ recorded.ratios.keys():
            raise GuardMeasurementError(f"record again: {', '.join(sorted(unknown))} is not on both sides")

        async def judged(names: Sequence[str], first: int) -> dict[str, Verdict]:
            verdicts = {}
            for name, ratios in (await _measure(rounds, names, first=first)).items():
                judgement = judge(ratios, recorded.ratios[name], tolerance=tolerance)
                _print_judgement(name, judgement, recorded.ratios[name])
                verdicts[name] = judgement.verdict
            return verdicts

        verdicts = await judged(tuple(rounds), 0)
        if doubted := [name for name, verdict in verdicts.items() if verdict is not Verdict.HELD]:
            print("again:")
            for name, second in (await judged(doubted, ROUNDS)).items():
                verdicts[name] = judge_again(verdicts[name], second)
    return verdicts


async def _measure(
    rounds: Mapping[str, Round], names: Sequence[str], *, first: int
) -> dict[str, list[float]]:
    """The ratios of these names, of so many rounds from a number on, in which all take turns."""
    measured: dict[str, list[float]] = {name: [] for name in names}
    wanted = dict.fromkeys(rounds[name] for name in names)
    for number in range(first, first + ROUNDS):
        for measure in wanted:
            for name, ratio in (await measure(number)).items():
                if name in measured:
                    measured[name].append(ratio)
    return measured


def _record(measured: Mapping[str, Sequence[float]]) -> None:
    medians = {name: round(statistics.median(ratios), 3) for name, ratios in measured.items()}
    recorded = RecordedRatios(
        describe_machine(), cpu_identity(), datetime.now(UTC).date().isoformat(), medians
    )
    RECORDED.write_bytes(msgspec.json.format(msgspec.json.encode(recorded)) + b"\n")
    for name, ratio in medians.items():
        print(f"  {name:20} {ratio:6.2f}")


def _print_judgement(name: str, judgement: Judgement, recorded: float) -> None:
    print(
        f"  {name:20} {judgement.median:6.2f}   99 % {judgement.low:6.2f} to {judgement.high:6.2f}   "
        f"recorded {recorded:6.2f}, tolerated {judgement.limit:6.2f}   {judgement.verdict.value}",
        flush=True,
    )
