"""The projector behind its agent: shared by the live process and the simulation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from projections.projector import Projector
from projections.registry import Projected
from projections.rows import Unprojectable
from projections.watermarks import LogPlace
from streams.errors import Poison
from streams.faust.handlers import Holding, Source


class Projecting:
    """The handler of an agent that holds its records: each is acknowledged once its rows are written, or parked once
    the store has refused them for what they are. One that nothing comes of moves the watermark all the same."""

    def __init__(self, projector: Projector) -> None:
        self._projector = projector

    async def __call__(self, record: Projected, source: Source) -> None:
        place = LogPlace(source.topic, source.partition, source.offset)
        try:
            await self._projector.take(record, place, source.acknowledge, source.park)
        except Unprojectable as error:
            raise Poison(str(error)) from error

    async def passed(self, topic: str, partition: int, offset: int, acknowledge: Callable[[], None]) -> None:
        await self._projector.pass_over(LogPlace(topic, partition, offset), acknowledge)


@asynccontextmanager
async def handling(projector: Projector) -> AsyncIterator[Holding[Projected]]:
    """The handler over a projector that runs for the length of the block."""
    async with asyncio.TaskGroup() as group:
        group.create_task(projector.run())
        try:
            yield Projecting(projector)
        finally:
            projector.close()
