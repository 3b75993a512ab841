"""A newer release's record in the log: last in this folder, since whoever folds the whole log after it stops at it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from infra.exits import EXIT_NEWER
from infra.ids import draw_attempt_id
from schemas import ids
from schemas.registry import registered_schemas
from tests.eventually import eventually
from tests.fakes.projection_records import started
from tests.integration.replay.commands import agent_process
from tests.integration.replay.test_dlq import Ground, ground
from topics.catalogue import CONVERSATION_EVENTS

__all__ = ["ground"]
PROJECTOR = "projector-0"
pytestmark = [pytest.mark.stack, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]


@pytest.mark.slow("processes are restarted until an operator acts")
async def test_a_newer_record_stops_its_readers_until_an_operator_sets_it_aside(ground: Ground, tmp_path: Path) -> None:
    user = f"user-{draw_attempt_id()}"
    conversation = ids.conversation_id(user, "1")
    newer = b"\0" + (max(registered_schemas()) + 1).to_bytes(4, "big") + b"of tomorrow"
    at = await ground.raw(CONVERSATION_EVENTS, conversation, newer)
    place = f"{CONVERSATION_EVENTS}:{at.partition}@{at.offset}"
    await ground.producer.send(CONVERSATION_EVENTS, conversation, started(conversation, user, title="behind it"))
    alone, shared = tmp_path / "projector.log", tmp_path / "agents.log"
    with agent_process(ground.settings, "infra.processes.projector", alone, PROJECTOR) as projector:
        assert await asyncio.to_thread(projector.wait, 60) == EXIT_NEWER
    # What one agent stops at ends the process that it shares, with the status by which a supervisor parts them.
    carries = f"metering-0,{PROJECTOR}"
    with agent_process(ground.settings, "infra.processes.agents", shared, "agents-0", carries) as agents:
        assert await asyncio.to_thread(agents.wait, 60) == EXIT_NEWER
    for log in (alone, shared):
        assert place.replace(":", "/").replace("@", "/") in log.read_text()
    assert ground.listed(CONVERSATION_EVENTS, at, "--all") == []
    for wrong, why in (
        ("nowhere:0@1", "has no nowhere:0"),
        (f"{CONVERSATION_EVENTS}:0@999999999", "holds"),
        ("x", "is not a place"),
    ):
        assert why in ground.replay.process("dlq", "park", wrong, status=1)
    assert "streams.projections" in ground.replay.process("dlq", "park", place)
    ground.replay.process("dlq", "park", place)
    letters = ground.listed(CONVERSATION_EVENTS, at)
    assert {row["error_type"] for row in letters} == {"SetAside"}
    assert {row["consumer"] for row in letters} >= {"streams.projections", "streams.conversation", "streams.watchdog"}
    with agent_process(ground.settings, "infra.processes.projector", alone, PROJECTOR):

        async def shown() -> bool:
            row = await ground.reads.conversation(conversation)
            return row is not None and row.title == "behind it"

        there: bool = await eventually(shown, 60)
    assert there
    letter = next(one["id"] for one in letters if one["consumer"] == "streams.projections")
    assert "a newer release wrote it" in ground.replay.process("dlq", "retry", letter, status=1)
    for one in letters:
        ground.replay.process("dlq", "drop", one["id"], "--reason", "a test's")
