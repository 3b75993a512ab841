"""Commands and outcomes are acknowledged so that a restart reads every open turn again, and what ended the others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.watchdog.held import Acknowledge, HeldAcknowledgements


class Log:
    """Notes what is acknowledged."""

    def __init__(self) -> None:
        self.acknowledged: list[str] = []

    def ack(self, name: str) -> Acknowledge:
        return lambda: self.acknowledged.append(name)


def test_a_turn_holds_its_command_and_all_later_ones_of_its_partition() -> None:
    log, held = Log(), HeldAcknowledgements()
    held.began(0, 1, ["a"], log.ack("a"))
    held.began(0, 2, ["b"], log.ack("b"))
    held.began(1, 1, ["c"], log.ack("c"))
    held.ended("b", log.ack("b's outcome"))
    held.ended("c", log.ack("c's outcome"))
    assert log.acknowledged == ["c", "c's outcome"]
    held.ended("a", log.ack("a's outcome"))
    assert log.acknowledged[2:] == ["a", "a's outcome", "b", "b's outcome"]
    assert len(held) == 0


def test_the_outcome_of_what_is_not_held_is_acknowledged_at_once() -> None:
    log, held = Log(), HeldAcknowledgements()
    held.ended("unknown", log.ack("outcome"))
    held.ended("unknown")
    assert log.acknowledged == ["outcome"]


def test_a_command_whose_turn_is_over_waits_only_for_earlier_ones() -> None:
    log, held = Log(), HeldAcknowledgements()
    held.began(0, 1, ["open"], log.ack("open"))
    held.began(0, 2, [], log.ack("over"))
    assert log.acknowledged == []
    held.ended("open")
    assert log.acknowledged == ["open", "over"]


def test_a_turn_asked_for_twice_releases_both_commands() -> None:
    log, held = Log(), HeldAcknowledgements()
    held.began(0, 1, ["a"], log.ack("first"))
    held.began(0, 2, ["a"], log.ack("second"))
    held.ended("a", log.ack("outcome"))
    assert log.acknowledged == ["first", "second", "outcome"]
    assert len(held) == 0


def test_a_command_of_several_turns_is_held_until_the_last_of_them_is_over() -> None:
    log, held = Log(), HeldAcknowledgements()
    held.began(0, 1, ["a", "b", "c"], log.ack("command"))
    held.ended("b", log.ack("outcome b"))
    held.ended("a", log.ack("outcome a"))
    assert (log.acknowledged, len(held)) == ([], 1)
    held.ended("c", log.ack("outcome c"))
    assert log.acknowledged == ["command", "outcome b", "outcome a", "outcome c"]
    assert len(held) == 0
    held.ended("a", log.ack("again"))
    assert log.acknowledged[-1] == "again"


def test_a_partition_read_again_replaces_what_was_held_of_it() -> None:
    log, held = Log(), HeldAcknowledgements()
    held.began(0, 1, ["a"], log.ack("old a"))
    held.began(0, 2, ["b"], log.ack("old b"))
    held.began(0, 1, ["a"], log.ack("new a"))
    held.began(0, 2, ["b"], log.ack("new b"))
    held.ended("a", log.ack("outcome"))
    assert log.acknowledged == ["new a", "outcome"]
    assert len(held) == 1


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 6), st.booleans()), max_size=60))
def test_no_command_is_acknowledged_before_an_earlier_open_one(steps: list[tuple[int, int, bool]]) -> None:
    log, held = Log(), HeldAcknowledgements()
    commands: list[tuple[int, str]] = []
    over: set[str] = set()
    for offset, (partition, number, ends) in enumerate(steps):
        generation = f"g{number}"
        if ends:
            held.ended(generation)
            over.add(generation)
        else:
            commands.append((partition, generation))
            running = [] if generation in over else [generation]
            held.began(partition, offset, running, log.ack(f"{len(commands) - 1}"))
        acknowledged = {int(name) for name in log.acknowledged}
        for partition_ in range(3):
            mine = [index for index, (where, _) in enumerate(commands) if where == partition_]
            prefix = next((i for i, index in enumerate(mine) if commands[index][1] not in over), len(mine))
            assert acknowledged & set(mine) == set(mine[:prefix])
    assert len(log.acknowledged) == len(set(log.acknowledged))
