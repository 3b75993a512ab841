"""A generation's log folded, and judged by rules written naively."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from schemas.envelope import Position
from schemas.generation import GenerationEnded, GenerationRecord, TokenChunk
from tests.generation_logs import Reading, chunk, ended, naive_reading, started
from topics.generation_fold import GenerationFold

Log = list[GenerationRecord]
WHOLE: Log = [started("a"), chunk("a", 1), chunk("a", 2, "ä\r\n🦉"), ended("a", 2, "<a1>ä\r\n🦉")]


def folded(log: Sequence[GenerationRecord]) -> tuple[GenerationFold, Reading]:
    """The fold over a log, and what it made of it; checks on the way that published text only ever grows."""
    fold = GenerationFold()
    frames: list[tuple[int, int]] = []
    published, text = "", ""
    for index, record in enumerate(log):
        seq = fold.apply(record, Position(0, 0, index))
        assert fold.text.startswith(published)
        published = fold.text
        if seq is None:
            assert fold.text == text
            continue
        assert seq == len(frames) or (not frames and isinstance(record, GenerationEnded) and seq == 1)
        frames.append((index, seq))
        if isinstance(record, TokenChunk):
            assert isinstance(record.delta, str)
            text += record.delta
    assert text == fold.text
    reading = Reading(
        tuple(frames), fold.text, fold.parts, fold.last_seq, fold.number, fold.attempt_id, fold.end, fold.usage
    )
    return fold, reading


def check(log: Sequence[GenerationRecord]) -> Reading:
    """Fold a log and hold every promise of the fold against it."""
    fold, reading = folded(log)
    assert reading == naive_reading(log)
    assert [mark.tokens for mark in fold.marks] == [
        record.tokens for index, seq in reading.frames if isinstance(record := log[index], TokenChunk) and seq
    ]
    assert sum(mark.length for mark in fold.marks) == len(fold.text)
    if fold.parts:
        assert sum(part.length for part in fold.parts) == len(fold.text)
        assert sum(part.chunks for part in fold.parts) == len(fold.marks)
    assert fold.finished == (fold.end is not None)
    assert (fold.end_position is None) == (fold.end is None)
    if fold.end_position is not None:
        assert log[fold.end_position.offset] is fold.end
        assert reading.frames[-1] == (fold.end_position.offset, fold.last_seq + 1)
    return reading


def deltas(attempt: str, first: int, last: int) -> str:
    return "".join(f"<{attempt}{seq}>" for seq in range(first, last + 1))


def interleavings(one: Log, other: Log) -> Iterator[Log]:
    """Every order of two sequences that keeps the order within each."""
    size = len(one) + len(other)
    for places in combinations(range(size), len(one)):
        left, right, chosen = iter(one), iter(other), set(places)
        yield [next(left) if place in chosen else next(right) for place in range(size)]
