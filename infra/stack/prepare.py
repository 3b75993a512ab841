"""The steps between ready servers and our processes, given by the composition root.

infra knows no topics and no tables; infra/cli passes in the callables that do (see `infra/cli/preparations.py`).
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from infra.settings import Settings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Preparation:
    """One step, shown to the user as `title`. `run` must be idempotent; it may block or be a coroutine function."""

    title: str
    run: Callable[[Settings], Awaitable[None] | None]


@dataclass(frozen=True, slots=True)
class Preparations:
    """`before` runs in order before our processes start; `first_key` after they are ready.

    `first_key(settings, known)` gets the key of an earlier start (or None) and returns the key to show: the known
    one while it opens the API, else a new one. `is_behind`, asked last, says whether there is something to bring along
    beside the running stack.
    """

    before: Sequence[Preparation] = ()
    first_key: Callable[[Settings, str | None], Awaitable[str] | str] | None = None
    is_behind: Callable[[], bool] = lambda: False


async def call(function: Callable[..., Awaitable[T] | T], *arguments: object) -> T:
    """Run a step that may block (then in a thread) or be a coroutine function."""
    result = await asyncio.to_thread(function, *arguments)
    if inspect.isawaitable(result):
        return await result
    return result
