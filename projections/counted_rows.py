"""Reads the rows before, and what of the log was missed: what counting needs of Cassandra and of Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from infra.cassandra.concurrently import run_concurrently
from infra.cassandra.session import CassandraSession
from projections.counting import Key, Placed
from projections.registry import RECORDS, Projection
from projections.rows import Table
from projections.usage_rollups.rules import Cells
from projections.versions import physical_name
from projections.watermarks import LIVE, WATERMARKS
from schemas.codec import NewerRecord, UndecodableRecord, decode, record_type_of
from topics.catalogue import Catalogue
from topics.scan import scan
from topics.set_aside import is_set_aside

MAX_AT_ONCE = 50
"""Keys of one question."""
MAX_READ = 500
"""Records that were missed and are read at once."""


class StoredStates:
    """The tables of a keyspace. Every method raises StoreUnavailable, StoreRefused."""

    def __init__(self, session: CassandraSession, keyspace: str) -> None:
        self._session = session
        self._keyspace = keyspace

    async def rows(self, table: Table, version: int, keys: Sequence[Key]) -> Mapping[Key, Cells | None]:
        """Those rows; None: not there."""
        width = len(table.partition_key) if table.clustering else 0
        together: dict[Key, list[Key]] = {}
        for key in keys:
            together.setdefault(key[:width], []).append(key[width:])
        statement = await self._session.prepare(_select(physical_name(self._keyspace, table, version), table))
        found: dict[Key, Cells | None] = dict.fromkeys(keys)

        async def read(parameters: tuple[Any, ...]) -> None:
            for row in await self._session.execute(statement, parameters):
                cells = zip(table.cells, row[len(table.key) :], strict=True)
                found[row[: len(table.key)]] = {name: value for name, value in cells if value is not None}

        asked = []
        for start, wanted in together.items():
            for first in range(0, len(wanted), MAX_AT_ONCE):
                some = wanted[first : first + MAX_AT_ONCE]
                asked.append(read((*start, some if table.clustering else [key for (key,) in some])))
        if asked:
            await run_concurrently(*asked)
        return found

    async def reached(self, projection: Projection, topic: str, partition: int) -> int | None:
        """The order key below which the version's rows count all; None: nothing was ever written."""
        statement = await self._session.prepare(
            f"SELECT next FROM {self._keyspace}.{WATERMARKS.name}"  # noqa: S608 - a checked setting
            " WHERE scope = ? AND projection = ? AND version = ? AND topic = ? AND partition = ?"
        )
        rows = await self._session.execute(statement, (LIVE, projection.name, projection.version, topic, partition))
        return rows[0][0] if rows else None


def _select(name: str, table: Table) -> str:
    columns = ", ".join(table.columns)
    partition = " AND ".join(f"{column} = ?" for column in table.partition_key)
    where = f"{partition} AND ({', '.join(table.clustering)}) IN ?" if table.clustering else partition
    if not table.clustering:
        where = f"{next(iter(table.partition_key))} IN ?"
    return f"SELECT {columns} FROM {name} WHERE {where}"  # noqa: S608 - names of our own tables


class MissedRecords:
    """Reads what was missed from the log."""

    def __init__(self, properties: Mapping[str, str], topics: Catalogue) -> None:
        self._properties = properties
        self._topics = topics

    async def __call__(self, topic: str, partition: int, start: int, stop: int) -> AsyncIterator[list[Placed]]:
        """The records from `start` to `stop` (excluded), without those that are parked. Raises OutOfRange,
        LogUnavailable, FatalLogError, NewerRecord for one that nobody has set aside."""
        messages = scan(self._properties, topic, partition, start, stop)

        def some() -> tuple[int, list[Placed]]:
            read, found = 0, []
            for message in messages:
                read += 1
                if (placed := self._placed(topic, partition, message)) is not None:
                    found.append(placed)
                if read == MAX_READ:
                    break
            return read, found

        while True:
            read, found = await asyncio.to_thread(some)
            if found:
                yield found
            if read < MAX_READ:
                return

    def _placed(self, topic: str, partition: int, message: Any) -> Placed | None:
        value, offset = message.value(), message.offset()
        record_type = record_type_of(value)
        if record_type is not None and record_type not in RECORDS[topic]:
            return None
        try:
            return decode(value), self._topics.position(topic, partition, offset)
        except UndecodableRecord:
            return None
        except NewerRecord:
            if not is_set_aside(self._properties, topic, partition, offset, message.timestamp()[1]):
                raise
            return None
