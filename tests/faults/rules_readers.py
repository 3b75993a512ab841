"""What every reader must have got: I3, I4, I5, I12, I14. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from schemas.envelope import plain
from schemas.generation import AttemptEnded
from schemas.parts import stream_digest
from tests.faults.accepted import Accepted, kind_of
from tests.faults.evidence import Cut, Frame, GaveUp, Misread, Transcript, Violation
from tests.faults.facts import Facts
from tests.faults.rules_json import is_whole

START, CHUNK, ENDS = "message_start", "content_chunk", ("message_end", "error")
CHUNKS: Mapping[str, tuple[str, ...]] = {
    CHUNK: ("text", "refusal"),
    "reasoning_chunk": ("reasoning",),
    "tool_call": ("tool_call",),
    "tool_call_chunk": ("tool_call",),
}
"""The events that show a chunk, and of which kinds of parts."""


def in_sequence(facts: Facts) -> Iterator[Violation]:
    """I3 and I12: over all its connections a reader gets 0, 1, … n + 1, each once, and nothing after the end."""
    for reader, entries in facts.readers.items():
        due, ended = 0, False
        for entry in entries:
            if isinstance(entry, Cut):
                if 0 < due <= entry.after:
                    yield Violation(
                        "I3", reader, f"it went on after frame {entry.after}, the last it got was {due - 1}"
                    )
                due = entry.after + 1
                continue
            subject = f"{entry.generation_id} ({reader})"
            if ended:
                yield Violation("I12", subject, f"frame {entry.seq} ({entry.event}) after the terminal")
                break
            if entry.seq != due:
                what = "repeated" if entry.seq < due else "skipped to"
                yield Violation("I3", subject, f"{what} frame {entry.seq}, due was {due}")
            if (entry.seq == 0) != (entry.event == START):
                yield Violation("I3", subject, f"frame {entry.seq} is {entry.event}")
            due, ended = entry.seq + 1, entry.event in ENDS


def events_in_sequence(facts: Facts) -> Iterator[Violation]:
    """I3 and I5 for responses: their events are numbered without a gap, and the same whenever they are read."""
    for entry in facts.evidence.journal:
        if isinstance(entry, Misread):
            yield Violation("I3", f"{entry.generation_id} ({entry.reader})", entry.reason)


def same_as_the_log(facts: Facts) -> Iterator[Violation]:
    """I3, I4, I5: each frame is the record that counts, byte for byte the same for all readers and for ever."""
    shown: dict[tuple[str, int], Frame] = {}
    for entries in facts.readers.values():
        for frame in entries:
            if isinstance(frame, Cut):
                continue
            subject = f"{frame.generation_id} ({frame.reader})"
            first = shown.setdefault((frame.generation_id, frame.seq), frame)
            if (first.event, first.data) != (frame.event, frame.data):
                yield Violation("I5", subject, f"frame {frame.seq} is not what {first.reader} was shown")
            reading = facts.accepted.get(frame.generation_id)
            if reading is None:
                yield Violation("I4", subject, f"frame {frame.seq} of a generation that the log does not know")
            elif frame.event == START and _json(frame).get("messageId") != frame.generation_id:
                yield Violation("I4", subject, "its first frame names another generation")
            elif frame.event in CHUNKS:
                yield from _chunk(frame, reading, subject)
            elif frame.event in ENDS:
                yield from _end(facts, frame, reading, subject)


def _chunk(frame: Frame, reading: Accepted, subject: str) -> Iterator[Violation]:
    delta = _delta(frame)
    if 0 < frame.seq <= len(reading.chunks) and plain(reading.chunks[frame.seq - 1].delta) == delta:
        if kind_of(reading.chunks[frame.seq - 1]) not in CHUNKS[frame.event]:
            yield Violation("I4", subject, f"frame {frame.seq} is shown as a {frame.event}")
        return
    void = [entry for entry in reading.void if entry.chunk.seq == frame.seq and plain(entry.chunk.delta) == delta]
    if not void:
        yield Violation("I4", subject, f"frame {frame.seq} is not what the log holds")
    elif void[0].why == "after_end":
        yield Violation("I12", subject, f"frame {frame.seq} came after the terminal in the log")
    else:
        yield Violation("I5", subject, f"frame {frame.seq} is a void chunk: {void[0].why}")


def _end(facts: Facts, frame: Frame, reading: Accepted, subject: str) -> Iterator[Violation]:
    if reading.end is None:
        yield Violation("I4", subject, "it was shown an end that the log does not hold")
        return
    if frame.seq != len(reading.chunks) + 1:
        yield Violation("I3", subject, f"the end is frame {frame.seq} after {len(reading.chunks)} chunks")
    data = _json(frame)
    if frame.event != "message_end":
        return
    shown = data.get("usage", {})
    usage = (shown.get("promptTokens"), shown.get("completionTokens"), shown.get("cachedTokens"))
    due = (reading.usage.prompt_tokens, reading.usage.completion_tokens, reading.usage.cached_tokens)
    if usage != due:
        yield Violation("I9", subject, f"it was shown the usage {usage}, due is {due}")
    outcome = facts.outcome(frame.generation_id)
    if outcome is not None and data.get("costMicros") != outcome.cost_micros:
        told = data.get("costMicros")
        yield Violation("I9", subject, f"it was shown a cost of {told}, the outcome says {outcome.cost_micros}")
    reason = reading.end.finish_reason if isinstance(reading.end, AttemptEnded) else reading.end.reason
    if data.get("finishReason") != reason:
        yield Violation("I4", subject, f"it was shown the end {data.get('finishReason')}, the log says {reason}")


def whole_texts(facts: Facts) -> Iterator[Violation]:
    """I4: the transcript of who read all of it = the outcome = the log, by SHA-256."""
    for generation, reading in facts.accepted.items():
        outcome = facts.outcome(generation)
        if outcome is None or reading.end is None:
            continue
        text = plain(outcome.text)
        if text != reading.text:
            yield Violation(*_why_other(text, reading, generation))
        if outcome.sha256 != stream_digest(_sha256(text), outcome.parts):
            yield Violation("I4", generation, "the outcome's sha256 is not that of its text")
        elif text == reading.text and outcome.sha256 != reading.sha256:
            yield Violation("I4", generation, "the outcome's parts are not the log's")
        if [mark.length for mark in outcome.chunks] != [len(plain(chunk.delta)) for chunk in reading.chunks]:
            yield Violation("I4", generation, "the outcome's chunk boundaries are not the log's")
    for reader, entries in facts.readers.items():
        frames = {entry.seq: entry for entry in entries if isinstance(entry, Frame)}
        last = max(frames, default=0)
        if last and frames[last].event in ENDS and all(seq in frames for seq in range(last)):
            log = facts.accepted.get(frames[last].generation_id)
            text = "".join(_delta(frames[seq]) for seq in range(1, last) if frames[seq].event == CHUNK)
            if log is not None and text != log.visible:
                subject = f"{frames[last].generation_id} ({reader})"
                yield Violation("I4", subject, "sha256 of the transcript is not that of the log")
    for entry in facts.evidence.journal:
        if isinstance(entry, Transcript):
            log = facts.accepted.get(entry.generation_id)
            if log is None or entry.text != log.visible:
                subject = f"{entry.generation_id} ({entry.reader})"
                yield Violation("I4", subject, "sha256 of the transcript is not that of the log")


def _why_other(text: str, reading: Accepted, generation: str) -> tuple[str, str, str]:
    """Which promise an outcome breaks whose text is not the accepted one."""
    late = "".join(plain(void.chunk.delta) for void in reading.void if void.why == "after_end")
    if late and text.startswith(reading.text) and late.startswith(text[len(reading.text) :]):
        return "I12", generation, "the outcome holds chunks from after the terminal"
    if any(void.why == "not_owner" and plain(void.chunk.delta) in text for void in reading.void):
        return "I5", generation, "the outcome holds chunks of an attempt that did not own the generation"
    return "I4", generation, "sha256 of the outcome's text is not that of the log"


def decodes_itself(facts: Facts) -> Iterator[Violation]:
    """I3: the answer is the count or JSON that was asked for, with no gap or repeat at any seam between attempts."""
    for generation, reading in facts.accepted.items():
        whole = facts.expected(generation)
        said = reading.visible
        if whole is None or not said:
            continue
        outcome = facts.outcome(generation)
        if not whole.startswith(said):
            at = next((index for index, (a, b) in enumerate(zip(whole, said, strict=False)) if a != b), len(whole))
            attempts = f"{len(reading.starts)} attempts"
            yield Violation("I3", generation, f"the text leaves what was asked for at character {at} ({attempts})")
        elif is_whole(outcome) and said != whole:
            yield Violation("I3", generation, f"completed after {len(said)} of {len(whole)} characters")


def nobody_was_left_waiting(facts: Facts) -> Iterator[Violation]:
    """I14: whoever waited got an end."""
    for entry in facts.evidence.journal:
        if isinstance(entry, GaveUp):
            yield Violation("I14", f"{entry.generation_id} ({entry.reader})", f"it never saw an end: {entry.reason}")


def _json(frame: Frame) -> dict[str, Any]:
    try:
        data = json.loads(frame.data)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _delta(frame: Frame) -> str:
    return str(_json(frame).get("delta", ""))


def _sha256(text: str) -> str:
    return sha256(text.encode()).hexdigest()
