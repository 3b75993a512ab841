"""One usage record a generation, whatever is delivered how often."""

from __future__ import annotations

from schemas.codec import encode
from schemas.envelope import Position
from streams.metering.reactor import usage_record
from tests.generation_logs import stopped
from tests.unit.streams.test_recorder import outcomes, whole


def test_the_record_says_what_the_outcome_cost() -> None:
    (outcome,) = outcomes(whole("g"))
    record = usage_record(outcome, Position(0, 1, 42))
    assert record.usage == outcome.usage
    assert (record.cost_micros, record.price_version) == (outcome.cost_micros, outcome.turn.price.version)
    assert record.cost_micros > 0
    assert (record.user_id, record.generation_id, record.outcome) == ("user", "g", Position(0, 1, 42))
    assert record.outcome_type == "GenerationCompleted"


def test_a_repeat_is_byte_identical() -> None:
    first, again = outcomes(whole("g")), outcomes(whole("g"))
    assert encode(usage_record(first[0], Position(0, 0, 1))) == encode(usage_record(again[0], Position(0, 0, 1)))


def test_another_outcome_of_the_same_generation_has_the_same_event_id() -> None:
    (completed,) = outcomes(whole("generation"))
    (cancelled,) = outcomes([stopped()])
    place = Position(0, 0, 1)
    assert usage_record(completed, place).envelope.event_id == usage_record(cancelled, place).envelope.event_id
