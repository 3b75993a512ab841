"""Reads that several callers want at once: each is made once, and all get its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class _GivenUp:
    """Who was reading reads no more, and learned nothing that others may go by."""


_GIVEN_UP = _GivenUp()


class SharedReads(Generic[T]):
    """By key. `own`: errors that concern the caller who reads alone: the others then read themselves."""

    def __init__(self, own: tuple[type[Exception], ...] = ()) -> None:
        self._own = own
        self._asked: dict[str, asyncio.Future[T | _GivenUp]] = {}

    async def ask(self, key: str, read: Callable[[], Awaitable[T]]) -> T:
        """What `read` says, or another caller's that is under way. Raises as it does."""
        while (asked := self._asked.get(key)) is not None:
            answer = await asyncio.shield(asked)
            if not isinstance(answer, _GivenUp):
                return answer
        mine = self._asked[key] = asyncio.get_running_loop().create_future()
        # If no other caller waits for it, no other caller sees its error.
        mine.add_done_callback(lambda done: done.exception())
        try:
            found = await read()
        except Exception as error:
            mine.set_result(_GIVEN_UP) if isinstance(error, self._own) else mine.set_exception(error)
            raise
        except BaseException:
            mine.set_result(_GIVEN_UP)  # each waiting caller asks again itself
            raise
        else:
            mine.set_result(found)
            return found
        finally:
            del self._asked[key]
