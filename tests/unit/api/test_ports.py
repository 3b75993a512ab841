"""What routes declare is what the app gives them; and bounds on what is done at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from api.app import ports_of
from api.http.gates import Gate, GateBusy
from api.http.providing import provided
from tests.unit.api.routes import route_objects
from tests.unit.api.world import World

_CODE = getattr(provided(object), "__code__", None)


def declared(dependant: Any) -> Iterator[type]:
    """The groups of ports that a route takes, by whatever way."""
    for dependency in dependant.dependencies:
        if getattr(dependency.call, "__code__", None) is _CODE:
            yield dependency.call.__closure__[0].cell_contents
        yield from declared(dependency)


def test_every_group_that_a_route_takes_is_given_and_none_in_vain(world: World) -> None:
    taken = {
        kind for route in route_objects(world.app) if hasattr(route, "dependant") for kind in declared(route.dependant)
    }
    given = [type(group) for group in ports_of(world.adapters)]
    assert taken == set(given)
    assert len(given) == len(set(given))


async def test_a_gate_lets_so_many_in_and_the_others_wait() -> None:
    gate = Gate(1)
    async with asyncio.TaskGroup() as tasks, gate.entered(1.0):
        with pytest.raises(GateBusy):
            async with gate.entered(0.001):
                pytest.fail("there was a place for two")
        waiting = tasks.create_task(_enter(gate))
        await asyncio.sleep(0)
        assert not waiting.done()
    assert waiting.result()


async def test_a_place_is_given_back_whatever_ends_the_block() -> None:
    gate = Gate(1)
    with pytest.raises(KeyError):
        async with gate.entered(1.0):
            raise KeyError
    assert await _enter(gate)


async def _enter(gate: Gate) -> bool:
    async with gate.entered(5.0):
        return True
