"""Limits how many operations run at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class GateBusy(Exception):
    """No place became free in time."""


class Gate:
    """A number of places; a caller without one waits for it."""

    def __init__(self, places: int) -> None:
        self._places = asyncio.Semaphore(places)

    @asynccontextmanager
    async def entered(self, within_s: float) -> AsyncIterator[None]:
        """Hold a place for the length of the block. Raises GateBusy if none is free within `within_s`."""
        try:
            async with asyncio.timeout(within_s):
                await self._places.acquire()
        except TimeoutError:
            raise GateBusy from None
        try:
            yield
        finally:
            self._places.release()
