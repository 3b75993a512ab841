"""A release brings a projection that the installation had not: it goes on at once, and a rebuild brings the history."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.settings import Settings
from projections import migrate
from projections.versions import read_pointers
from schemas.conversation import FeedbackGiven, PromptSubmitted
from tests.eventually import eventually
from tests.fakes.projection_records import envelope
from tests.integration.replay.ground import Ground, ground_in
from tests.integration.replay.live_projector import projecting
from topics.catalogue import CONVERSATION_EVENTS

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


@pytest.mark.slow("a rebuild of everything under a running projector")
async def test_a_new_projection_begins_at_once_and_a_rebuild_brings_what_was_before(
    servers: Settings, tmp_path: Path
) -> None:
    async with ground_in(servers, tmp_path) as ground:
        async with projecting(ground.settings, ground.session):
            # What the log held before this keyspace's time is in the tables now.
            await ground.settled(await ground.chat(ground.conversation("earlier"), "first"))
        await _as_it_was_before(ground)
        conversation = ground.conversation("home")
        async with projecting(ground.settings, ground.session):
            first = await ground.chat(conversation, "first")
            await _rate(ground, first)
            second = await ground.chat(conversation, "second", first.generation_id)
            await ground.settled(second)
        assert "feedback" not in await read_pointers(ground.session, ground.keyspace)
        await migrate(ground.settings)
        async with projecting(ground.settings, ground.session):
            await _rate(ground, second)
            answers = [first.generation_id, second.generation_id]

            async def rated(*expected: str) -> None:
                async def shown() -> bool:
                    return await ground.reads.ratings(conversation, answers) == dict.fromkeys(expected, "up")

                come: bool = await eventually(shown, 20)
                assert come

            await rated(second.generation_id)
            assert (await ground.replay("verify", "feedback")).status == 1
            rebuilt = await ground.replay("rebuild", "feedback")
            assert rebuilt.status == 0, rebuilt.said
            await rated(*answers)
            verified = await ground.replay("verify", "feedback")
            assert verified.status == 0, verified.said


async def _as_it_was_before(ground: Ground) -> None:
    await ground.session.run(f"DROP TABLE {ground.keyspace}.feedback_v1")
    for table in ("projection_versions", "projection_pointers"):
        await ground.session.run(f"DELETE FROM {ground.keyspace}.{table} WHERE projection = 'feedback'")  # noqa: S608 - our own names


async def _rate(ground: Ground, asked: PromptSubmitted) -> None:
    given = FeedbackGiven(
        envelope=envelope(asked.generation_id),
        conversation_id=asked.conversation_id,
        user_id=asked.user_id,
        message_id=asked.generation_id,
        rating="up",
        comment=None,
    )
    await ground.producer.send(CONVERSATION_EVENTS, asked.conversation_id, given)
