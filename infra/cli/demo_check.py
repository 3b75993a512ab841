"""Checks that an answer survived a crash: one finding per promise. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from infra.cli.chat_wire import Frame
from schemas.envelope import plain
from schemas.generation import GenerationRecord
from schemas.outcome import GenerationCompleted, Outcome
from schemas.parts import stream_digest, visible_text
from schemas.usage import UsageRecorded
from topics.generation_fold import GenerationFold

TERMINALS = frozenset({"message_end", "error"})
_SHOWN_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Stored:
    """The answer's message as the API shows it."""

    status: str
    content: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen of one answer. `stored` None, `again` empty: could not be read in time.

    `frames`: in the order of their arrival, over all connections. `again`: the same stream read once more from its
    beginning, after its end. `log`: its records in token-chunks, in order. `outcomes`, `usages`: every copy there is.
    `expected` None: the model's own words, which nobody knows before.
    """

    expected: str | None
    frames: tuple[Frame, ...]
    again: tuple[Frame, ...]
    stored: Stored | None
    log: tuple[GenerationRecord, ...]
    outcomes: tuple[Outcome, ...]
    usages: tuple[UsageRecorded, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One promise: whether it `holds`, and what was seen in one line."""

    promise: str
    holds: bool
    seen: str


def check(evidence: Evidence) -> tuple[Finding, ...]:
    """The verdicts, the stream's first. All must hold."""
    text = text_of(evidence.frames)
    digest = digest_of(text)
    return (
        _sequence(evidence.frames),
        _text(evidence, text),
        Finding("sha256 of what was read", bool(text), digest),
        _stored(evidence.stored, digest),
        _log(evidence.log, digest),
        _outcome(evidence.outcomes, digest),
        _usage(evidence),
        _again(evidence),
    )


def text_of(frames: Sequence[Frame]) -> str:
    """The text of a stream's frames; a damaged frame adds none."""
    return "".join(_delta(frame) for frame in frames if frame.event == "content_chunk")


def digest_of(text: str) -> str:
    """Hex SHA-256 of `text` in UTF-8."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _delta(frame: Frame) -> str:
    try:
        return str(json.loads(frame.data)["delta"])
    except (ValueError, KeyError, TypeError):
        return ""


def _sequence(frames: Sequence[Frame]) -> Finding:
    promise = "the sequence has no gap and no repeat"
    for expected, frame in enumerate(frames):
        if frame.seq != expected:
            return Finding(promise, False, f"frame {expected} was expected, {frame.seq} came")
    kinds = [frame.event for frame in frames]
    if not kinds or kinds[0] != "message_start" or sum(kind in TERMINALS for kind in kinds) != 1:
        return Finding(promise, False, "a stream begins with message_start and ends once; this one does not")
    if kinds[-1] not in TERMINALS:
        return Finding(promise, False, f"something came after the end: {kinds[-1]}")
    return Finding(promise, True, f"0 … {len(frames) - 1}")


def _text(evidence: Evidence, text: str) -> Finding:
    promise = "the text is the whole answer"
    if evidence.expected is not None and text != evidence.expected:
        same = _common(text, evidence.expected)
        return Finding(promise, False, f"other than expected from character {same} on: {text[same : same + 40]!r}")
    ending = evidence.frames[-1]
    reason = _field(ending, "finishReason") or _field(ending, "code")
    whole = ("stop",) if evidence.expected is not None else ("stop", "length")
    return Finding(promise, bool(text) and reason in whole, f"{len(text)} characters, finish reason {reason}")


def _stored(stored: Stored | None, digest: str) -> Finding:
    promise = "sha256 of the stored message"
    if stored is None:
        return Finding(promise, False, "it could not be read in time")
    found = digest_of(stored.content)
    holds = stored.status == "completed" and found == digest
    return Finding(promise, holds, f"{found[:_SHOWN_DIGITS]}… {stored.status}")


def _log(log: Sequence[GenerationRecord], digest: str) -> Finding:
    promise = "sha256 of the log, folded"
    fold = GenerationFold()
    for record in log:
        fold.apply(record)
    if not fold.finished:
        return Finding(promise, False, f"no valid end among {len(log)} records")
    shown = digest_of(visible_text(fold.text, fold.parts))
    return Finding(promise, shown == digest, f"{shown[:_SHOWN_DIGITS]}… {fold.last_seq} chunks")


def _outcome(outcomes: Sequence[Outcome], digest: str) -> Finding:
    promise = "exactly one outcome, its sha256 the same"
    distinct: list[Outcome] = []
    distinct.extend(outcome for outcome in outcomes if outcome not in distinct)
    if len(distinct) != 1:
        return Finding(promise, False, f"{len(distinct)} outcomes")
    only = distinct[0]
    raw = plain(only.text)
    whole = only.sha256 == stream_digest(digest_of(raw), only.parts)
    holds = isinstance(only, GenerationCompleted) and whole and digest == digest_of(visible_text(raw, only.parts))
    copies = f", written {len(outcomes)} times, identical" if len(outcomes) > 1 else ""
    return Finding(promise, holds, f"{only.sha256[:_SHOWN_DIGITS]}… {type(only).__name__}{copies}")


def _usage(evidence: Evidence) -> Finding:
    promise = "exactly one usage record, as the outcome says"
    ids = {usage.envelope.event_id for usage in evidence.usages}
    if len(ids) != 1:
        return Finding(promise, False, f"{len(ids)} usage records")
    holds = bool(evidence.outcomes) and all(
        (usage.usage, usage.cost_micros) == (outcome.usage, outcome.cost_micros)
        for usage in evidence.usages
        for outcome in evidence.outcomes
    )
    used = evidence.usages[0]
    copies = f", written {len(evidence.usages)} times with one id" if len(evidence.usages) > 1 else ""
    tokens = f"{used.usage.prompt_tokens} + {used.usage.completion_tokens} tokens"
    return Finding(promise, holds, f"{tokens}, {used.cost_micros} millionths of a {used.currency}{copies}")


def _again(evidence: Evidence) -> Finding:
    promise = "read again, the stream is the same to the byte"
    if evidence.again == evidence.frames:
        return Finding(promise, True, f"{len(evidence.again)} frames")
    if not evidence.again:
        return Finding(promise, False, "it could not be read in time")
    at = _common(evidence.again, evidence.frames)
    return Finding(promise, False, f"other from frame {at} on")


def _common(one: Sequence[object], other: Sequence[object]) -> int:
    """How many elements two sequences have in common at their beginnings."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _field(frame: Frame, name: str) -> str | None:
    try:
        found = json.loads(frame.data).get(name)
    except (ValueError, AttributeError):
        return None
    return None if found is None else str(found)
