"""A world a test, and clients in it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.unit.api.world import World, saying


@pytest.fixture
def world() -> World:
    """Answers every prompt "Hello world" in two chunks."""
    return World(script=saying("Hello", " world"))


@pytest.fixture
async def alice(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with world.client(world.add_key("alice", "a")) as client:
        yield client


@pytest.fixture
async def bob(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with world.client(world.add_key("bob", "b")) as client:
        yield client
