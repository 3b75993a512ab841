"""Which dead letters are open."""

from __future__ import annotations

from typing import Literal

from schemas.dead_letter import DeadLetter, DeadLetterResolved
from schemas.envelope import Envelope, Position
from topics.dead_letter_index import DeadLetterIndex, dead_letter_index
from topics.dead_letters import dead_letter_of


def letter(offset: int, consumer: str = "streams.metering") -> DeadLetter:
    return dead_letter_of(
        "generation-outcomes", 1, offset, b"k", b"v", [], consumer=consumer, error=ValueError("no"), at_us=5
    )


def resolved(offset: int, action: Literal["retried", "dropped"] = "retried") -> DeadLetterResolved:
    envelope = Envelope(f"resolved {offset}", 9, None, "c", "operator:ada")
    return DeadLetterResolved(envelope, Position(0, 0, offset), action, "note")


def box_of(*records: object) -> DeadLetterIndex:
    return dead_letter_index((0, offset, record) for offset, record in enumerate(records))


def test_a_letter_is_open_until_it_is_resolved() -> None:
    box = box_of(letter(7), letter(8), resolved(0, "dropped"))
    assert [(one.id, one.source) for one in box.select()] == [("0:1", "generation-outcomes:1@8")]
    first, second = box.select(resolved=True)
    assert (first.resolution is not None, second.resolution) == (True, None)


def test_the_same_record_parked_again_is_the_same_letter_until_it_is_resolved() -> None:
    box = box_of(letter(7), letter(7), resolved(1), letter(7))
    assert [(one.id, one.copies) for one in box.select(resolved=True)] == [("0:0", 2), ("0:3", 1)]
    assert [one.id for one in box.select()] == ["0:3"]
    assert box.find(0, 1) is box.find(0, 0)


def test_the_first_resolution_counts_and_one_of_no_letter_nothing() -> None:
    box = box_of(letter(7), resolved(0), resolved(0, "dropped"), resolved(99))
    found = box.find(0, 0)
    assert found is not None and found.resolution is not None and found.resolution.action == "retried"
    assert box.find(0, 1) is None


def test_letters_are_selected_by_topic_and_consumer() -> None:
    box = box_of(letter(7), letter(7, "streams.projections"))
    assert [one.consumer for one in box.select(consumer="streams.projections")] == ["streams.projections"]
    assert box.select(topic="control") == [] and len(box.select(topic="generation-outcomes")) == 2
