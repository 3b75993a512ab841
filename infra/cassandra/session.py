"""Cassandra for an event loop: prepared statements only, a limit of requests in flight, one wake-up per burst."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Literal

from cassandra import DriverException, UnresolvableContactPoints
from cassandra.cluster import NoHostAvailable
from cassandra.query import BatchStatement, BatchType

from infra.cassandra.cluster import cluster_of
from infra.cassandra.errors import StoreError, StoreRefused
from infra.cassandra.refusals import translate
from infra.runtime.bridge import Burst
from infra.runtime.metrics import bound
from infra.settings.servers import CassandraSettings

Row = tuple[Any, ...]
EncodedRow = tuple[Literal[True], bytes, Sequence[bytes]]
"""A prepared statement's id and its values as the protocol has them; True: it is prepared."""
_Answer = tuple[asyncio.Future[Any], Any, Exception | None]

# Beyond about 64 in flight only latency grows (research "streaming" §4b).
_MAX_IN_FLIGHT = 64
_PAGE_ROWS = 5000
_slots_full = bound("cassandra.in_flight")


class CassandraSession:
    """One driver session for one event loop. Table names in statements are qualified by their keyspace."""

    def __init__(self, cluster: Any, session: Any, where: str, request_timeout_s: float) -> None:
        """Use `connect`."""
        self._cluster = cluster
        self._session = session
        self._where = where
        self._timeout_s = request_timeout_s
        self._loop = asyncio.get_running_loop()
        self._slots = asyncio.Semaphore(_MAX_IN_FLIGHT)
        self._prepared: dict[str, Any] = {}
        self._preparing = asyncio.Lock()
        self._answers: Burst[_Answer] = Burst(self._taken)
        self._answers.bind(self._loop)

    @classmethod
    async def connect(cls, settings: CassandraSettings, *, request_timeout_s: float = 5.0) -> CassandraSession:
        """A session on the cluster of `settings`; the keyspace need not exist.

        Raises StoreUnavailable if no contact point answers, StoreRefused if the credentials are wrong.
        """
        where = f"{', '.join(settings.contact_points) or 'no contact point'} port {settings.port}"
        if not settings.contact_points:
            raise StoreRefused("no contact point of Cassandra is set: cassandra.contact_points")
        cluster = cluster_of(settings, request_timeout_s)
        try:
            session = await asyncio.to_thread(cluster.connect)
        except (NoHostAvailable, UnresolvableContactPoints, DriverException, OSError) as error:
            await asyncio.to_thread(cluster.shutdown)
            raise translate(error, where) from error
        session.default_fetch_size = _PAGE_ROWS
        return cls(cluster, session, where, request_timeout_s)

    @property
    def has_one_node(self) -> bool:
        """Whether the cluster is a single node, as far as is known now."""
        return len(self._cluster.metadata.all_hosts()) == 1

    async def prepare(self, cql: str) -> Any:
        """The prepared statement of `cql`, from a cache that lives as long as the session."""
        statement: Any = self._prepared.get(cql)
        if statement is None:
            # Preparing blocks its thread for a round trip to every node.
            async with self._preparing:
                statement = self._prepared.get(cql)
                if statement is None:
                    try:
                        statement = await asyncio.to_thread(self._session.prepare, cql)
                    except (NoHostAvailable, DriverException) as error:
                        raise translate(error, self._where) from error
                    # True of every statement of ours: writes carry their own timestamps.
                    statement.is_idempotent = True
                    self._prepared[cql] = statement
        return statement

    async def execute(self, statement: Any, parameters: Sequence[Any] | None = None) -> list[Row]:
        """Run a prepared, bound or batch statement; returns all its rows.

        Reads that may be long set a LIMIT of their own. Raises StoreUnavailable, StoreRefused.
        """
        rows, more = await self._page(statement, parameters, None)
        while more is not None:
            further, more = await self._page(statement, parameters, more)
            rows += further
        return rows

    async def page(
        self, statement: Any, parameters: Sequence[Any] | None = None, after: bytes | None = None
    ) -> tuple[list[Row], bytes | None]:
        """One page of a query's rows (the statement's `fetch_size`), and what the next one is asked for with.

        None: there is none after it. Raises as `execute`.
        """
        return await self._page(statement, parameters, after)

    async def write(self, bound: Sequence[Any]) -> None:
        """Apply bound statements together: those of one partition as one mutation. Raises as `execute`."""
        if len(bound) == 1:
            await self._page(bound[0], None, None)
            return
        batch = BatchStatement(BatchType.UNLOGGED)
        # The driver takes the routing key of the first statement.
        for statement in bound:
            batch.add(statement)
        batch.is_idempotent = True
        await self._page(batch, None, None)

    def send(
        self,
        rows: Sequence[EncodedRow],
        routing_key: Sequence[bytes],
        keyspace: str,
        done: Callable[[StoreError | None], None],
    ) -> None:
        """Send rows as one batch and return at once, from any thread; the caller bounds what is in flight.

        `routing_key`: the partition key's values of the first row. `done` is called from a thread of the driver, or
        before this returns, with what went wrong. For bulk: no event loop, no binding, one call back a batch.
        """
        batch = BatchStatement(BatchType.UNLOGGED)
        # What BatchStatement.add does to bound statements, for values that are encoded already.
        batch._statements_and_parameters.extend(rows)
        batch.routing_key = list(routing_key)
        batch.keyspace = keyspace
        batch.is_idempotent = True
        try:
            response = self._session.execute_async(batch, timeout=self._timeout_s)
        except (NoHostAvailable, DriverException) as error:
            done(translate(error, self._where))
            return
        response.add_callbacks(lambda _: done(None), lambda error: done(translate(error, self._where)))

    async def run(self, cql: str) -> None:
        """Run a schema statement and wait until all nodes agree. Raises as `execute`."""
        try:
            await asyncio.to_thread(self._session.execute, cql, timeout=60.0)
        except (NoHostAvailable, DriverException) as error:
            raise translate(error, self._where) from error

    async def aclose(self) -> None:
        await asyncio.to_thread(self._cluster.shutdown)

    async def _page(
        self, statement: Any, parameters: Sequence[Any] | None, paging_state: bytes | None
    ) -> tuple[list[Row], bytes | None]:
        if self._slots.locked():
            _slots_full()
        await self._slots.acquire()
        answer: asyncio.Future[tuple[list[Row], bytes | None]] = self._loop.create_future()
        try:
            response = self._session.execute_async(
                statement, parameters, timeout=self._timeout_s, paging_state=paging_state
            )
        except (NoHostAvailable, DriverException, TypeError, ValueError) as error:
            self._slots.release()
            raise translate(error, self._where) from error
        except BaseException:
            self._slots.release()
            raise
        # The slot is given back when the answer comes, not when its waiter leaves.
        response.add_callbacks(self._succeeded, self._failed, callback_args=(answer, response), errback_args=(answer,))
        return await answer

    def _succeeded(self, rows: list[Row] | None, answer: asyncio.Future[Any], response: Any) -> None:
        more = response._paging_state if response.has_more_pages else None
        self._hand_over(answer, (rows or [], more), None)

    def _failed(self, error: Exception, answer: asyncio.Future[Any]) -> None:
        self._hand_over(answer, None, translate(error, self._where))

    def _hand_over(self, answer: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
        # Runs in the driver's thread: one wake-up of the loop takes a whole burst (30-40 % more requests/s).
        self._answers.add((answer, result, error))
        self._answers.wake()

    def _taken(self, answers: deque[_Answer]) -> None:
        while answers:
            answer, result, error = answers.popleft()
            self._slots.release()
            if answer.done():
                continue
            if error is None:
                answer.set_result(result)
            else:
                answer.set_exception(error)
