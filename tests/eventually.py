"""Waiting for something to become true, instead of sleeping and hoping."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
FIRST_PAUSE_S = 0.01
LONGEST_PAUSE_S = 0.25
SLOWER = 3.0
"""A host may be so many times slower or busier than the one that the tests were written on. Waiting costs nothing there
where a check holds early."""


async def eventually(check: Callable[[], Awaitable[T] | T], timeout_s: float = 10.0) -> T:
    """Call `check` (plain or async) until it returns without raising and not False; returns what it returned.

    `timeout_s`: how long it may take on the host that the tests were written on. Fails with AssertionError after
    SLOWER times that, caused by the last error.
    """
    timeout_s *= SLOWER
    deadline = time.monotonic() + timeout_s
    pause = FIRST_PAUSE_S
    while True:
        try:
            result = check()
            answer: T = await result if isinstance(result, Awaitable) else result
            if answer is not False:
                return answer
            last: Exception = AssertionError("the check answered False")
        except Exception as error:  # any failure means "not yet" until the time is over
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not true within {timeout_s:g} s: {last}") from last
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_S)


def eventually_sync(check: Callable[[], T], timeout_s: float = 10.0) -> T:
    """`eventually` for tests without an event loop."""
    timeout_s *= SLOWER
    deadline = time.monotonic() + timeout_s
    pause = FIRST_PAUSE_S
    while True:
        try:
            answer = check()
            if answer is not False:
                return answer
            last: Exception = AssertionError("the check answered False")
        except Exception as error:  # any failure means "not yet" until the time is over
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not true within {timeout_s:g} s: {last}") from last
        time.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_S)
