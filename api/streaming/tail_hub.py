"""The fan-out: hands the records of one live tail of token-chunks to the feeds of this process.

A feed is registered before its command is produced, so no record of it can be missed. Records of conversations that
no one reads here are skipped by their key, without decoding. A record is decoded once for all its readers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from api.http.errors import Overloaded
from api.streaming.feed import Feed
from api.streaming.ports import ChunkLog, LogRecord
from infra.exits import tell_newer
from infra.logging import get_logger
from schemas.codec import NewerRecord, UndecodableRecord
from schemas.envelope import Position
from schemas.generation import TokenChunk
from topics.catalogue import TOKEN_CHUNKS, Catalogue
from topics.errors import LogError, LogUnavailable
from topics.scan import generation_of

MAX_FEEDS = 20_000
MAX_SCANS = 4
SCAN_TIMEOUT_S = 15.0
_log = get_logger(__name__)


class TailHub:
    """All feeds of this process."""

    def __init__(self, topics: Catalogue, log: ChunkLog) -> None:
        self._topics = topics
        self._chunks = topics[TOKEN_CHUNKS]
        self._log = log
        self._by_key: dict[bytes, dict[str, Feed]] = {}
        self._by_generation: dict[str, Feed] = {}
        self._scans = asyncio.Semaphore(MAX_SCANS)
        self._filling: dict[str, asyncio.Future[None]] = {}
        self.undecodable = 0

    def on_batch(self, records: Iterable[LogRecord]) -> None:
        """Records in their partitions' order; readers are woken once a batch. Runs on the loop.

        A record that a feed cannot go on after ends that feed alone. Raises NewerRecord, after all other records were
        handed on, for one that may be of an answer that runs here: it must not be passed over.
        """
        by_key, touched, decode = self._by_key, {}, TOKEN_CHUNKS.decode
        newer: NewerRecord | None = None
        for record in records:
            feeds = by_key.get(record.key() or b"")
            if feeds is None:
                continue
            try:
                event = decode(record.value())
            except UndecodableRecord:
                self.undecodable += 1  # the recorder parks it as a dead letter; here it is only not shown
                continue
            except NewerRecord as error:
                newer = self._cannot_go_on(feeds, record, error) or newer
                continue
            if type(event) is TokenChunk:
                feed, position = feeds.get(event.generation_id), None
            else:
                feed = feeds.get(generation_of(event))
                position = self._chunks.position(record.partition() or 0, record.offset() or 0)
            if feed is None:
                continue
            try:
                if feed.take(event, position):
                    touched[feed.generation_id] = feed
            except Exception as error:  # whatever it is, the other feeds have no part in it
                self.undecodable += 1
                _log.error(
                    "an answer cannot be served any further", reason=type(error).__name__, offset=record.offset()
                )
                feed.lose(error)
        for feed in touched.values():
            feed.wake()
        if newer is not None:
            raise newer

    @staticmethod
    def _cannot_go_on(feeds: Mapping[str, Feed], record: LogRecord, error: NewerRecord) -> NewerRecord | None:
        """Lose the feeds that run; the error if there are any."""
        running = [feed for feed in feeds.values() if feed.ending is None]
        for feed in running:
            feed.lose(error)
        if not running:
            return None
        tell_newer(_log, error, TOKEN_CHUNKS, record.partition() or 0, record.offset() or 0)
        return error

    def tail_of(self, conversation_id: str) -> Position:
        """Where this process reads the conversation's partition now: a lower bound of whatever is appended next."""
        partition = self._topics.partition(TOKEN_CHUNKS, conversation_id)
        return self._chunks.position(partition, self._log.position(partition))

    def by_generation(self, generation_id: str) -> Feed | None:
        """The feed, if it is already read here."""
        return self._by_generation.get(generation_id)

    def __len__(self) -> int:
        return len(self._by_generation)

    def open(self, generation_id: str, conversation_id: str, user_id: str) -> Feed:
        """The generation's feed, made if there is none; `close` it as often as it was opened.

        A new one knows what comes from now on; `refill` reads what was before. Raises Overloaded above MAX_FEEDS.
        """
        feed = self._by_generation.get(generation_id)
        if feed is None:
            if len(self._by_generation) >= MAX_FEEDS:
                raise Overloaded(f"it already serves {MAX_FEEDS} answers")
            feed = Feed(generation_id, conversation_id, user_id, self.tail_of(conversation_id))
            self._by_generation[generation_id] = feed
            self._by_key.setdefault(conversation_id.encode(), {})[generation_id] = feed
        feed.users += 1
        return feed

    def close(self, feed: Feed) -> None:
        """One user less; the last one ends the feed."""
        feed.users -= 1
        if feed.users:
            return
        del self._by_generation[feed.generation_id]
        key = feed.conversation_id.encode()
        feeds = self._by_key[key]
        del feeds[feed.generation_id]
        if not feeds:
            del self._by_key[key]

    async def refill(self, feed: Feed, tail: Position) -> None:
        """Make the feed whole by reading the log from `tail`. Does nothing for a feed that goes back that far.

        The scans of one process are bounded; those of one feed are one. Raises LogUnavailable; Overloaded where too
        many others are being read; and what the records themselves lead to, as NewerRecord. Whatever it
        raises, those who read the feed already are told as well.
        """
        while (running := self._filling.get(feed.generation_id)) is not None:
            await asyncio.shield(running)
        if feed.whole_from(tail):
            return
        done = self._filling[feed.generation_id] = asyncio.get_running_loop().create_future()
        has_room = False
        try:
            stop = self._read_until(tail.partition)
            feed.hold(stop)
            async with asyncio.timeout(SCAN_TIMEOUT_S), self._scans:
                has_room = True
                fold = await self._log.fold(feed.conversation_id, feed.generation_id, tail, stop.offset)
            feed.since = tail
            feed.fill(fold)
        except Exception as error:
            told = _told(error, has_room=has_room)
            feed.lose(told)
            if told is error:
                raise
            raise told from error
        finally:
            del self._filling[feed.generation_id]
            done.set_result(None)

    def _read_until(self, partition: int) -> Position:
        """Where the live tail goes on. Of an earlier epoch nothing comes any more: all of it is read, and nothing is
        held back. Raises LogUnavailable for a partition that is not tailed."""
        try:
            return self._chunks.position(partition, self._log.position(partition))
        except KeyError:
            raise LogUnavailable(f"partition {partition} of {TOKEN_CHUNKS} is not read here") from None


def _told(error: Exception, *, has_room: bool) -> Exception:
    """What readers are told of an error that kept the beginning of their answer from being read."""
    match error:
        case TimeoutError() if not has_room:
            return Overloaded(f"{MAX_SCANS} answers are already being read from their beginning")
        case LogError() | TimeoutError():
            return LogUnavailable(f"the beginning of the generation cannot be read: {str(error) or 'too slow'}")
        case _:
            return error
