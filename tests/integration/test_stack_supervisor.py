"""The supervisor with small real processes: restarts, hangs, stops, and nothing left behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from infra.settings import Settings
from infra.stack.errors import ChildFailed, StackError
from infra.stack.layout import Layout
from infra.stack.leftovers import end_marked, marked_processes
from infra.stack.prepare import Preparation, Preparations
from infra.stack.supervisor import Supervisor, bound_log
from tests.eventually import eventually, eventually_sync
from tests.integration.small_stacks import BEATS, REPO_ROOT, SETTINGS, child, pids, replaced, running

FORKS = f"import subprocess; subprocess.Popen(['sleep', '300'])\n{BEATS}"
IGNORES_TERM = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{BEATS}"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout.at(tmp_path / "state")
    made.create()
    return made


async def test_a_killed_child_comes_back_and_is_counted(layout: Layout) -> None:
    async with running(layout, child(layout, "a-0", BEATS)) as supervisor:
        before = pids(layout)["a-0"]
        os.kill(before, signal.SIGKILL)
        await eventually(replaced(layout, "a-0", before))
        await eventually(lambda: supervisor.snapshot().children[0].state == "ready")
        assert supervisor.snapshot().children[0].restarts == 1


async def test_a_hung_child_is_killed_and_started_again(layout: Layout) -> None:
    async with running(layout, child(layout, "a-0", BEATS, hung_after_s=2.0)):
        before = pids(layout)["a-0"]
        os.kill(before, signal.SIGSTOP)
        await eventually(replaced(layout, "a-0", before), timeout_s=20)


async def test_stop_kills_what_ignores_the_signal_and_what_was_forked(layout: Layout) -> None:
    async with running(
        layout, child(layout, "stubborn-0", IGNORES_TERM, stop_grace_s=0.5), child(layout, "parent-0", FORKS)
    ):
        assert len(list(marked_processes(layout.stack_id()))) == 3
    assert list(marked_processes(layout.stack_id())) == []
    assert layout.supervisor_pid() is None


async def test_a_child_that_never_gets_ready_stops_the_start_and_the_others(layout: Layout) -> None:
    supervisor = Supervisor(
        SETTINGS,
        layout,
        [child(layout, "good-0", BEATS), child(layout, "bad-0", "raise SystemExit(7)")],
        Preparations(),
    )
    with pytest.raises(ChildFailed, match=r"bad-0 did not start: exited with code 7. See .*bad-0.log"):
        await supervisor.run((), asyncio.Event(), lambda _key: pytest.fail("ready"))
    assert list(marked_processes(layout.stack_id())) == []
    assert supervisor.snapshot().phase == "failed"


async def test_a_stop_during_the_start_is_heard(layout: Layout) -> None:
    stop = asyncio.Event()
    supervisor = Supervisor(SETTINGS, layout, [child(layout, "slow-0", "import time; time.sleep(60)")], Preparations())
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(supervisor.run((), stop, lambda _key: pytest.fail("ready")))
        await eventually(lambda: len(list(marked_processes(layout.stack_id()))) == 1)
        stop.set()
    assert list(marked_processes(layout.stack_id())) == []


async def test_preparations_run_in_order_and_the_key_is_kept(layout: Layout) -> None:
    done: list[str] = []

    async def first_key(settings: Settings, known: str | None) -> str:
        done.append(f"key, known {known}")
        return known or "vk_first"

    preparations = Preparations(
        before=(
            Preparation("making topics", lambda settings: done.append("topics")),
            Preparation("making tables", lambda settings: done.append("tables")),
        ),
        first_key=first_key,
    )
    for _ in range(2):
        async with running(layout, child(layout, "a-0", BEATS), preparations=preparations):
            assert json.loads(layout.stack_file.read_text())["api"]["key"] == "vk_first"
    assert done == ["topics", "tables", "key, known None", "topics", "tables", "key, known vk_first"]
    assert stat.S_IMODE(layout.stack_file.stat().st_mode) == 0o600


async def test_a_failing_preparation_is_one_line_and_starts_nothing(layout: Layout) -> None:
    def refuse(settings: Settings) -> None:
        raise ValueError("topic x has 3 partitions, not 2\nand much more")

    supervisor = Supervisor(
        SETTINGS,
        layout,
        [child(layout, "a-0", BEATS)],
        Preparations(before=(Preparation("making topics", refuse),)),
    )
    with pytest.raises(StackError, match=r"^making topics failed: topic x has 3 partitions, not 2$"):
        await supervisor.run((), asyncio.Event(), lambda _key: pytest.fail("ready"))
    assert not layout.log_of("a-0").exists()


SUPERVISOR = """
import asyncio, sys
from pathlib import Path
from infra.stack.layout import Layout
from infra.stack.prepare import Preparations
from infra.stack.supervisor import Supervisor
from tests.integration.test_stack_supervisor import FORKS, BEATS, SETTINGS, child

async def main():
    layout = Layout.at(Path(sys.argv[1]))
    with layout.held():
        children = [child(layout, "parent-0", FORKS), child(layout, "a-0", BEATS)]
        supervisor = Supervisor(SETTINGS, layout, children, Preparations())
        await supervisor.run((), asyncio.Event(), lambda key: print("ready"))

asyncio.run(main())
"""


def test_a_killed_supervisor_takes_its_children_along_and_the_rest_is_cleared(layout: Layout) -> None:
    with subprocess.Popen(
        [sys.executable, "-u", "-c", SUPERVISOR, str(layout.root)],
        cwd=REPO_ROOT,
        env={"PATH": os.defpath, "PYTHONPATH": str(REPO_ROOT)},
        stdout=subprocess.PIPE,
    ) as supervisor:
        assert supervisor.stdout is not None
        assert supervisor.stdout.readline() == b"ready\n"
        assert layout.supervisor_pid() == supervisor.pid
        children = list(pids(layout).values())
        supervisor.kill()
    eventually_sync(lambda: not any(psutil.pid_exists(pid) for pid in children))
    assert layout.supervisor_pid() is None
    # Only the grandchild may be left; the next start clears it by its mark.
    left = list(marked_processes(layout.stack_id()))
    assert [psutil.Process(pid).name() for pid in left] == ["sleep"]
    assert end_marked(layout.stack_id()) == 1
    eventually_sync(lambda: not psutil.pid_exists(left[0]))


def test_clearing_spares_processes_without_the_mark(layout: Layout) -> None:
    with subprocess.Popen(["sleep", "60"], env={"PATH": os.defpath, "VERBATIM_STACK_ID": "another"}) as stranger:
        assert end_marked(layout.stack_id()) == 0
        assert stranger.poll() is None
        stranger.kill()


def test_a_log_is_bounded_while_its_writer_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    with file.open("ab", buffering=0) as writer:
        writer.write(b"old\n" * 100)
        bound_log(file, limit=100)
        writer.write(b"new\n")
    assert file.read_bytes() == b"new\n"
    assert (tmp_path / "a.log.1").read_bytes() == b"old\n" * 100
