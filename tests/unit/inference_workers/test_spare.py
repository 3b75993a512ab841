from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from inference_workers.spare import NotOrders, Orders, move_output, read_orders, wait_for_orders
from infra.stack.child import ChildSpec
from infra.stack.spare import orders
from tests.eventually import eventually


def worker() -> ChildSpec:
    sign = "/s/run/worker-1.beat"
    return ChildSpec("worker-1", "worker", (), {"VERBATIM_LIFESIGN": sign}, Path("/"), metrics_port=20_001)


def test_the_spare_reads_what_its_keeper_writes() -> None:
    line = orders(worker(), "/s/logs/worker-1.log").encode()
    assert read_orders(line) == Orders("worker-1", Path("/s/run/worker-1.beat"), Path("/s/logs/worker-1.log"), 20_001)


def test_a_keeper_of_the_release_before_names_no_port_for_metrics() -> None:
    assert read_orders(b'{"instance": "w", "lifesign": "s", "log": "l"}').metrics_port == 0


PORT = b'{"instance": "w", "lifesign": "s", "log": "l", "metrics_port": "x"}'


@pytest.mark.parametrize(
    "line", [b"worker-1", b"{}", b"[]", b'{"instance": "w", "lifesign": 1, "log": "l"}', b"\xff", PORT]
)
def test_nonsense_is_refused(line: bytes) -> None:
    with pytest.raises(NotOrders):
        read_orders(line)


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> int:
    """The writing end of what the process takes for its standard input."""
    reading, writing = os.pipe()
    monkeypatch.setattr(sys, "stdin", os.fdopen(reading, "rb"))
    return writing


async def test_it_beats_while_it_waits_and_hears_its_orders(
    pipe: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERBATIM_LIFESIGN", str(tmp_path / "spare-0.beat"))
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(wait_for_orders(asyncio.Event()))
        await eventually((tmp_path / "spare-0.beat").exists)
        os.write(pipe, orders(worker(), "/l").encode() + b"\n")
        os.close(pipe)
    assert waiting.result() == Orders("worker-1", Path("/s/run/worker-1.beat"), Path("/l"), 20_001)


async def test_a_stop_ends_the_wait(pipe: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VERBATIM_LIFESIGN", raising=False)
    stop = asyncio.Event()
    stop.set()
    assert await wait_for_orders(stop) is None
    os.close(pipe)


async def test_a_keeper_that_is_gone_ends_the_wait(pipe: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VERBATIM_LIFESIGN", raising=False)
    os.close(pipe)
    assert await wait_for_orders(asyncio.Event()) is None


async def test_a_standard_input_that_is_no_pipe_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with (tmp_path / "file").open("rb") as file:
        monkeypatch.setattr(sys, "stdin", file)
        with pytest.raises(NotOrders, match="pipe"):
            await wait_for_orders(asyncio.Event())


def test_the_output_goes_on_in_the_workers_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    kept = os.dup(1), os.dup(2)
    try:
        with capfd.disabled():
            saved = sys.stdout, sys.stderr
            sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
            try:
                move_output(tmp_path / "worker-1.log")
                print("said by the worker", flush=True)
            finally:
                sys.stdout, sys.stderr = saved
                os.dup2(kept[0], 1)
                os.dup2(kept[1], 2)
    finally:
        for descriptor in kept:
            os.close(descriptor)
    assert (tmp_path / "worker-1.log").read_text() == "said by the worker\n"
