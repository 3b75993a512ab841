"""Cassandra for an event loop: prepared statements only, a limit of requests in flight, one wake-up per burst.

StoreError
├── StoreUnavailable   no node answered in time, or not enough replicas: retry
└── StoreRefused       the store said no (wrong credentials, unknown table): retrying changes nothing
    └── ValueRefused       it is these values that it takes never: too large, or none of their column's
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import ssl
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Literal, TypeVar

from cassandra import (
    AuthenticationFailed,
    ConsistencyLevel,
    DriverException,
    InvalidRequest,
    RequestExecutionException,
    RequestValidationException,
    UnresolvableContactPoints,
)
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable
from cassandra.policies import DCAwareRoundRobinPolicy, ExponentialReconnectionPolicy, TokenAwarePolicy
from cassandra.query import BatchStatement, BatchType, tuple_factory

from infra.runtime.bridge import Burst
from infra.runtime.failures import leaves
from infra.runtime.metrics import bound
from infra.settings import CassandraSettings

Row = tuple[Any, ...]
EncodedRow = tuple[Literal[True], bytes, Sequence[bytes]]
"""A prepared statement's id and its values as the protocol has them; True: it is prepared."""
_Answer = tuple[asyncio.Future[Any], Any, Exception | None]
T = TypeVar("T")

# Spoken by Cassandra 2.2 to 5; v5 adds checksums that cost Python more per request than everything else it frames.
_PROTOCOL_VERSION = 4
_CONNECT_TIMEOUT_S = 10.0
# Beyond about 64 in flight only latency grows (research "streaming" §4b).
_MAX_IN_FLIGHT = 64
_PAGE_ROWS = 5000
_slots_full = bound("cassandra.in_flight")

_OF_THE_SCHEMA = re.compile(
    r"unconfigured|does not exist|doesn't exist|unknown|undefined|not found|keyspace|unauthori[sz]ed|permission", re.I
)
"""In the server's words for an invalid request that is invalid whatever its values are."""

# The driver reports every failed connection attempt with a traceback; we say it once, in one line, where it matters.
logging.getLogger("cassandra").setLevel(logging.CRITICAL)


class StoreError(Exception):
    """Root of the errors of this module."""


class StoreUnavailable(StoreError):
    """No answer in time. A write may or may not have been applied: repeat it."""


class StoreRefused(StoreError):
    """The store answered no, and will again."""


class ValueRefused(StoreRefused):
    """The store will never take these values; it takes others."""


async def run_concurrently(*operations: Coroutine[Any, Any, T]) -> list[T]:
    """The results of operations that run at the same time. When some fail, raises one StoreError for all of them."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(operation) for operation in operations]
    except* StoreError as errors:
        raise _most_severe(errors) from None
    return [task.result() for task in tasks]


def _most_severe(errors: BaseExceptionGroup[StoreError]) -> StoreError:
    """A refusal before an outage, for it will not go away."""
    flat = [error for error in leaves(errors) if isinstance(error, StoreError)]
    return next((error for error in flat if isinstance(error, StoreRefused)), flat[0])


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
        cluster = _cluster(settings, request_timeout_s)
        try:
            session = await asyncio.to_thread(cluster.connect)
        except (NoHostAvailable, UnresolvableContactPoints, DriverException, OSError) as error:
            await asyncio.to_thread(cluster.shutdown)
            raise _translate(error, where) from error
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
                        raise _translate(error, self._where) from error
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
            done(_translate(error, self._where))
            return
        response.add_callbacks(lambda _: done(None), lambda error: done(_translate(error, self._where)))

    async def run(self, cql: str) -> None:
        """Run a schema statement and wait until all nodes agree. Raises as `execute`."""
        try:
            await asyncio.to_thread(self._session.execute, cql, timeout=60.0)
        except (NoHostAvailable, DriverException) as error:
            raise _translate(error, self._where) from error

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
            raise _translate(error, self._where) from error
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
        self._hand_over(answer, None, _translate(error, self._where))

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


def _cluster(settings: CassandraSettings, request_timeout_s: float) -> Any:
    profile = ExecutionProfile(
        load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy(settings.local_dc)),
        consistency_level=ConsistencyLevel.LOCAL_QUORUM,
        request_timeout=request_timeout_s,
        row_factory=tuple_factory,
    )
    context = None
    if settings.ssl_ca_file is not None:
        context = ssl.create_default_context(cafile=str(settings.ssl_ca_file))
    credentials = None
    if settings.username is not None and settings.password is not None:
        credentials = PlainTextAuthProvider(settings.username, settings.password.get_secret_value())
    return Cluster(
        contact_points=list(settings.contact_points),
        port=settings.port,
        protocol_version=_PROTOCOL_VERSION,
        compression=False,
        auth_provider=credentials,
        ssl_context=context,
        # 44 ms a request above 4 KiB otherwise (Nagle and delayed acknowledgements).
        sockopts=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        reconnection_policy=ExponentialReconnectionPolicy(0.5, 8.0),
        connect_timeout=_CONNECT_TIMEOUT_S,
        control_connection_timeout=_CONNECT_TIMEOUT_S,
        max_schema_agreement_wait=30,
        monitor_reporting_enabled=False,
        application_name="verbatim",
    )


def _is_of_a_value(error: BaseException) -> bool:
    """Whether a refusal is of the values, not of who asks or of tables that are not there."""
    if isinstance(error, RequestValidationException):
        return isinstance(error, InvalidRequest) and not _OF_THE_SCHEMA.search(str(error))
    return True


def _translate(error: BaseException, where: str) -> StoreError:
    if isinstance(error, NoHostAvailable):
        causes = [cause for cause in error.errors.values() if isinstance(cause, BaseException)]
        for cause in causes:
            if isinstance(cause, AuthenticationFailed):
                return StoreRefused(f"Cassandra ({where}) refused the credentials")
        names = sorted({type(cause).__name__ for cause in causes})
        return StoreUnavailable(f"no node of Cassandra answers ({where}){': ' + ', '.join(names) if names else ''}")
    if isinstance(error, UnresolvableContactPoints):
        return StoreUnavailable(f"no contact point of Cassandra has an address ({where})")
    if isinstance(error, AuthenticationFailed):
        return StoreRefused(f"Cassandra ({where}) refused the credentials")
    if isinstance(error, RequestValidationException | TypeError | ValueError):
        # The driver's own complaints about a value may quote it; the server's name tables and columns alone.
        said = str(error) if isinstance(error, RequestValidationException) else type(error).__name__
        kind = ValueRefused if _is_of_a_value(error) else StoreRefused
        return kind(f"Cassandra refused a statement: {said}")
    if isinstance(error, RequestExecutionException):
        return StoreUnavailable(f"Cassandra ({where}) could not carry out a request: {type(error).__name__}")
    return StoreUnavailable(f"Cassandra ({where}) did not answer: {type(error).__name__}")
