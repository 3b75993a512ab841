"""Lag of each consumer group and the list of workers, from the broker."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from confluent_kafka.admin import AdminClient

from topics.admins import Admins
from topics.cuts import TopicPartition
from topics.errors import LogUnavailable
from topics.groups import committed_by, instances, listed

GROUP_PREFIX = "verbatim-"
WORKERS_PREFIX = "verbatim-workers-"
ANSWER_S = 3.0


@dataclass(frozen=True, slots=True)
class Readings:
    """`committed`: of each partition, the offset each of our groups goes on at. `workers`: by pool, those that are in
    their group now."""

    committed: Mapping[TopicPartition, Mapping[str, int]]
    workers: Mapping[str, list[str]]


class Fleet(Protocol):
    """The broker, asked."""

    async def readings(self) -> Readings:
        """Raises LogUnavailable, TimeoutError."""


class KafkaFleet:
    """The Fleet of a Kafka cluster. It has a thread of its own, and asks one thing at a time: a broker that hangs must
    not keep the threads that read the log back for those who speak."""

    def __init__(self, admins: Admins) -> None:
        self._admins = admins
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="fleet")
        self._asked: asyncio.Future[Readings] | None = None

    async def readings(self) -> Readings:
        if self._asked is None:
            self._asked = asyncio.get_running_loop().run_in_executor(self._thread, self._read)
            self._asked.add_done_callback(self._answered)
        async with asyncio.timeout(2 * ANSWER_S):
            return await asyncio.shield(self._asked)

    async def aclose(self) -> None:
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)

    def _answered(self, asked: asyncio.Future[Readings]) -> None:
        self._asked = None
        if not asked.cancelled():
            asked.exception()  # remaining waiters get it; nobody needs a late answer

    def _read(self) -> Readings:
        try:
            found = self._read_by(self._admins.client)
        except LogUnavailable:
            self._admins.failed()
            raise
        self._admins.answered()
        return found

    @staticmethod
    def _read_by(admin: AdminClient) -> Readings:
        committed = {
            place: {group: at for group, at in groups.items() if group.startswith(GROUP_PREFIX)}
            for place, groups in committed_by(admin, answer_s=ANSWER_S).items()
        }
        # Before its first job a pool's group has committed nothing.
        pools = listed(admin, WORKERS_PREFIX, answer_s=ANSWER_S)
        members = instances(admin, pools, answer_s=ANSWER_S)
        return Readings(committed, {group.removeprefix(WORKERS_PREFIX): names for group, names in members.items()})


def lags(
    committed: Mapping[TopicPartition, Mapping[str, int]], ends: Mapping[TopicPartition, int]
) -> dict[tuple[str, str], int]:
    """How many records of each topic each group has not read, by (group, topic). `ends`: where partitions end. Pure."""
    found: dict[tuple[str, str], int] = {}
    for (topic, partition), groups in committed.items():
        end = ends.get((topic, partition))
        if end is None:
            continue
        for group, at in groups.items():
            found[group, topic] = found.get((group, topic), 0) + max(end - at, 0)
    return found
