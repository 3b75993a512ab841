"""A rebuild that ends at any of its steps, as by kill -9, and goes on there; on real servers, in the test's process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_asyncio

import projections.replay.fill as fill_module
import projections.replay.rebuild as rebuild_module
from infra.crash_points import POINTS
from infra.ids import draw_secret
from infra.settings import Settings
from projections.registry import Projection
from projections.replay.lease import Lease
from projections.replay.moves import Moves
from projections.replay.rebuild import Rebuild, Rebuilt
from projections.replay.spooling import Report
from projections.versions import read_pointers, read_versions
from tests.integration.replay.ground import Ground, ground_in
from tests.integration.replay.live_projector import NeverStop
from topics.catalogue import catalogue
from topics.cuts import Cut
from topics.log import Log

pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
]


class Killed(BaseException):
    """Stands for kill -9: nothing is cleaned up."""


POINTS_OF_A_REBUILD = [point for point in POINTS if point.startswith("rebuild.") and "drop" not in point]
_DEAD = f"{os.uname().nodename} pid 99999999 since then"


@pytest_asyncio.fixture(loop_scope="module")
async def ground(servers: Settings, tmp_path: Path) -> AsyncIterator[Ground]:
    async with ground_in(servers, tmp_path) as made:
        yield made


async def test_at_every_step_a_rebuild_may_end_and_goes_on_there(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild_module, "SETTLED_S", 0.0)
    for n in range(12):
        await ground.chat(ground.conversation(f"{n % 4}"), f"{n}")
    planted = {""}

    def crash_point(name: str) -> None:
        if name in planted:
            raise Killed

    monkeypatch.setattr(rebuild_module, "crash_point", crash_point)
    monkeypatch.setattr(fill_module, "crash_point", crash_point)
    names = ("usage", "usage_rollups", "generations")
    for point in POINTS_OF_A_REBUILD:
        planted = {point}
        with pytest.raises((Killed, BaseExceptionGroup)):
            await _in_process(ground, names)
    planted = set()
    done = await _in_process(ground, names)
    live = await read_pointers(ground.session, ground.keyspace)
    assert {live[name] for name in names} <= {2, 3}
    rows = [row for row in await read_versions(ground.session, ground.keyspace) if row.projection in names]
    assert {row.state for row in rows} == {"ready"}
    assert {one.name for one in done} <= set(names)
    for name in names:
        found = await ground.rows(live[name], name)
        assert len(found["usage_sums" if name == "usage_rollups" else name]) >= (4 if name == "usage_rollups" else 12)


async def _in_process(ground: Ground, names: tuple[str, ...]) -> list[Rebuilt]:
    """A rebuild that is taken for one of a process that is gone, once it has ended."""

    async def nothing_to_verify(projection: Projection, cut: Cut) -> None:
        """The command's own runs verify."""

    @contextmanager
    def progress(what: str) -> Iterator[Report]:
        yield lambda done, total, lag: None

    log = await asyncio.to_thread(Log, ground.settings.kafka.client_properties())
    try:
        rebuilding = Rebuild(
            ground.session,
            ground.keyspace,
            log,
            log.topics(),
            catalogue(),
            Lease(Moves(ground.session, ground.keyspace), draw_secret(9), _DEAD),
            scratch=lambda projection: ground.settings.state / f"{projection.name}.counted",
            verify=nothing_to_verify,
            progress=progress,
            say=lambda line: None,
            stop=NeverStop(),
            max_rate=100_000,
        )
        return await rebuilding.run(names)
    finally:
        await asyncio.to_thread(log.close)
