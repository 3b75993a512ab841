"""Reads from token-chunks what happened to generations whose jobs may not be new. One scan per partition."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from confluent_kafka import Message

from inference_workers.metrics import READS_FULL
from infra.exits import tell_newer
from infra.logging import get_logger
from schemas.codec import NewerRecord, UndecodableRecord
from schemas.envelope import Position
from schemas.generation import GenerationRecord, Turn
from topics.catalogue import TOKEN_CHUNKS
from topics.errors import OutOfRange
from topics.generation_fold import GenerationFold
from topics.scan import generation_of, scan, watermarks
from topics.set_aside import is_set_aside

SCAN_TIMEOUT_S = 15.0
MAX_CONCURRENT_READS = 4
_log = get_logger(__name__)


@dataclass(slots=True)
class Past:
    """One generation's fold, and how far it has read: offsets below `upto`. `failure`: what its fold does not bear."""

    turn: Turn
    fold: GenerationFold = field(default_factory=GenerationFold)
    upto: int = 0
    failure: Exception | None = None


@dataclass(slots=True)
class _Wanted:
    past: Past
    done: asyncio.Future[Past]


class Lookback:
    """Reads back in threads, bounded. `run` must run beside the callers."""

    def __init__(self, properties: Mapping[str, str]) -> None:
        self._properties = properties
        self._wanted: list[_Wanted] = []
        self._asked = asyncio.Event()
        self._reads = asyncio.Semaphore(MAX_CONCURRENT_READS)
        self._scanned: set[int] = set()

    async def past(self, turn: Turn) -> Past:
        """The generation up to now. Raises LogError."""
        wanted = _Wanted(Past(turn), asyncio.get_running_loop().create_future())
        self._wanted.append(wanted)
        self._asked.set()
        return await wanted.done

    async def read_on(self, past: Past, upto: int) -> None:
        """Fold on up to offset `upto` (excluded). Raises LogError."""
        self._count_full()
        async with self._reads:
            await asyncio.to_thread(self._fold, past.turn.tail.partition, past.upto, upto, [past])
        if past.failure is not None:
            raise past.failure

    async def recent(self, partitions: int, most: int, since_ms: int, take: Callable[[GenerationRecord], None]) -> None:
        """The newest records of token-chunks, of each partition `most` at most and none older than `since_ms`, to
        `take`, in a thread. Damaged and newer ones are passed over. Raises LogError."""
        for partition in range(partitions):
            self._count_full()
            async with self._reads:
                await asyncio.to_thread(self._recent, partition, most, since_ms, take)

    def _recent(self, partition: int, most: int, since_ms: int, take: Callable[[GenerationRecord], None]) -> None:
        low, high = watermarks(self._properties, TOKEN_CHUNKS, partition, SCAN_TIMEOUT_S)
        start = max(low, high - most)
        for message in scan(self._properties, TOKEN_CHUNKS, partition, start, high, timeout_s=SCAN_TIMEOUT_S):
            if message.timestamp()[1] < since_ms:
                continue
            try:
                take(TOKEN_CHUNKS.decode(message.value()))
            except (UndecodableRecord, NewerRecord):
                continue

    def _count_full(self) -> None:
        if self._reads.locked():
            READS_FULL()

    async def run(self) -> None:
        """Serve `past` until cancelled: one scan a partition at a time, so that a slow one holds up no other.

        Raises NewerRecord where token-chunks holds a record of a newer release.
        """
        async with asyncio.TaskGroup() as scans:
            while True:
                await self._asked.wait()
                self._asked.clear()
                by_partition: dict[int, list[_Wanted]] = defaultdict(list)
                for wanted in self._wanted:
                    by_partition[wanted.past.turn.tail.partition].append(wanted)
                self._wanted = [wanted for partition in self._scanned for wanted in by_partition.pop(partition, ())]
                for partition, group in by_partition.items():
                    self._scanned.add(partition)
                    scans.create_task(self._serve(partition, [wanted for wanted in group if not wanted.done.done()]))

    async def _serve(self, partition: int, group: list[_Wanted]) -> None:
        pasts = [wanted.past for wanted in group]
        self._count_full()
        try:
            async with self._reads:
                await asyncio.to_thread(self._fold_to_end, partition, pasts)
        except NewerRecord:
            raise
        except Exception as error:
            for wanted in group:
                if not wanted.done.done():
                    wanted.done.set_exception(error)
        finally:
            self._scanned.discard(partition)
            self._asked.set()
        for wanted in group:
            if wanted.done.done():
                continue
            if wanted.past.failure is not None:
                wanted.done.set_exception(wanted.past.failure)
            else:
                wanted.done.set_result(wanted.past)

    def _fold_to_end(self, partition: int, pasts: list[Past]) -> None:
        if not pasts:
            return
        low, high = watermarks(self._properties, TOKEN_CHUNKS, partition, SCAN_TIMEOUT_S)
        start = min(max(low, min(past.turn.tail.offset for past in pasts)), high)
        try:
            self._fold(partition, start, high, pasts)
        except OutOfRange as moved:
            # Retention took the beginning away meanwhile: what is left is all there is.
            self._fold(partition, moved.low, high, pasts)

    def _fold(self, partition: int, start: int, stop: int, pasts: Sequence[Past]) -> None:
        by_id: dict[str, list[Past]] = defaultdict(list)
        for past in pasts:
            by_id[past.turn.generation_id].append(past)
        keys = {past.turn.conversation_id.encode() for past in pasts}
        for message in scan(self._properties, TOKEN_CHUNKS, partition, start, stop, timeout_s=SCAN_TIMEOUT_S):
            if message.key() in keys:
                self._apply(message, by_id)
        for past in pasts:
            past.upto = max(stop, start)

    def is_set_aside(self, message: Message) -> bool:
        """Whether an operator has set this record of a newer release aside. Blocking. Raises LogError."""
        place = message.topic() or "", message.partition() or 0, message.offset() or 0
        return is_set_aside(self._properties, *place, message.timestamp()[1])

    def _apply(self, message: Message, by_id: Mapping[str, Sequence[Past]]) -> None:
        partition, offset = message.partition() or 0, message.offset() or 0
        try:
            record = TOKEN_CHUNKS.decode(message.value())
            for past in by_id.get(generation_of(record), ()):
                _fold_in(past, record, Position(past.turn.tail.epoch, partition, offset))
        except UndecodableRecord:
            return  # no reader counts it
        except NewerRecord as newer:
            if self.is_set_aside(message):
                return
            tell_newer(_log, newer, TOKEN_CHUNKS, partition, offset)
            raise


def _fold_in(past: Past, record: GenerationRecord, position: Position) -> None:
    if past.failure is not None:
        return
    try:
        past.fold.apply(record, position)
    except NewerRecord:
        raise
    except Exception as error:
        past.failure = error  # it fails only the caller that asked for this generation
