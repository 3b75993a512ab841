"""What the hub does with records that it cannot read: sealed ones, and those of a newer release."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import replace
from pathlib import Path

import pytest

import api.streaming.feed
import api.streaming.tail_hub
from api.http.errors import as_api_error
from api.streaming.sources import text_of
from api.streaming.tail_hub import TailHub
from infra.exits import newer_note
from infra.lifesign import LIFESIGN_VARIABLE
from schemas.codec import NewerRecord
from schemas.envelope import Sealed
from schemas.generation import TokenChunk
from schemas.registry import registered_schemas
from tests.unit.api.hubs import ARGS, Counter, SlowLog, hub_on
from tests.unit.api.memory_log import TOPICS, Attempt, MemoryLog, MemoryRecord
from tests.unit.api.turns import TURN
from topics.catalogue import TOKEN_CHUNKS

SEALED = TokenChunk(TURN.generation_id, "a1", 1, 1, 1, Sealed("key", b"n", b"?"))
NEWER = struct.pack(">bI", 0, max(registered_schemas()) + 1) + b"?"


def chunk_of(log: MemoryLog, record: TokenChunk) -> None:
    log.append(TOKEN_CHUNKS, TURN.conversation_id, record)


async def test_a_sealed_chunk_does_not_count_and_holds_up_its_own_feed_alone() -> None:
    log = MemoryLog()
    hub = hub_on(log)
    other_turn = replace(TURN, generation_id="another")
    feed, other = hub.open(*ARGS), hub.open("another", TURN.conversation_id, TURN.user_id)
    Attempt(log, TURN).start()
    reader = Attempt(log, other_turn).start()
    chunk_of(log, SEALED)
    reader.chunk("b").end()
    assert (text_of(feed), feed.lost, feed.ending) == ("", None, None)
    assert (text_of(other), other.lost, other.ending is not None) == ("b", None, True)


@pytest.mark.parametrize("held", [False, True])
async def test_a_look_back_over_sealed_content_holds_the_feed_not_for_ever(held: bool) -> None:
    log = SlowLog()
    hub = hub_on(log)
    attempt = Attempt(log, TURN).start()
    if not held:
        chunk_of(log, SEALED)
    feed = hub.open(*ARGS)
    filling = asyncio.gather(hub.refill(feed, TURN.tail), hub.refill(feed, TURN.tail))
    await asyncio.sleep(0)
    if held:
        chunk_of(log, SEALED)
    log.go.set()
    await filling
    attempt.chunk("plain")
    assert (text_of(feed), feed.lost) == ("plain", None)
    hub.close(feed)
    assert len(hub) == 0


async def test_whatever_a_record_does_to_one_feed_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    log = MemoryLog()
    hub = hub_on(log)
    feed, other = hub.open(*ARGS), hub.open("another", TURN.conversation_id, TURN.user_id)
    first = Attempt(log, TURN).start()
    second = Attempt(log, replace(TURN, generation_id="another")).start()

    def piece(delta: str) -> bytes:
        if delta == "bad":
            raise OverflowError
        return delta.encode()

    monkeypatch.setattr(api.streaming.feed, "piece", piece)
    first.chunk("bad")
    second.chunk("good")
    assert isinstance(feed.lost, OverflowError)
    assert (other.pieces, other.lost) == ([b"good"], None)


async def test_a_newer_record_of_a_running_answer_is_never_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(LIFESIGN_VARIABLE, str(tmp_path / "api.sign"))
    log = MemoryLog()
    hub = TailHub(TOPICS, log)
    feed, other, counter = hub.open(*ARGS), hub.open("another", "conversation", TURN.user_id), Counter()
    feed.listen(counter)
    Attempt(log, replace(TURN, generation_id="another", conversation_id="conversation")).start().chunk("b")
    records = [record for records in log.partitions.values() for record in records]
    newer = MemoryRecord((TOKEN_CHUNKS, 0, 99), TURN.conversation_id.encode(), NEWER)
    with pytest.raises(NewerRecord, match="upgrade"):
        hub.on_batch([newer, *records])
    assert isinstance(feed.lost, NewerRecord)
    assert counter.woken == 1
    assert (text_of(other), other.lost) == ("b", None)
    answer = as_api_error(feed.lost)
    assert (answer.status, answer.code) == (503, "newer_record")
    assert newer_note(tmp_path / "api.sign").read_text().startswith(f"{TOKEN_CHUNKS}:0@99: ")


async def test_a_newer_record_that_concerns_nobody_here_ends_nothing() -> None:
    log = MemoryLog()
    hub = hub_on(log)
    log.fire(TOKEN_CHUNKS, TURN.conversation_id, NEWER)
    feed = hub.open(*ARGS)
    Attempt(log, TURN).start().end()
    log.fire(TOKEN_CHUNKS, TURN.conversation_id, NEWER)
    assert (feed.lost, feed.ending is not None) == (None, True)


async def test_a_look_back_over_a_newer_record_ends_its_feed() -> None:
    log = MemoryLog()
    hub = hub_on(log)
    Attempt(log, TURN).start()
    log.fire(TOKEN_CHUNKS, TURN.conversation_id, NEWER)
    feed = hub.open(*ARGS)
    with pytest.raises(NewerRecord):
        await hub.refill(feed, TURN.tail)
    assert isinstance(feed.lost, NewerRecord)
