"""A topic decodes its own records as the codec does, and refuses those of others."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from schemas.codec import MisplacedRecord, NewerRecord, UndecodableRecord, decode, encode
from schemas.control import CancelRequested
from schemas.registry import registered_schemas
from tests.generation_logs import chunk, envelope
from tests.record_strategies import any_record
from topics import catalogue
from topics.catalogue import CONTROL, TOKEN_CHUNKS, jobs_topic
from topics.topic import Topic

NAMED: list[Topic[Any]] = [value for value in vars(catalogue).values() if isinstance(value, Topic)]
TOPICS = [*NAMED, jobs_topic("default", "interactive")]
BELL = CancelRequested(envelope(), "g", "c", "cancelled")


@given(any_record())
def test_every_topic_takes_its_own_records_and_no_others(record: Any) -> None:
    value = encode(record)
    for topic in TOPICS:
        if type(record) in topic.record_types:
            assert topic.decode(value) == decode(value) == record
        else:
            with pytest.raises(MisplacedRecord, match=f"{type(record).__name__} does not belong in {topic}"):
                topic.decode(value)


@pytest.mark.parametrize("value", [None, b"", b"\0\0", b"plain text", encode(chunk("g", 1, "a"))[:-1]])
def test_damage_is_damage_in_every_topic(value: bytes | None) -> None:
    for topic in (TOKEN_CHUNKS, CONTROL):
        with pytest.raises(UndecodableRecord) as here:
            topic.decode(value)
        with pytest.raises(UndecodableRecord) as anywhere:
            decode(value)
        assert str(here.value) == str(anywhere.value) and type(here.value) is UndecodableRecord


def test_a_chunk_with_damaged_text_is_told_as_such() -> None:
    value = encode(chunk("g", 1, "a"))
    assert TOKEN_CHUNKS.decode(value) == chunk("g", 1, "a")
    at = value.rindex(b"a")
    for read in (TOKEN_CHUNKS.decode, decode):
        with pytest.raises(UndecodableRecord, match="does not fit TokenChunk"):
            read(value[:at] + b"\xff" + value[at + 1 :])


def test_a_record_of_a_newer_release_is_newer_in_every_topic() -> None:
    newer = b"\0" + (max(registered_schemas()) + 1).to_bytes(4, "big") + b"of tomorrow"
    for topic in (TOKEN_CHUNKS, CONTROL):
        with pytest.raises(NewerRecord):
            topic.decode(newer)
    assert CONTROL.decode(encode(BELL)) == BELL
