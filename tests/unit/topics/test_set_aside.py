from __future__ import annotations

from dataclasses import replace

from schemas.codec import encode
from schemas.dead_letter import DeadLetter
from schemas.envelope import Envelope
from schemas.registry import registered_schemas
from topics.dead_letters import dead_letter_of
from topics.set_aside import SET_ASIDE, SetAside, sets_aside

PLACE = ("token-chunks", 0, 7)
LETTER = dead_letter_of(
    *PLACE, b"c", b"whatever", [], consumer="streams.recorder", error=SetAside("an operator's word"), at_us=1
)


def test_a_letter_of_its_kind_sets_its_place_aside() -> None:
    assert LETTER.error_type == SET_ASIDE
    assert sets_aside(encode(LETTER), *PLACE)
    for other in (("token-chunks", 0, 8), ("token-chunks", 1, 7), ("control", 0, 7)):
        assert not sets_aside(encode(LETTER), *other)


def test_no_other_letter_does() -> None:
    tried: DeadLetter = replace(LETTER, error_type="UndecodableRecord")
    assert not sets_aside(encode(tried), *PLACE)
    newer = b"\0" + (max(registered_schemas()) + 1).to_bytes(4, "big")
    for value in (None, b"", newer, encode(LETTER)[:-3]):
        assert not sets_aside(value, *PLACE)


def test_its_id_is_that_of_the_consumers_own_letter() -> None:
    own = dead_letter_of(*PLACE, b"c", None, [], consumer="streams.recorder", error=ValueError("x"), at_us=2)
    assert isinstance(LETTER.envelope, Envelope)
    assert own.envelope.event_id == LETTER.envelope.event_id
