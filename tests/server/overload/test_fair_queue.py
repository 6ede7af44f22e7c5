"""Tests of `FairQueue`: shares in proportion to weights, order within a flow, and no way to gain by asking often."""

from collections import Counter

from gistwire_server.overload.fair_queue import FairQueue
from hypothesis import given
from hypothesis import strategies as st

FLOWS = ("ada", "bob", "cyn")


def drain(queue: FairQueue[str], count: int) -> list[str]:
    taken = []
    for _ in range(count):
        entry = queue.peek()
        assert entry is not None
        queue.take(entry)
        taken.append(entry.item)
    return taken


def test_a_flow_keeps_its_order() -> None:
    queue: FairQueue[str] = FairQueue()
    for number in range(5):
        queue.push("ada", str(number), cost=1)
    assert drain(queue, 5) == list("01234")


def test_who_asks_once_does_not_wait_for_who_asked_a_hundred_times() -> None:
    queue: FairQueue[str] = FairQueue()
    for _ in range(100):
        queue.push("greedy", "greedy", cost=1)
    drain(queue, 3)
    assert len(queue.before("modest")) <= 1
    queue.push("modest", "modest", cost=1)
    assert "modest" in drain(queue, 2)


def test_shares_follow_weights_and_costs() -> None:
    queue: FairQueue[str] = FairQueue()
    for _ in range(200):
        queue.push("heavy", "heavy", cost=1, weight=3)
        queue.push("light", "light", cost=1, weight=1)
        queue.push("costly", "costly", cost=4, weight=1)
    taken = Counter(drain(queue, 170))
    # In virtual time a heavy call takes 1/3, a light one 1, a costly one 4.
    assert abs(taken["heavy"] - 3 * taken["light"]) <= 3
    assert abs(taken["light"] - 4 * taken["costly"]) <= 4


def test_an_idle_time_saves_up_nothing_and_owes_nothing() -> None:
    queue: FairQueue[str] = FairQueue()
    for _ in range(50):
        queue.push("ada", "ada", cost=1)
    drain(queue, 50)
    queue.push("ada", "ada", cost=1)
    queue.push("bob", "bob", cost=1)
    assert drain(queue, 2) == ["ada", "bob"]


def test_the_longest_flow_gives_way() -> None:
    queue: FairQueue[str] = FairQueue()
    for number in range(3):
        queue.push("ada", f"ada {number}", cost=1)
    queue.push("bob", "bob", cost=1)
    entry = queue.last_of_longest_flow()
    assert entry is not None
    assert entry.item == "ada 2"
    queue.remove(entry)
    queue.remove(entry)
    assert len(queue) == 3
    assert queue.waiting("ada") == 2
    assert sorted(each.item for each in queue) == ["ada 0", "ada 1", "bob"]


@given(
    arrivals=st.lists(
        st.tuples(st.sampled_from(FLOWS), st.floats(0.02, 10), st.booleans()), min_size=1, max_size=120
    )
)
def test_whatever_comes_all_are_served_once_and_flows_in_order(
    arrivals: list[tuple[str, float, bool]],
) -> None:
    queue: FairQueue[int] = FairQueue()
    served: list[int] = []
    for number, (flow, cost, serve) in enumerate(arrivals):
        queue.push(flow, number, cost=cost)
        if serve:
            entry = queue.peek()
            assert entry is not None
            queue.take(entry)
            served.append(entry.item)
    while (entry := queue.peek()) is not None:
        queue.take(entry)
        served.append(entry.item)
    assert sorted(served) == list(range(len(arrivals)))
    for flow in FLOWS:
        of_flow = [number for number in served if arrivals[number][0] == flow]
        assert of_flow == sorted(of_flow)
    assert len(queue) == 0


@given(costs=st.lists(st.floats(0.1, 5), min_size=20, max_size=60))
def test_of_two_who_always_wait_none_gets_ahead_by_more_than_a_call(costs: list[float]) -> None:
    queue: FairQueue[tuple[str, float]] = FairQueue()
    for cost in costs:
        queue.push("ada", ("ada", cost), cost=cost)
        queue.push("bob", ("bob", 1.0), cost=1.0)
    got = {"ada": 0.0, "bob": 0.0}
    while queue.waiting("ada") and queue.waiting("bob"):
        entry = queue.peek()
        assert entry is not None
        queue.take(entry)
        flow, cost = entry.item
        got[flow] += cost
        assert abs(got["ada"] - got["bob"]) <= max(costs) + 1.0 + 1e-6
