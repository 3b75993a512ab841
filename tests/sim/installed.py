"""The product's modules within a world: its clock, its log and its chance in place of the real ones."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any
from unittest.mock import patch

import inference_workers.leases
import inference_workers.lookback
import infra.clock
import infra.ids
import streams.batch_shell
import streams.recorder.lookback
import streams.recorder.shell
import streams.watchdog.lookback
import topics.scan
from tests.sim.producing import Bursts
from tests.sim.reading import scan_in, watermarks_in
from tests.sim.recorder_process import RecorderConsumer
from tests.sim.virtual_time import CURRENT, Process, VirtualLoop
from tests.sim.world import World


@contextmanager
def installed(world: World) -> Iterator[None]:
    """The product's modules see this world's clock, log and chance."""
    network, scan = world.network, scan_in(world.network)

    def consumer(*_: Any, **__: Any) -> RecorderConsumer:
        return RecorderConsumer(network, _current(), "0")

    def bursts(_: Any) -> Bursts:
        return Bursts(network, _current())

    with (
        patch.object(infra.clock, "time", _Clock(world.loop)),
        patch.object(infra.ids, "secrets", Secrets(Random(f"ids {world.plan.seed}"))),
        patch.object(topics.scan, "scan", scan),
        patch.object(inference_workers.lookback, "scan", scan),
        patch.object(inference_workers.lookback, "watermarks", watermarks_in(network)),
        patch.object(inference_workers.leases, "scan", scan),
        patch.object(inference_workers.leases, "watermarks", watermarks_in(network)),
        patch.object(streams.watchdog.lookback, "scan", scan),
        patch.object(streams.watchdog.lookback, "watermarks", watermarks_in(network)),
        patch.object(streams.recorder.lookback, "scan", scan),
        patch.object(streams.batch_shell, "group_consumer", consumer),
        patch.object(streams.recorder.shell, "open_producer", bursts),
    ):
        yield


def _current() -> Process:
    process = CURRENT.get()
    assert process is not None
    return process


class _Clock:
    """The module `time` as infra.clock uses it."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def time_ns(self) -> int:
        return self._loop.now_us() * 1000

    CLOCK_BOOTTIME = time.CLOCK_BOOTTIME

    def monotonic(self) -> float:
        return self._loop.time()

    def clock_gettime(self, _: int) -> float:
        return self._loop.time()


class Secrets:
    """The module `secrets` as infra.ids uses it, from the seed."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    def token_hex(self, size: int) -> str:
        return self._rng.randbytes(size).hex()
