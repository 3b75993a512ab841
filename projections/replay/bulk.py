"""Writes rows to Cassandra in bulk, from a thread without an event loop.

What the live writer does a record at a time, a task each, is done here a window at a time: rows are encoded once,
grouped by partition, and a batch costs one call and one call back. A window counts when all of it is durable, and
windows count in their order.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from infra.cassandra.errors import StoreError, StoreRefused
from infra.cassandra.session import CassandraSession
from infra.clock import monotonic_s
from infra.runtime.retrying import Patience, Retrying
from projections.replay.encoding import Shape, Statement, encoded, routing_of, statement
from projections.replay.pace import LONGEST_SLEEP_S, Allowance
from projections.replay.requests import Partition, Request, lasting, requests_of
from projections.rows import RowChange, partition_of
from projections.writer import statement_of

IN_FLIGHT = 32
GIVE_UP_S = 120.0
RETRYING = Retrying("rebuild.store", 0.1, 5.0, GIVE_UP_S)


@dataclass(slots=True)
class _Window:
    left: int
    done: Callable[[], None]


class BulkWriter:
    """Writes row changes for one thread. Repeating a write, or writing in another order, ends in the same rows."""

    def __init__(
        self,
        session: CassandraSession,
        keyspace: str,
        *,
        join: bool | None = None,
        in_flight: int = IN_FLIGHT,
        max_rate: int | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """To be made in the session's loop, and used in another thread while that loop runs.

        `join`: whether small partitions go together; None: if the cluster is a single node. `max_rate`: rows a second.
        `check` is called while it waits, and raises what ends that.
        """
        self._session = session
        self._keyspace = keyspace
        self._join = session.has_one_node if join is None else join
        self._most = in_flight
        self.max_rate = max_rate
        self._check = check
        self._loop = asyncio.get_running_loop()
        self._statements: dict[Shape, Statement] = {}
        self._changed = threading.Condition()
        self._in_flight = 0
        self._failed: list[tuple[_Window, Request, StoreError]] = []
        self._windows: deque[_Window] = deque()
        self._allowance = Allowance()
        self.rows = 0
        self.requests = 0

    def write(self, changes: Iterable[tuple[int, RowChange]], done: Callable[[], None]) -> None:
        """Send changes, each with its tables' version; waits while much is under way.

        `done` is called by a later `write` or `flush`, once these and all earlier ones are durable.
        Raises StoreRefused; StoreUnavailable when the store was away for GIVE_UP_S: what is not done is to be repeated.
        """
        found = list(requests_of(self._partitions(changes), join=self._join))
        window = _Window(len(found), done)
        self._windows.append(window)
        for request in found:
            self._check()
            self._pace(len(request.rows))
            self._wait_for_room(self._most)
            self._send(window, request)
        self._settle()

    def flush(self) -> None:
        """Return when everything is durable and every `done` was called. Raises as `write`."""
        self._wait_for_room(1)
        self._settle()

    def _partitions(self, changes: Iterable[tuple[int, RowChange]]) -> Iterable[Partition]:
        partitions: dict[tuple[str | int, ...], Partition] = {}
        statements = self._statements
        for shape, change in lasting(changes):
            known = statements.get(shape) or self._prepare(shape)
            row = encoded(known, change)
            key = partition_of(change)
            there = partitions.get(key)
            if there is None:
                partitions[key] = Partition(routing_of(change, row), [row])
            else:
                there.changes.append(row)
        return partitions.values()

    def _prepare(self, shape: Shape) -> Statement:
        cql = statement_of(self._keyspace, *shape)
        prepared = asyncio.run_coroutine_threadsafe(self._session.prepare(cql), self._loop).result()
        known = self._statements[shape] = statement(prepared.query_id, shape)
        return known

    def _pace(self, rows: int) -> None:
        self._allowance.spend(rows, self.max_rate, monotonic_s())
        while wait_s := self._allowance.wait_s(monotonic_s()):
            time.sleep(min(wait_s, LONGEST_SLEEP_S))
            self._check()

    def _send(self, window: _Window, request: Request) -> None:
        with self._changed:
            self._in_flight += 1
        self.rows += len(request.rows)
        self.requests += 1
        answered = partial(self._answered, window, request)
        self._session.send(request.rows, request.routing, self._keyspace, answered)

    def _answered(self, window: _Window, request: Request, error: StoreError | None) -> None:
        with self._changed:
            self._in_flight -= 1
            if error is None:
                window.left -= 1
            else:
                self._failed.append((window, request, error))
            self._changed.notify()

    def _wait_for_room(self, most: int) -> None:
        """Return when fewer than `most` requests are under way and none has failed."""
        patience: Patience | None = None
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._in_flight < most or self._failed)
                if not self._failed:
                    return
                self._changed.wait_for(lambda: not self._in_flight)
                failed, self._failed = self._failed, []
            patience = patience or RETRYING.begin()
            refused = next((error for _, _, error in failed if isinstance(error, StoreRefused)), None)
            if refused is not None or (pause_s := patience.pause_s()) is None:
                raise refused or failed[0][2]
            self._check()
            time.sleep(pause_s)
            for window, request, _ in failed:
                with self._changed:
                    self._changed.wait_for(lambda: self._in_flight < self._most)
                self._send(window, request)
            # Whatever fails again is seen before anything new is sent.
            with self._changed:
                self._changed.wait_for(lambda: not self._in_flight)

    def _settle(self) -> None:
        while self._windows and not self._windows[0].left:
            self._windows.popleft().done()
