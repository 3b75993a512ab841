"""Both Java servers wake up less often while they wait, and the stack says so."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from infra.settings import Settings
from infra.stack.layout import Layout
from infra.stack.process import Process
from infra.stack.snapshot import read_snapshot
from infra.stack.timer_slack import SERVERS_NS, settable_ns, slack_text

READ_BACK = "import ctypes; print('slack', ctypes.CDLL(None).prctl(30, 0, 0, 0, 0))"


async def _started(folder: Path, timer_slack_ns: int) -> tuple[str, str]:
    """What a child says of its own slack, and what the shim wrote of it."""
    log, file = folder / "log", folder / "slack"
    process = Process.start(
        [sys.executable, "-c", READ_BACK],
        os.environ,
        folder,
        log,
        timer_slack_ns=timer_slack_ns,
        timer_slack_file=file,
    )
    assert await process.wait() == "exited with code 0"
    return log.read_text(), file.read_text() if file.exists() else ""


async def test_a_child_gets_the_slack_that_it_is_to_have(tmp_path: Path) -> None:
    got_ns = settable_ns(3_000_000)  # a sandbox may refuse it
    assert await _started(tmp_path, 3_000_000) == (f"slack {got_ns}\n", str(got_ns))


async def test_a_child_without_a_wish_has_that_of_the_host(tmp_path: Path) -> None:
    assert await _started(tmp_path, 0) == (f"slack {settable_ns(0)}\n", "")


def test_both_java_servers_have_it_and_the_stack_says_so(servers: Settings) -> None:
    snapshot = read_snapshot(Layout.at(servers.state).status_file)
    assert snapshot is not None
    slack = {child.name: child.timer_slack_ns for child in snapshot.children}
    assert {name for name, nanoseconds in slack.items() if nanoseconds} == {"kafka", "cassandra"}
    assert {slack["kafka"], slack["cassandra"]} == {settable_ns(SERVERS_NS)}


def test_the_value_reads_as_an_operator_would_say_it() -> None:
    assert [slack_text(ns) for ns in (50_000, 2_000_000, 0, -1)] == ["50 µs", "2 ms", "unknown", "unknown"]
