"""`up` on the state folder of each release kept here: everything is there, open turns end, tables come up to date."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.stack.snapshot import read_snapshot
from projections.registry import names, newest
from tests.e2e.client import Client
from tests.e2e.stack import Stack, free_port, stopped_after
from tests.eventually import eventually_sync
from tests.releases import folder
from tests.releases.said import all_said, missing

pytestmark = pytest.mark.timeout(300)


@dataclass
class Taken:
    """A release's folder under today's code. `during`: how often its users read while its tables were made anew."""

    stack: Stack
    before: dict[str, Any]
    during: int


@pytest.fixture(scope="module", params=folder.names())
def taken(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taken]:
    """`up` has brought it along; the rebuild was killed once on the way."""
    state = tmp_path_factory.mktemp("release") / "state"
    folder.unpack(request.param, state)
    before = folder.expected(request.param)
    stack = Stack(state, free_port())
    with stopped_after(stack):
        started = stack.up()
        assert started.returncode == 0, started.stdout + started.stderr
        os.kill(eventually_sync(lambda: stack.pid("rebuild")), signal.SIGKILL)
        yield Taken(stack, before, _read_until_renewed(stack, before))


def _read_until_renewed(stack: Stack, before: dict[str, Any]) -> int:
    reads = 0
    while True:
        state, detail = _rebuild(stack)
        assert state != "failed", detail
        if state == "done":
            return reads
        for user in before["keys"]:
            assert _lost(stack, before, user) == []
        reads += 1


def _rebuild(stack: Stack) -> tuple[str, str]:
    snapshot = read_snapshot(stack.state / "status.json")
    assert snapshot is not None
    return next((child.state, child.detail) for child in snapshot.children if child.role == "rebuild")


def _lost(stack: Stack, before: dict[str, Any], user: str) -> list[str]:
    """What a user's old key does not show as it was; of answers that were open, whatever they have come to."""
    now = all_said(stack.url, before["keys"][user])
    return missing(_without(before["said"][user], before["open"]), _without(now, before["open"]))


def _without(said: Any, ids: list[str]) -> Any:
    if isinstance(said, dict):
        return {name: _without(value, ids) for name, value in said.items()}
    if isinstance(said, list):
        return [_without(value, ids) for value in said if not (isinstance(value, dict) and value.get("id") in ids)]
    return said


def test_everything_is_there_also_while_tables_are_made_anew(taken: Taken) -> None:
    assert taken.during > 0
    for user in taken.before["keys"]:
        assert _lost(taken.stack, taken.before, user) == []


def test_open_turns_end_and_nothing_is_billed_twice(taken: Taken) -> None:
    with Client(taken.stack, taken.before["keys"]["ada"]) as client:
        for generation in taken.before["open"]:

            def ended(generation: str = generation) -> str:
                status = str(client.get(f"/api/v1/generations/{generation}").json()["status"])
                assert status != "running"
                return status

            assert eventually_sync(ended, 60) in ("completed", "failed")
            assert "event: error" in (stream := client.get(f"/api/v1/generations/{generation}/stream").text) or (
                "event: message_end" in stream
            )
            assert '"retryable":false' not in stream

    def billed() -> Counter[str]:
        arguments = ("usage-records", "--from", "beginning", "--idle", "2", "--json")
        tailed = taken.stack.verbatim("tail", *arguments)
        assert tailed.returncode == 0, tailed.stderr
        return Counter(json.loads(line)["record"]["generation_id"] for line in tailed.stdout.splitlines())

    bills = eventually_sync(lambda: found if set(taken.before["open"]) <= (found := billed()).keys() else False, 30)
    assert isinstance(bills, Counter)
    assert {generation: count for generation, count in bills.items() if count != 1} == {}
    answered = {m["id"] for m in _answers(taken.before) if m["costMicros"] is not None}
    assert answered <= bills.keys()


def _answers(before: dict[str, Any]) -> list[dict[str, Any]]:
    talks = [talk for said in before["said"].values() for talk in said["talks"].values()]
    return [message for talk in talks for message in talk["messages"] if message["role"] == "assistant"]


def test_the_newest_definitions_are_read_and_equal_the_log(taken: Taken) -> None:
    listed = taken.stack.verbatim("replay", "versions", "--json")
    assert listed.returncode == 0, listed.stderr
    rows = [json.loads(line) for line in listed.stdout.splitlines()]
    read = {row["projection"]: row["definition"] for row in rows if row["live"]}
    assert read == {name: newest(name).definition for name in names()}
    # What was read before is kept current, for going back.
    assert all(row["state"] == "ready" for row in rows)
    verified = taken.stack.verbatim("replay", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_it_goes_on_as_if_nothing_had_been(taken: Taken) -> None:
    user = taken.before["keys"]["admin"]
    conversation = taken.before["said"]["admin"]["conversations"][0]["id"]
    with Client(taken.stack, user) as client:
        frames = client.ask(conversation, "What is 6 * 7?")
        assert frames[-1].event == "message_end"


def test_a_folder_names_no_machine() -> None:
    assert folder.names()
    for name in folder.names():
        assert not folder.MACHINE.search(json.dumps(folder.expected(name)).encode())


def test_the_marked_folder_is_private(taken: Taken) -> None:
    assert Path(taken.stack.state).stat().st_mode & 0o777 == 0o700
