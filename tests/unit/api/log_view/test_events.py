"""Records as JSON: all that they hold, in our names, and a line that says what each is about."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from api.log_view.events import UNDECODABLE, event_json, event_of, event_types, payload_of
from api.log_view.places import JOBS_PREFIX, concerning, in_order, newest_first, own_places, topics_shown, with_cuts
from api.log_view.summaries import MAX_CHARACTERS, summary_of
from schemas.codec import encode
from schemas.control import CancelRequested
from schemas.envelope import Position, Sealed
from schemas.generation import AttemptStarted
from schemas.outcome import ChunkMark
from schemas.picks import FlowLead, JobRead, LostPick, Pick, PickRules, Seen, TierWeight
from tests.generation_logs import TURN, chunk
from tests.record_strategies import any_record
from tests.unit.api.log_view.logged import ENVELOPE, START_MS, Written, bill, outcome, prompt
from tests.unit.api.memory_log import TOPICS
from topics.catalogue import CONVERSATION_EVENTS, GENERATION_OUTCOMES, MODERATION_VERDICTS, TOKEN_CHUNKS, USAGE_RECORDS
from topics.cuts import format_cut, parse_cut
from topics.log import RawRecord


@given(any_record())
def test_every_record_can_be_shown(record: Any) -> None:
    event = event_of(RawRecord(CONVERSATION_EVENTS, 0, 7, START_MS, b"k", encode(record)))
    shown = orjson.loads(orjson.dumps(event_json(event, "cut")))
    assert (shown["type"], shown["offset"], shown["asOf"]) == (type(record).__name__, 7, "cut")
    assert len(shown["payload"]) == len(record.__dataclass_fields__)
    assert all(re.fullmatch(r"[a-z][A-Za-z0-9]*", name) for name in shown["payload"])
    line = summary_of(record)
    assert len(line) <= MAX_CHARACTERS
    assert len(line.splitlines()) <= 1


def test_an_event_tells_where_when_and_what() -> None:
    log = Written()
    raw = log.add(CONVERSATION_EVENTS, prompt("two\nlines"))
    assert event_json(event_of(raw), "c") == {
        "topic": CONVERSATION_EVENTS,
        "partition": 0,
        "offset": 0,
        "type": "PromptSubmitted",
        "time": "2025-11-21T04:40:00.000Z",
        "occurredAt": "2025-11-21T04:40:00.000000Z",
        "size": len(raw.value or b""),
        "generationId": TURN.generation_id,
        "summary": "two lines",
        "payload": payload_of(prompt("two\nlines")),
        "asOf": "c",
    }
    payload = payload_of(prompt())
    assert payload["deadlineAt"] == "2025-11-21T04:41:00.000000Z"
    assert payload["envelope"]["occurredAt"] == "2025-11-21T04:40:00.000000Z"
    assert payload["tail"] == {"epoch": 0, "partition": 0, "offset": 0}


def test_a_chunk_has_its_workers_time_and_no_envelope() -> None:
    event = event_json(event_of(RawRecord(TOKEN_CHUNKS, 0, 0, START_MS, b"k", encode(chunk("a", 1, " Hi")))), "c")
    assert event["occurredAt"] == "1970-01-01T00:00:00.001001Z"
    assert (event["summary"], event["payload"]["delta"], event["payload"]["at"]) == ("Hi", " Hi", event["occurredAt"])


def test_what_is_sealed_or_damaged_is_only_named() -> None:
    sealed = replace(prompt(), content=Sealed("key-1", b"n", b"c"))
    assert payload_of(sealed)["content"] == {"sealedUnder": "key-1"}
    assert summary_of(sealed) == "sealed"
    damaged = event_of(RawRecord(TOKEN_CHUNKS, 0, 0, START_MS, b"k", b"\x00nonsense"))
    shown = event_json(damaged, "c")
    assert (shown["type"], shown["payload"], shown["generationId"]) == (UNDECODABLE, None, None)
    tombstone = event_json(event_of(RawRecord(TOKEN_CHUNKS, 0, 0, START_MS, b"k", None)), "c")
    assert (tombstone["type"], tombstone["size"]) == (UNDECODABLE, 0)


def test_a_type_without_a_summary_of_its_own_is_named() -> None:
    assert summary_of(CancelRequested(ENVELOPE, "g", "c", "r")) == "cancel requested"


def test_chunk_marks_are_short() -> None:
    assert payload_of(outcome([ChunkMark(4, 1, 99)]))["chunks"] == [[4, 1, 99]]


def test_the_types_are_those_of_the_topics_shown() -> None:
    types = event_types(TOPICS)
    assert {"PromptSubmitted", "TokenChunk", "GenerationCompleted", "UsageRecorded", UNDECODABLE} <= set(types)
    assert "ApiKeyCreated" not in types
    assert "CancelRequested" not in types


def test_bills_are_told_apart_by_their_conversation() -> None:
    concerns = concerning(TURN.conversation_id, TURN.user_id)
    log = Written()
    assert concerns(log.add(USAGE_RECORDS, bill(), key=TURN.user_id))
    assert not concerns(log.add(USAGE_RECORDS, bill("another"), key=TURN.user_id))
    assert not concerns(log.add(USAGE_RECORDS, bill(), key="other user"))
    assert concerns(log.add(CONVERSATION_EVENTS, prompt()))
    assert not concerns(log.add(CONVERSATION_EVENTS, prompt(), key="another"))


PLACES = own_places(TOPICS, "c", "u")
START = dict.fromkeys(PLACES, 0)


@given(st.lists(st.tuples(st.sampled_from(PLACES), st.integers(0, 5)), max_size=20), st.randoms())
def test_order_keeps_each_partition_and_every_cut_goes_on_exactly(written: list[Any], random: Any) -> None:
    """Whatever clocks do: read on from any event's cut, and the rest comes, once."""
    lengths: dict[Any, int] = {}
    records = []
    for place, at_ms in written:
        topic, partition = place
        offset = lengths.get(place, 0)
        lengths[place] = offset + 1
        records.append(RawRecord(topic, partition, offset, at_ms, b"", b""))
    random.shuffle(records)
    ordered = list(with_cuts(in_order(records, PLACES), START))
    keys = [key for key, _, _ in ordered]
    assert keys == sorted(keys)
    for place in PLACES:
        offsets = [raw.offset for _, raw, _ in ordered if (raw.topic, raw.partition) == place]
        assert offsets == sorted(offsets)
    for number, (_, _, text) in enumerate(ordered):
        cut = parse_cut(text)
        left = [raw for _, raw, _ in ordered if raw.offset >= cut[raw.topic, raw.partition]]
        assert left == [raw for _, raw, _ in ordered[number + 1 :]]
    backwards = [(key, raw, format_cut(cut)) for key, raw, cut in newest_first(in_order(records, PLACES), START)]
    assert backwards[::-1] == ordered


def test_of_one_millisecond_causes_come_before_what_follows_from_them() -> None:
    shown = topics_shown(TOPICS)
    records = [RawRecord(topic, 0, 0, START_MS, b"", b"") for topic in reversed(shown)]
    assert [raw.topic for _, raw in in_order(records, [(topic, 0) for topic in shown])] == shown
    assert shown[0] == CONVERSATION_EVENTS
    # A job names its verdict, which was durable before the job was sent.
    jobs = [at for at, topic in enumerate(shown) if topic.startswith(JOBS_PREFIX)]
    assert jobs and shown.index(MODERATION_VERDICTS) < min(jobs)
    assert shown.index(TOKEN_CHUNKS) < shown.index(GENERATION_OUTCOMES) < shown.index(USAGE_RECORDS)


def test_a_pick_tells_nothing_of_the_others_who_waited() -> None:
    theirs = FlowLead("interactive", "their tier", "their organisation", "another user", 7)
    place = JobRead("jobs.default.interactive", 1, 2)
    seen = Seen(reads=(JobRead("their jobs", 8, 9),), inherited=(theirs,))
    rules = PickRules(
        slots=4,
        user_limit=3,
        held_back=1,
        lowest_share=5,
        input_weight=1,
        output_weight=2,
        tiers=(TierWeight("their tier", 1000),),
    )
    pick = Pick(
        domain="d",
        reason="aged",
        number=3,
        job=place,
        charged=10,
        floor=11,
        work=12,
        weight_milli=8000,
        seen=seen,
        lost=(LostPick(number=2, job=JobRead("their jobs", 8, 8), seen=seen),),
        rules=rules,
    )
    started = AttemptStarted(
        envelope=ENVELOPE,
        turn=TURN,
        attempt_id="attempt",
        number=1,
        prompt_tokens=5,
        worker="worker",
        job=Position(0, 0, 0),
        pick=pick,
    )
    shown = payload_of(started)
    assert shown["pick"] == {
        "domain": "d",
        "number": 3,
        "reason": "aged",
        "job": {"topic": "jobs.default.interactive", "partition": 1, "offset": 2},
        "work": 12,
        "weightMilli": 8000,
    }
    assert not [word for word in ("their", "another user") if word in repr(shown)]
