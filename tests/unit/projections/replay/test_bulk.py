from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest

import projections.replay.bulk as module
from infra.cassandra.errors import StoreError, StoreRefused, StoreUnavailable
from infra.cassandra.session import EncodedRow
from infra.runtime.retrying import Retrying
from projections.conversations.table import CONVERSATIONS
from projections.replay.bulk import BulkWriter
from projections.rows import Put, RowChange

Done = Callable[[StoreError | None], None]


class Prepared:
    query_id = b"id"


class HeldSession:
    """Answers once so many requests wait, the last one first; and when it is told to."""

    has_one_node = False

    def __init__(self, held: int = 1) -> None:
        self.held = held
        self.waiting: list[tuple[bytes, Done]] = []
        self.sent: list[bytes] = []
        self.answers: list[StoreError | None] = []
        self.most = 0

    async def prepare(self, cql: str) -> Any:
        return Prepared()

    def send(self, rows: Sequence[EncodedRow], routing_key: Sequence[bytes], keyspace: str, done: Done) -> None:
        self.sent.append(routing_key[0])
        self.waiting.append((routing_key[0], done))
        self.most = max(self.most, len(self.waiting))
        if len(self.waiting) >= self.held:
            self.answer()

    def answer(self) -> None:
        waiting, self.waiting = self.waiting, []
        for _, done in reversed(waiting):
            done(self.answers.pop(0) if self.answers else None)


def changes(*names: str) -> list[tuple[int, RowChange]]:
    return [(1, Put(CONVERSATIONS, (name,), {"title": "x"}, 1)) for name in names]


async def written(session: Any, windows: list[list[tuple[int, RowChange]]]) -> list[int]:
    """The windows that were done, in their order, all of them having been written in a thread."""
    writer = BulkWriter(session, "k", in_flight=4)
    done: list[int] = []

    def run() -> None:
        for nth, window in enumerate(windows):
            writer.write(window, partial(done.append, nth))
        session.answer()
        writer.flush()

    await asyncio.to_thread(run)
    return done


async def test_windows_are_done_in_their_order_and_little_is_in_flight() -> None:
    session = HeldSession(4)
    windows = [changes(*(f"{nth}-{n}" for n in range(3))) for nth in range(6)] + [[]]
    assert await written(session, windows) == [0, 1, 2, 3, 4, 5, 6]
    assert session.most <= 4
    assert len(session.sent) == 18


async def test_what_an_outage_swallowed_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRYING", Retrying("test", 0.001, 5.0, 120.0))
    session = HeldSession()
    session.answers = [StoreUnavailable("away"), None, StoreUnavailable("away"), StoreUnavailable("away")]
    assert await written(session, [changes("a", "b", "c"), changes("d")]) == [0, 1]
    assert sorted(set(session.sent)) == [b"a", b"b", b"c", b"d"]
    assert session.sent.count(b"a") == 2


async def test_a_refusal_and_too_long_an_outage_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRYING", Retrying("test", 0.001, 5.0, 0.0))
    for error in (StoreRefused("no such table"), StoreUnavailable("away")):
        session = HeldSession()
        session.answers = [error, error, error]
        with pytest.raises(type(error)):
            await written(session, [changes("a"), changes("b")])


async def test_a_writer_keeps_to_its_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 100.0
    slept: list[float] = []

    def sleep(pause_s: float) -> None:
        nonlocal now_s
        now_s += pause_s
        slept.append(pause_s)

    monkeypatch.setattr("time.sleep", sleep)
    monkeypatch.setattr(module, "monotonic_s", lambda: now_s)
    writer = BulkWriter(HeldSession(), "k", max_rate=10)  # type: ignore[arg-type]  # it has what a writer asks of a session

    def run() -> None:
        writer.write(changes("a", "b", "c", "d"), lambda: None)
        writer.flush()

    await asyncio.to_thread(run)
    # A tenth of a second each; the first one was free.
    assert slept == pytest.approx([0.1, 0.1, 0.1])
