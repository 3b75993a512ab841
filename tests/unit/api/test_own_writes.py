"""What this process remembers of its own writes, and what a request hash is of."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from api.consistency.own_writes import OwnWrites
from api.consistency.request_hash import request_hash
from schemas.envelope import Position
from tests.unit.api.turns import CONVERSATION, TURN, USER


def test_the_newest_write_is_what_reads_should_show() -> None:
    writes = OwnWrites()
    started = writes.started(CONVERSATION, USER, "m", Position(0, 1, 5))
    assert str(started) == "conversation-events/1/5"
    writes.wrote(CONVERSATION, USER, Position(0, 1, 9))
    writes.finished(CONVERSATION, TURN.generation_id)
    assert str(writes.seen(CONVERSATION)) == f"conversation-events/1/9,generation/{TURN.generation_id}"
    written = writes.find(CONVERSATION)
    assert written is not None
    assert (written.started, written.model, written.user_id, written.deleted) == (True, "m", USER, False)
    writes.deleted(CONVERSATION, USER, Position(0, 1, 10))
    gone = writes.find(CONVERSATION)
    assert gone is not None
    assert gone.deleted


def test_nothing_is_known_of_others() -> None:
    writes = OwnWrites()
    writes.finished(CONVERSATION, TURN.generation_id)
    assert writes.find(CONVERSATION) is None
    assert not writes.seen(CONVERSATION)


def test_the_oldest_is_forgotten_first() -> None:
    writes = OwnWrites(most=2)
    for name in ("a", "b", "a", "c"):
        writes.wrote(name, USER, Position(0, 0, 1))
    assert [writes.find(name) is not None for name in "abc"] == [True, False, True]


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text("abc", max_size=3), values, max_size=4))
def test_a_hash_is_of_what_is_asked_and_not_of_its_order(body: dict[str, object]) -> None:
    shuffled = dict(reversed(list(body.items())))
    assert request_hash("c", body) == request_hash("c", shuffled)
    assert request_hash("c", body) != request_hash("d", body)
    assert request_hash("c", body) != request_hash("c", {**body, "more": 1})
