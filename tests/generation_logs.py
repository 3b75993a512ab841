"""Records of one generation as the log holds them: short constructors, and a fold written naively on purpose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from schemas.conversation import TurnKind
from schemas.envelope import Envelope, Position
from schemas.generation import (
    AttemptEnded,
    AttemptStarted,
    EndReason,
    Failure,
    FinishReason,
    GenerationEnded,
    GenerationRecord,
    TokenChunk,
)
from schemas.parts import AnswerPart, ChunkPart, stream_digest
from schemas.price import Usage
from tests.records import turn

PROMPT_TOKENS = 11
ENGINE_USAGE = Usage(PROMPT_TOKENS, 1000, 3)
KIND: TurnKind = "chat"
TURN = turn(kind=KIND)


def envelope(name: str = "event") -> Envelope:
    """An envelope whose event id is `name`."""
    return Envelope(name, 1_000, None, "request", "system:test")


def started(attempt: str, number: int = 1, prompt_tokens: int = PROMPT_TOKENS) -> AttemptStarted:
    """Attempt `number` begins under the id `attempt`."""
    return AttemptStarted(
        envelope=envelope(attempt),
        turn=TURN,
        attempt_id=attempt,
        number=number,
        prompt_tokens=prompt_tokens,
        worker="worker",
        job=Position(0, 0, 0),
    )


def chunk(
    attempt: str, seq: int, delta: str | None = None, tokens: int = 1, part: ChunkPart | None = None
) -> TokenChunk:
    """Chunk `seq`; its delta tells where it came from unless it is given."""
    said = f"<{attempt}{seq}>" if delta is None else delta
    return TokenChunk("generation", attempt, seq, 1_000 + seq, tokens, said, None, part)


def ended(
    attempt: str, last_seq: int, text: str, finish: FinishReason = "stop", parts: Sequence[AnswerPart] = ()
) -> AttemptEnded:
    """The attempt's last word, with the digest of `text` and of `parts`."""
    digest = stream_digest(sha256(text.encode()).hexdigest(), parts)
    failure = Failure("engine", "it broke", True) if finish == "failed" else None
    return AttemptEnded(
        generation_id="generation",
        conversation_id="conversation",
        attempt_id=attempt,
        at_us=9_000,
        last_seq=last_seq,
        sha256=digest,
        finish_reason=finish,
        usage=ENGINE_USAGE,
        failure=failure,
    )


def stopped(reason: EndReason = "cancelled", seen: int | None = None) -> GenerationEnded:
    """An end from outside."""
    return GenerationEnded(envelope(reason), TURN, reason, seen, None)


@dataclass(frozen=True)
class Reading:
    """What a reader makes of a log: the frames with the index of the record each one is, and the sum of it."""

    frames: tuple[tuple[int, int], ...]
    text: str
    parts: tuple[AnswerPart, ...]
    last_seq: int
    number: int
    owner: str | None
    end: AttemptEnded | GenerationEnded | None
    usage: Usage


def naive_reading(log: Sequence[GenerationRecord]) -> Reading:
    """The rules of DESIGN "A generation" word for word, each record judged anew by all that counted before it."""
    past: list[GenerationRecord] = []
    frames = []
    for index, record in enumerate(log):
        if not _counts(past, record):
            continue
        if isinstance(record, TokenChunk):
            frames.append((index, record.seq))
        elif isinstance(record, AttemptStarted):
            frames += [(index, 0)] if record.number == 1 else []
        elif _is_terminal(record):
            frames.append((index, len(_chunks(past)) + 1))
        past.append(record)
    starts = [record for record in past if isinstance(record, AttemptStarted)]
    ends = [record for record in past if isinstance(record, AttemptEnded | GenerationEnded) and _is_terminal(record)]
    end = ends[0] if ends else None
    thought = sum(record.tokens for record in _chunks(past) if _part(record).kind == "reasoning")
    said = sum(record.tokens for record in _chunks(past))
    counted = Usage(starts[0].prompt_tokens if starts else 0, said, reasoning_tokens=thought)
    return Reading(
        frames=tuple(frames),
        text=_text(past),
        parts=_parts(past),
        last_seq=len(_chunks(past)),
        number=max((start.number for start in starts), default=0),
        owner=_owner(past),
        end=end,
        usage=end.usage if isinstance(end, AttemptEnded) else counted,
    )


def _counts(past: list[GenerationRecord], record: GenerationRecord) -> bool:
    if any(_is_terminal(earlier) for earlier in past):
        return False
    if isinstance(record, GenerationEnded):
        return True
    if isinstance(record, AttemptStarted):
        numbers = [earlier.number for earlier in past if isinstance(earlier, AttemptStarted)]
        return record.number > max(numbers) if numbers else record.number == 1
    if record.attempt_id != _owner(past):
        return False
    if isinstance(record, TokenChunk):
        return record.seq == len(_chunks(past)) + 1 and _follows(_chunks(past), record)
    digest = stream_digest(sha256(_text(past).encode()).hexdigest(), _parts(past))
    return record.last_seq == len(_chunks(past)) and record.sha256 == digest


def _part(record: TokenChunk) -> ChunkPart:
    return record.part or ChunkPart(0, "text")


def _follows(past: list[TokenChunk], record: TokenChunk) -> bool:
    part = _part(record)
    if not past:
        return part.index == 0
    last = _part(past[-1])
    if part.index == last.index:
        return (part.kind, part.call_id, part.name) == (last.kind, "", "")
    return part.index == last.index + 1


def _parts(past: list[GenerationRecord]) -> tuple[AnswerPart, ...]:
    """Grouped anew by index; an answer that is one text says nothing of parts."""
    groups: dict[int, list[TokenChunk]] = {}
    for record in _chunks(past):
        groups.setdefault(_part(record).index, []).append(record)
    found = []
    for group in groups.values():
        first = _part(group[0])
        length = sum(len(str(record.delta)) for record in group)
        found.append(AnswerPart(first.kind, length, len(group), first.call_id, first.name))
    plain = len(found) == 1 and (found[0].kind, found[0].call_id, found[0].name) == ("text", "", "")
    return () if plain else tuple(found)


def _owner(past: list[GenerationRecord]) -> str | None:
    """Who may write: the start with the newest number, unless it handed over since."""
    owner = None
    for record in past:
        if isinstance(record, AttemptStarted):
            owner = record.attempt_id
        elif isinstance(record, AttemptEnded) and record.finish_reason == "handed_over":
            owner = None
    return owner


def _chunks(past: list[GenerationRecord]) -> list[TokenChunk]:
    return [record for record in past if isinstance(record, TokenChunk)]


def _text(past: list[GenerationRecord]) -> str:
    return "".join(str(record.delta) for record in _chunks(past))


def _is_terminal(record: GenerationRecord) -> bool:
    if isinstance(record, AttemptEnded):
        return record.finish_reason != "handed_over"
    return isinstance(record, GenerationEnded)
