"""Writes row changes to Cassandra: one mutation per partition, few requests, concurrently."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Any

from infra.cassandra.concurrently import run_concurrently
from infra.cassandra.errors import ValueRefused
from infra.cassandra.session import CassandraSession
from projections.rows import Erase, Put, RowChange, Table, partition_of, size_of
from projections.versions import physical_name
from projections.watermarks import WATERMARKS

MAX_BATCH_BYTES = 48 * 1024
MAX_BATCH_CHANGES = 200
# Cassandra refuses batches of several partitions above 50 KiB (batch_size_fail_threshold), and it counts more bytes
# than we do; it warns of more than 10 partitions.
MAX_JOINED_BYTES = 16 * 1024
MAX_JOINED_PARTITIONS = 10

Versioned = tuple[int, RowChange]
Shape = tuple[Table, int, tuple[str, ...] | None]


def joined(partitions: list[list[Versioned]]) -> list[list[Versioned]]:
    """Small partitions put together, in their order.

    For one node it is one mutation less to answer for each; more nodes would each have to be asked by the first.
    """
    requests: list[list[Versioned]] = []
    gathered: list[Versioned] = []
    room, places = MAX_JOINED_BYTES, MAX_JOINED_PARTITIONS
    for changes in partitions:
        size = sum(size_of(change) for _, change in changes)
        if size > MAX_JOINED_BYTES // 2:
            requests.append(changes)
            continue
        if gathered and (size > room or not places):
            requests.append(gathered)
            gathered, room, places = [], MAX_JOINED_BYTES, MAX_JOINED_PARTITIONS
        gathered = gathered + changes
        room, places = room - size, places - 1
    return [*requests, gathered] if gathered else requests


class RowWriter:
    """Writes row changes. Repeating a write, or writing in another order, ends in the same rows."""

    def __init__(self, session: CassandraSession, keyspace: str, *, join: bool | None = None) -> None:
        """`join`: whether small partitions go together in one request; None: if the cluster is a single node."""
        self._join = join
        self._session = session
        self._keyspace = keyspace
        self._prepared: dict[Shape, Any] = {}

    async def write(self, changes: Iterable[Versioned]) -> None:
        """Apply changes, each with its tables' version; those of one partition in their order.

        Returns when all are durable. Raises StoreUnavailable (some may have been applied: repeat all), StoreRefused;
        ValueRefused if it is for the values of some change.
        """
        partitions: dict[tuple[str | int, ...], list[Versioned]] = {}
        for versioned in changes:
            partitions.setdefault(partition_of(versioned[1]), []).append(versioned)
        requests = list(partitions.values())
        if len(requests) > 1 and (self._session.has_one_node if self._join is None else self._join):
            requests = joined(requests)
        if len(requests) == 1:
            await self._write_in_order(requests[0])
        else:
            await run_concurrently(*(self._write_in_order(request) for request in requests))

    async def _write_in_order(self, changes: Sequence[Versioned]) -> None:
        batch: list[Any] = []
        size = 0
        for version, change in changes:
            more = size_of(change)
            if batch and (size + more > MAX_BATCH_BYTES or len(batch) == MAX_BATCH_CHANGES):
                await self._session.write(batch)
                batch, size = [], 0
            batch.append(await self._bound(version, change))
            size += more
        await self._session.write(batch)

    async def _bound(self, version: int, change: RowChange) -> Any:
        table = change.table
        columns = tuple(change.cells) if isinstance(change, Put) else None
        shape = (table, version, columns)
        statement = self._prepared.get(shape)
        if statement is None:
            cql = statement_of(self._keyspace, table, version, columns)
            statement = self._prepared[shape] = await self._session.prepare(cql)
        try:
            if isinstance(change, Erase):
                return statement.bind((change.timestamp, *change.key))
            return statement.bind((*change.key, *change.cells.values(), change.timestamp))
        except (TypeError, ValueError, OverflowError, struct.error) as error:
            # The driver's words may quote the value.
            raise ValueRefused(f"a value fits no column of {table.name}: {type(error).__name__}") from None


def statement_of(keyspace: str, table: Table, version: int, columns: tuple[str, ...] | None) -> str:
    """What writes `columns` of a version's table; None: what erases a partition of it. The watermarks have no version.

    The values: key, columns, timestamp; of an erasure timestamp, partition key.
    """
    name = f"{keyspace}.{WATERMARKS.name}" if table is WATERMARKS else physical_name(keyspace, table, version)
    if columns is None:
        where = " AND ".join(f"{column} = ?" for column in table.partition_key)
        return f"DELETE FROM {name} USING TIMESTAMP ? WHERE {where}"  # noqa: S608 - names of our own tables
    named = (*table.key, *columns)
    marks = ", ".join("?" * len(named))
    return f"INSERT INTO {name} ({', '.join(named)}) VALUES ({marks}) USING TIMESTAMP ?"  # noqa: S608 - as above
