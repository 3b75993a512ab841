"""The projector behind its agent: shared by the live process and the simulation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from projections.projector import Projector
from projections.registry import Projected
from projections.rows import Unprojectable
from projections.watermarks import LogPlace
from streams.errors import Poison
from streams.faust.handlers import Handler, Source


@asynccontextmanager
async def handling(projector: Projector) -> AsyncIterator[Handler[Projected]]:
    """The handler of an agent that holds its records: each is acknowledged once its rows are written, or parked once
    the store has refused them for what they are."""

    async def handle(record: Projected, source: Source) -> None:
        place = LogPlace(source.topic, source.partition, source.offset)
        try:
            await projector.take(record, place, source.acknowledge, source.park)
        except Unprojectable as error:
            raise Poison(str(error)) from error

    async with asyncio.TaskGroup() as group:
        group.create_task(projector.run())
        try:
            yield handle
        finally:
            projector.close()
