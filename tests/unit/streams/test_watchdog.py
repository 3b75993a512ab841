"""Turns that nobody ends are ended once their time is over; all others are left alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas import ids
from schemas.conversation import ChatMessage, Request
from schemas.price import Price
from streams.watchdog.reactor import OpenTurns, expiry
from tests.records import CAUSE, NOW_US, prompt, regenerate, stateless

PRICE = Price("v", "USD", 1, 1, 1)
MARGIN_US = 5_000_000


def named(number: int, deadline_s: int) -> str:
    return f"{number}/{deadline_s}"


def test_an_open_turn_is_due_after_deadline_and_margin() -> None:
    turns = OpenTurns(MARGIN_US)
    command = prompt()
    assert turns.began(command, CAUSE, PRICE)
    assert turns.due(command.deadline_at_us + MARGIN_US - 1, 10) == []
    (watched,) = turns.due(command.deadline_at_us + MARGIN_US, 10)
    end = expiry(watched, NOW_US)
    assert (end.reason, end.turn.generation_id, end.turn.cause) == ("expired", "generation", CAUSE)
    assert end.failure is not None and end.failure.retryable


def test_an_ended_turn_is_never_due_and_a_late_command_of_it_opens_nothing() -> None:
    turns = OpenTurns(MARGIN_US)
    turns.began(prompt(), CAUSE, PRICE)
    assert turns.ended("generation")
    assert turns.due(NOW_US * 2, 10) == []
    assert not turns.began(prompt(), CAUSE, PRICE)


def test_an_outcome_read_before_its_command_counts() -> None:
    turns = OpenTurns(MARGIN_US)
    assert not turns.ended("generation")
    assert not turns.began(prompt(), CAUSE, PRICE)


def test_a_turn_is_looked_at_again_until_it_has_ended() -> None:
    turns = OpenTurns(MARGIN_US)
    turns.began(prompt(), CAUSE, PRICE)
    (watched,) = turns.due(NOW_US * 2, 10)
    turns.later(watched, NOW_US * 3)
    assert turns.due(NOW_US * 2, 10) == []
    assert turns.due(NOW_US * 3, 10) == [watched]
    turns.ended("generation")
    turns.later(watched, NOW_US * 3)
    assert turns.due(NOW_US * 4, 10) == []


def test_a_regeneration_is_watched_under_its_own_command() -> None:
    turns = OpenTurns(MARGIN_US)
    turns.began(regenerate(), CAUSE, PRICE)
    (watched,) = turns.due(NOW_US * 2, 10)
    assert (watched.turn.message_id, watched.turn.prompt_message_id) == ("command", "message")


def test_each_of_several_answers_is_watched_and_ended_by_itself() -> None:
    turns = OpenTurns(0)
    several = stateless(ChatMessage("user", "hello"), request=Request(choices=3))
    first, *others = turns.began(several, CAUSE, PRICE)
    assert (first, others) == ("generation", [ids.choice_id("message", 1), ids.choice_id("message", 2)])
    turns.ended(others[0])
    due = turns.due(NOW_US * 2, 10)
    assert {watched.turn.generation_id: watched.turn.choice for watched in due} == {first: 0, others[1]: 2}
    assert len({expiry(watched, NOW_US).envelope.event_id for watched in due}) == 2
    assert turns.began(several, CAUSE, PRICE) == (first, others[1])


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 100), st.booleans())), st.integers(0, 120))
def test_exactly_the_open_and_overdue_are_due(steps: list[tuple[int, int, bool]], now_s: int) -> None:
    turns = OpenTurns(0)
    open_turns: dict[str, int] = {}
    ended: set[str] = set()
    for number, deadline_s, ends in steps:
        generation = str(number)
        if ends:
            turns.ended(generation)
            open_turns.pop(generation, None)
            ended.add(generation)
        else:
            began = turns.began(prompt(generation_id=generation, deadline_at_us=deadline_s), CAUSE, PRICE)
            assert began == (() if generation in ended else (generation,))
            if began:
                open_turns.setdefault(generation, deadline_s)
    due = [watched.turn.generation_id for watched in turns.due(now_s, 1000)]
    assert sorted(due) == sorted(name for name, deadline_s in open_turns.items() if deadline_s <= now_s)
    assert len(turns) == len(open_turns)
