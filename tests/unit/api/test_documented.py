"""Every operation is as /openapi.json says: requests drawn from the document, right ones and wrong ones."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.fuzz.asgi import Answered, ask
from tests.fuzz.documented import Asked, operations_of, tried
from tests.unit.api.matrix.rows import ids_of
from tests.unit.api.world import World, saying

SEED = 7
EXAMPLES = 3
OPERATIONS = {operation.label: operation for operation in operations_of(World().app.openapi())}


@contextmanager
def watched(world: World, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """For the length of the block, live streams of the world run."""
    enough = asyncio.Event()

    async def run() -> None:
        async with world.watched():
            await enough.wait()

    running = loop.create_task(run())
    try:
        yield
    finally:
        enough.set()
        loop.run_until_complete(running)


@pytest.mark.parametrize("label", OPERATIONS)
def test_every_operation_is_as_the_document_says(label: str) -> None:
    operation, world = OPERATIONS[label], World(script=saying("Hello", " world"))
    key = world.add_key("admin", "a")
    mine = (b"authorization", f"Bearer {key}".encode())
    with asyncio.Runner() as runner, watched(world, runner.get_loop()):

        async def names() -> dict[str, str]:
            async with world.client(key) as client:
                return await ids_of(client)

        def call(asked: Asked) -> Answered:
            headers = asked.headers if asked.keyless else [each for each in asked.headers if each[0].lower() != mine[0]]
            own = () if asked.keyless else (mine,)
            return runner.run(ask(world.app, asked.method, asked.target, (*headers, *own), asked.body))

        known = runner.run(names()) if "{" in label else {"conv": ""}
        if operation.path.startswith("/v1/"):
            known["conversation_id"] = known["conv"]
        result = tried(operation, call, {**known, "model_id": "verbatim-local"}, EXAMPLES, SEED)
    assert result.wrong == {}
