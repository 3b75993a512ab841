"""Finds which ends are the first of their generations: one scan of a partition answers all doubts. Blocking."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from infra.exits import tell_newer
from infra.logging import get_logger
from schemas.codec import NewerRecord, UndecodableRecord
from schemas.envelope import Position
from schemas.generation import GenerationEnded
from topics.catalogue import TOKEN_CHUNKS
from topics.errors import OutOfRange
from topics.generation_fold import GenerationFold
from topics.scan import generation_of, scan
from topics.set_aside import is_set_aside

_log = get_logger(__name__)

Doubtful = Mapping[int, GenerationEnded]
"""Ends by their offsets, of generations that may have ended before. Each generation is there once."""


def first_ends(
    properties: Mapping[str, str], epoch: int, partition: int, doubtful: Doubtful, alive: Callable[[], None]
) -> dict[int, GenerationFold]:
    """The finished folds of those generations that the end in doubt did end, by its offset.

    `alive` is called while this waits. A generation that began before what the topic still holds, days past its
    deadline, counts as not ended: a second outcome changes nothing (the first one counts everywhere), and none at all
    would leave it open for ever. Raises LogUnavailable, NewerRecord.
    """
    found: dict[int, GenerationFold] = {}
    left = dict(doubtful)
    while left:
        try:
            return found | _scanned(properties, epoch, partition, left, alive)
        except OutOfRange as error:
            gone = {offset: end for offset, end in left.items() if end.turn.tail.offset < error.low}
            if not gone:
                raise
            for offset, end in gone.items():
                del left[offset]
                found[offset] = GenerationFold()
                found[offset].apply(end, Position(epoch, partition, offset))
    return found


def _scanned(
    properties: Mapping[str, str], epoch: int, partition: int, doubtful: Doubtful, alive: Callable[[], None]
) -> dict[int, GenerationFold]:
    keys = {end.turn.conversation_id.encode() for end in doubtful.values()}
    folds = {end.turn.generation_id: GenerationFold() for end in doubtful.values()}
    start = min(end.turn.tail.offset for end in doubtful.values())
    found: dict[int, GenerationFold] = {}
    for message in scan(properties, TOKEN_CHUNKS, partition, start, max(doubtful) + 1, alive=alive):
        offset = message.offset() or 0
        if offset not in doubtful and message.key() not in keys:
            continue
        try:
            record = TOKEN_CHUNKS.decode(message.value())
            generation = generation_of(record)
            fold = folds.get(generation)
            if fold is None:
                continue
            fold.apply(record, Position(epoch, partition, offset))
        except UndecodableRecord:
            continue
        except NewerRecord as error:
            at_ms = message.timestamp()[1]
            if is_set_aside(properties, TOKEN_CHUNKS, partition, offset, at_ms, alive):
                continue
            tell_newer(_log, error, TOKEN_CHUNKS, partition, offset)
            raise
        if fold.finished:
            # Over, by this end or by an earlier one: its text need not be held on to for the latter.
            del folds[generation]
            if offset in doubtful:
                found[offset] = fold
    return found
