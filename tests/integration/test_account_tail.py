"""What the projections have not written yet counts for an API process that starts: who was suspended stays out."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.cli.keys_accounts import connected_accounts
from infra.clock import now_us
from infra.ids import draw_id
from infra.settings import Settings
from schemas import ids
from schemas.envelope import Envelope
from schemas.identity import UserChanged
from tests.fakes.cassandra_rows import own_keyspace
from tests.fakes.projection_logs import TOPICS
from tests.integration.api_process import running_api
from tests.integration.prefixed import prefixed
from tests.integration.stream_workers import StreamProcess
from topics.admin import create_topics
from topics.catalogue import ACCOUNT_EVENTS
from topics.producer import LogProducer

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


@pytest.mark.slow("an installation of its own, whose projector is ended before the record comes")
async def test_who_was_suspended_while_the_projector_was_away_is_not_let_in(servers: Settings, tmp_path: Path) -> None:
    installed = prefixed(servers, "away")
    create_topics(installed.kafka.client_properties(), TOPICS)
    async with own_keyspace(installed) as (settings, _):
        env = {"VERBATIM_CASSANDRA__KEYSPACE": settings.cassandra.keyspace, "VERBATIM_INSTANCE": "projector-0"}
        projector = StreamProcess.agent("infra.processes.projector", settings, tmp_path, "projector", env)
        with projector.ready():
            async with connected_accounts(settings) as accounts:
                keys = {name: (await accounts.create_key(name, "")).secret for name in ("ada", "bob")}
            projector.kill()
        user_id = ids.user_id("bob")
        said = Envelope(draw_id(), now_us(), None, draw_id(), "system:test")
        producer = LogProducer(settings.kafka.client_properties(), TOPICS)
        await producer.start()
        try:
            await producer.send(ACCOUNT_EVENTS, user_id, UserChanged(envelope=said, user_id=user_id, suspended=True))
        finally:
            await producer.aclose()
        async with running_api(settings, tmp_path / "api.log") as api:
            answers = {}
            for name, key in keys.items():
                async with api.client(key) as client:
                    answers[name] = (await client.get("/api/v1/session")).status_code
        assert answers == {"ada": 200, "bob": 403}
