"""A conversation of another product: shown with its last record, in the list where it was left, in its old order."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from projections.conversation_lists.fold import day_of, fold
from projections.replay.as_of import Past, PastConversation
from schemas.conversation import AppendedMessage, ChatMessage, ConversationStarted, MessagesAppended
from schemas.envelope import Position
from schemas.turns import IMPORTS
from tests.fakes.projection_logs import TOPICS, LogBuilder, Placed
from tests.fakes.projection_records import AT, envelope, prompt, started
from tests.fakes.replayed import raw

THEN = AT - 400 * 86_400_000_000


def imported(n: int, parent: str | None, at_us: int, *texts: str) -> MessagesAppended:
    return MessagesAppended(
        envelope=replace(envelope(f"import {n}", at_us), actor=IMPORTS),
        conversation_id="c",
        user_id="ada",
        parent_message_id=parent,
        messages=tuple(
            AppendedMessage(message_id=f"m{n}.{k}", message=ChatMessage("user", text), at_us=at_us)
            for k, text in enumerate(texts)
        ),
    )


def listing(at_us: int) -> ConversationStarted:
    made = started("c", at_us=at_us, title="Rivers")
    return replace(made, envelope=replace(made.envelope, actor=IMPORTS))


def past_of(log: list[Placed]) -> PastConversation:
    past = Past(TOPICS)
    for placed in log:
        past.take(raw(placed))
    return past.conversation("c")


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_it_is_shown_with_its_last_record_whichever_is_seen_first(order: tuple[int, ...]) -> None:
    log = LogBuilder()
    for record in (imported(1, None, THEN, "one", "two"), imported(2, "m1.0", THEN + 5, "three"), listing(THEN + 9)):
        log.said(record)
    assert past_of(log.placed[:1]).row is None
    assert past_of(log.placed[:2]).messages == ()
    found = past_of([log.placed[number] for number in order])
    assert found.row is not None
    assert (found.row.title, found.row.user_id, found.row.preview) == ("Rivers", "ada", "three")
    assert (found.row.created_at_us, found.row.updated_at_us) == (THEN, THEN + 9)
    assert [(each.message_id, each.parent_message_id) for each in found.messages] == [
        ("m1.0", None),
        ("m1.1", "m1.0"),
        ("m2.0", "m1.0"),
    ]


def test_it_stands_in_the_list_on_the_day_on_which_it_was_left() -> None:
    assert fold(imported(1, None, THEN, "one"), Position(0, 0, 0)) == ()
    (listed,) = fold(listing(THEN), Position(0, 0, 1))
    assert listed.key == ("ada", day_of(THEN), "c")


def test_what_is_said_in_it_here_moves_it_to_the_front() -> None:
    log = LogBuilder()
    log.said(imported(1, None, THEN, "one"))
    log.said(listing(THEN))
    log.said(prompt("c", "k", parent="m1.0", content="And now?"))
    row = past_of(log.placed).row
    assert row is not None
    assert (row.created_at_us, row.updated_at_us, row.preview) == (THEN, AT, "And now?")
