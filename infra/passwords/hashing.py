"""Passwords are kept as argon2id hashes. Hashing runs in a few threads of its own, and few wait for one.

A hash names the parameters that it was made with. Where they differ from today's, a password that fits is hashed again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST = 10
LONGEST = 256
TIME_COST = 2
MEMORY_KIB = 19_456
LANES = 1
MAX_THREADS = 2
MAX_WAITING = 32
"""Who comes when so many wait is told to come again."""

T = TypeVar("T")


class HashingFull(Exception):
    """More passwords are being checked than may wait."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a hash costs (RFC 9106): `memory_kib` KiB, `time_cost` passes over them, in `lanes` lanes."""

    time_cost: int = TIME_COST
    memory_kib: int = MEMORY_KIB
    lanes: int = LANES


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a password fits. `renewed`: its hash by today's parameters, where the old one had others."""

    fits: bool
    renewed: str | None = None


NO_FIT = Verdict(False)


class Passwords:
    """Hashes and checks, at most MAX_THREADS at a time, with at most MAX_WAITING who wait."""

    def __init__(
        self,
        parameters: Parameters | None = None,
        threads: int = MAX_THREADS,
        most_waiting: int = MAX_WAITING,
    ) -> None:
        costs = parameters or Parameters()
        self._hasher = PasswordHasher(costs.time_cost, costs.memory_kib, costs.lanes, type=Type.ID)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="passwords")
        self._room = threads + most_waiting
        self._inside = 0
        # What a password of nobody is held against: it costs what a real one does.
        self._nobodys = self._hasher.hash("the password of no account")

    async def hashed(self, password: str) -> str:
        """The hash to keep. Raises HashingFull."""
        return await self._run(lambda: self._hasher.hash(password))

    async def verdict(self, kept: str | None, password: str) -> Verdict:
        """Whether `password` is the one of this hash; of no hash (None), never, and that takes as long.

        Raises HashingFull.
        """
        return await self._run(lambda: self._check(kept, password))

    def _check(self, kept: str | None, password: str) -> Verdict:
        try:
            self._hasher.verify(self._nobodys if kept is None else kept, password)
        except (VerificationError, InvalidHashError):
            return NO_FIT
        if kept is None:
            return NO_FIT
        return Verdict(True, self._hasher.hash(password) if self._hasher.check_needs_rehash(kept) else None)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._inside >= self._room:
            raise HashingFull
        self._inside += 1
        # A caller that leaves frees its place only when its thread is done: threads cannot be stopped.
        doing = asyncio.get_running_loop().run_in_executor(self._threads, work)
        doing.add_done_callback(self._left)
        return await asyncio.shield(doing)

    def _left(self, done: asyncio.Future[T]) -> None:
        self._inside -= 1
        if not done.cancelled():
            done.exception()  # who left sees no error; everybody else has it from their own await

    def close(self) -> None:
        """Whoever still waits is given up."""
        self._threads.shutdown(wait=False, cancel_futures=True)
