"""Looks up overdue turns in token-chunks: one scan per partition answers all of them. Blocking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from infra.exits import tell_newer
from infra.logging import get_logger
from schemas.codec import NewerRecord, UndecodableRecord
from schemas.envelope import Position
from schemas.generation import Turn
from topics.catalogue import TOKEN_CHUNKS
from topics.errors import OutOfRange
from topics.generation_fold import GenerationFold
from topics.scan import generation_of, scan, watermarks
from topics.set_aside import is_set_aside

_log = get_logger(__name__)


def ended_among(properties: Mapping[str, str], turns: Sequence[Turn]) -> set[str]:
    """Ids of those generations that have an end in the log as it is now. Raises LogUnavailable, NewerRecord.

    A turn that began before what the topic still holds counts as not ended: days past its deadline a second end
    changes nothing, and none at all would leave it open for ever.
    """
    ended: set[str] = set()
    for partition in {turn.tail.partition for turn in turns}:
        here = [turn for turn in turns if turn.tail.partition == partition]
        low, end = watermarks(properties, TOKEN_CHUNKS, partition)
        ended |= _ended_in(properties, partition, [turn for turn in here if turn.tail.offset >= low], end)
    return ended


def _ended_in(properties: Mapping[str, str], partition: int, turns: Sequence[Turn], end: int) -> set[str]:
    if not turns:
        return set()
    keys = {turn.conversation_id.encode() for turn in turns}
    open_folds = {turn.generation_id: GenerationFold() for turn in turns}
    epoch, start = turns[0].tail.epoch, min(turn.tail.offset for turn in turns)
    ended = set()
    try:
        for message in scan(properties, TOKEN_CHUNKS, partition, start, end):
            if message.key() not in keys:
                continue
            offset = message.offset() or 0
            try:
                record = TOKEN_CHUNKS.decode(message.value())
                generation = generation_of(record)
                fold = open_folds.get(generation)
                if fold is not None:
                    fold.apply(record, Position(epoch, partition, offset))
            except UndecodableRecord:
                continue
            except NewerRecord as error:
                at_ms = message.timestamp()[1]
                if is_set_aside(properties, TOKEN_CHUNKS, partition, offset, at_ms):
                    continue
                tell_newer(_log, error, TOKEN_CHUNKS, partition, offset)
                raise
            if fold is not None and fold.finished:
                del open_folds[generation]
                ended.add(generation)
                if not open_folds:
                    break
    except OutOfRange:
        # Retention took the beginning between the two looks; the next look sees that.
        return ended
    return ended
