"""Children that share a process: they live, restart and stop together, until each gets a process of its own."""

from __future__ import annotations

import dataclasses
import os
import signal
from pathlib import Path

import pytest

from infra.stack.child import ChildSpec
from infra.stack.keeper import FIRST_TRIES
from infra.stack.layout import Layout
from infra.stack.leftovers import marked_processes
from infra.stack.restarts import request_parting, request_restart
from infra.stack.snapshot import ChildView
from infra.stack.supervisor import Supervisor
from tests.eventually import eventually
from tests.integration.small_stacks import BEATS, child, pids, replaced, running

ENDS_ON_A_SIGNAL = f"""
import os, signal
from infra.exits import EXIT_NEWER
signal.signal(signal.SIGUSR1, lambda *_: os._exit(EXIT_NEWER))
{BEATS}
"""
TELLS_OF_A_NEWER_RECORD = """
import os, pathlib
from infra.exits import EXIT_NEWER, newer_note
newer_note(pathlib.Path(os.environ["VERBATIM_LIFESIGN"])).write_text("events:0@7: newer")
raise SystemExit(EXIT_NEWER)
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout.at(tmp_path / "state")
    made.create()
    return made


def shared(layout: Layout, first: str = BEATS) -> ChildSpec:
    """A process that carries two; `first`: what the first of them does in a process of its own."""
    parts = (child(layout, "first-0", first), child(layout, "second-0", BEATS))
    return dataclasses.replace(child(layout, "both-0", BEATS), carries=parts)


def views(supervisor: Supervisor) -> dict[str, ChildView]:
    return {view.name: view for view in supervisor.snapshot().children}


async def test_they_share_a_pid_and_come_back_together(layout: Layout) -> None:
    async with running(layout, shared(layout), child(layout, "other-0", BEATS)) as supervisor:
        before = pids(layout)
        assert before["first-0"] == before["second-0"] != before["other-0"]
        assert {view.within for view in views(supervisor).values()} == {"both-0", ""}
        os.kill(before["second-0"], signal.SIGKILL)
        await eventually(replaced(layout, "first-0", before["first-0"]))
        request_restart(layout, "second-0")
        await eventually(lambda: views(supervisor)["first-0"].restarts == 2)
        await eventually(lambda: views(supervisor)["first-0"].state == "ready")
        assert pids(layout)["other-0"] == before["other-0"]
    assert list(marked_processes(layout.stack_id())) == []


async def test_each_gets_a_process_of_its_own_on_request(layout: Layout) -> None:
    async with running(layout, shared(layout)) as supervisor:
        request_parting(layout, "first-0")
        await eventually(
            lambda: [(view.state, view.within) for view in views(supervisor).values()] == [("ready", "")] * 2
        )
        assert list(views(supervisor)) == ["first-0", "second-0"]
        await eventually(lambda: len({pids(layout)["first-0"], pids(layout)["second-0"]}) == 2)
        before = pids(layout)["first-0"]
        request_restart(layout, "first-0")
        await eventually(replaced(layout, "first-0", before))
    assert list(marked_processes(layout.stack_id())) == []


async def test_one_that_meets_a_newer_record_stops_alone_and_the_others_go_on(layout: Layout) -> None:
    alone = shared(layout, TELLS_OF_A_NEWER_RECORD)
    process = dataclasses.replace(child(layout, "both-0", ENDS_ON_A_SIGNAL), carries=alone.carries)
    async with running(layout, process) as supervisor:
        os.kill(pids(layout)["first-0"], signal.SIGUSR1)
        await eventually(lambda: "events:0@7" in views(supervisor)["first-0"].trouble)
        await eventually(lambda: views(supervisor)["second-0"].state == "ready")
        assert views(supervisor)["second-0"].trouble == ""


async def test_one_that_cannot_start_alone_is_tried_again_and_again(layout: Layout) -> None:
    async with running(layout, shared(layout, "raise SystemExit(1)")) as supervisor:
        request_parting(layout, "first-0")
        await eventually(lambda: views(supervisor)["first-0"].restarts > FIRST_TRIES, 60)
        assert views(supervisor)["first-0"].state != "failed"
        assert views(supervisor)["second-0"].state == "ready"
