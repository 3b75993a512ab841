"""Keeps a Book up to date: reads `admissions` from its beginning, ungrouped, and then as it grows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from topics.admission.book import Book
from topics.catalogue import ADMISSIONS, Catalogue
from topics.scan import watermarks
from topics.tail import Tail

CATCH_UP_S = 300.0
"""How long the reading of what there is may take before a process gives up."""
FENCE_S = 10.0


async def ends_of(properties: Mapping[str, str], topics: Catalogue) -> dict[int, int]:
    """The end of each partition of `admissions`, asked of the broker now. Raises LogUnavailable."""
    partitions = range(topics[ADMISSIONS].partitions)
    found = await asyncio.gather(
        *(asyncio.to_thread(watermarks, properties, ADMISSIONS, partition) for partition in partitions)
    )
    return {partition: end for partition, (_, end) in zip(partitions, found, strict=True)}


class Fence:
    """Waits until a book has read all that stood in the log when it was asked. Callers share the looks at its ends."""

    def __init__(self, book: Book, ends: Callable[[], Awaitable[Mapping[int, int]]]) -> None:
        """`ends`: asks for the ends of `admissions`, as `ends_of`."""
        self._book = book
        self._ends = ends
        self._looking = asyncio.Lock()
        self._begun = 0
        self._seen_by = 0
        self._seen: Mapping[int, int] = {}

    async def passed(self, within_s: float = FENCE_S) -> None:
        """Raises LogUnavailable."""
        begun = self._begun
        async with self._looking:
            if self._seen_by <= begun:  # the last look began before this call
                self._begun += 1
                look = self._begun
                self._seen, self._seen_by = await self._ends(), look
            ends = self._seen
        for partition, end in ends.items():
            await self._book.read_up_to(partition, end, within_s)


@asynccontextmanager
async def following(properties: Mapping[str, str], topics: Catalogue) -> AsyncIterator[tuple[Book, Tail]]:
    """A book that has read all there was when this was entered. Raises LogUnavailable.

    Watch `tail.failed()`: a book whose tail has ended is wrong.
    """
    partitions = range(topics[ADMISSIONS].partitions)
    bounds = await asyncio.gather(
        *(asyncio.to_thread(watermarks, properties, ADMISSIONS, partition) for partition in partitions)
    )
    book = Book(topics, {partition: first for partition, (first, _) in zip(partitions, bounds, strict=True)})
    tail = Tail(properties, ADMISSIONS, book.on_batch)
    await tail.start(list(partitions), from_offsets={p: first for p, (first, _) in enumerate(bounds)})
    try:
        for partition, (_, end) in enumerate(bounds):
            await book.read_up_to(partition, end, CATCH_UP_S)
        yield book, tail
    finally:
        await tail.aclose()
