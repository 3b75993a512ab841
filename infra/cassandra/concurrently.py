"""Operations that run at the same time, and one error for all that fail."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from infra.cassandra.errors import StoreError, StoreRefused
from infra.runtime.failures import leaves

T = TypeVar("T")


async def run_concurrently(*operations: Coroutine[Any, Any, T]) -> list[T]:
    """The results of operations that run at the same time. When some fail, raises one StoreError for all of them."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(operation) for operation in operations]
    except* StoreError as errors:
        raise _most_severe(errors) from None
    return [task.result() for task in tasks]


def _most_severe(errors: BaseExceptionGroup[StoreError]) -> StoreError:
    """A refusal before an outage, for it will not go away."""
    flat = [error for error in leaves(errors) if isinstance(error, StoreError)]
    return next((error for error in flat if isinstance(error, StoreRefused)), flat[0])
