"""Reads of the log's history for the API: one at a time, in a thread, with limits of time and size."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TypeVar

from api.conversations.ports import PastBusy, PastOutOfReach
from infra.clock import monotonic_s
from infra.settings import Settings
from projections.replay.as_of import PastConversation
from projections.replay.looking_back import Check, LogSource, conversation_then, record_at
from topics.archive.reading import open_archive
from topics.catalogue import Catalogue
from topics.cuts import Cut
from topics.errors import LogError, LogUnavailable
from topics.log import Log

DEADLINE_S = 10.0
MAX_WAITING = 8
MAX_BYTES = 64 * 1024 * 1024

_T = TypeVar("_T")


class LogHistory:
    """The History of api.conversations.ports."""

    def __init__(self, settings: Settings, topics: Catalogue, *, deadline_s: float = DEADLINE_S) -> None:
        self._settings = settings
        self._topics = topics
        self._deadline_s = deadline_s
        self._thread = ThreadPoolExecutor(1, "past")
        self._waiting = 0
        self._closed = False

    async def conversation(self, conversation_id: str, first: int, moment: Cut | int) -> tuple[Cut, PastConversation]:
        return await self.look(
            lambda log, check: conversation_then(log, self._topics, conversation_id, first, moment, check)
        )

    async def record_at(self, topic: str, key: str, order_key: int) -> object | None:
        try:
            return await self.look(lambda log, check: record_at(log, self._topics, topic, key, order_key, check))
        except (PastOutOfReach, LogError) as error:
            raise LogUnavailable(str(error)) from error

    async def look(self, work: Callable[[LogSource, Check], _T]) -> _T:
        if self._waiting >= MAX_WAITING:
            raise PastBusy(f"{MAX_WAITING} history reads are already waiting")
        until_s = monotonic_s() + self._deadline_s
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._read, work, until_s)
        finally:
            self._waiting -= 1

    async def aclose(self) -> None:
        """End what is being read."""
        self._closed = True
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)

    def _read(self, work: Callable[[LogSource, Check], _T], until_s: float) -> _T:
        check = self._checking(until_s)
        check(0)
        properties, archive = self._settings.kafka.client_properties(), self._settings.archive.url
        with closing(Log(properties, open_archive(archive, properties) if archive else None)) as log:
            return work(log, check)

    def _checking(self, until_s: float) -> Check:
        def check(kept_bytes: int) -> None:
            if self._closed or monotonic_s() > until_s:
                raise PastOutOfReach("Reading the history took too long")
            if kept_bytes > MAX_BYTES:
                raise PastOutOfReach("The history is too large to be read here")

        return check
