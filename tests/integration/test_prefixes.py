"""Two installations on one Kafka, Cassandra and Redis, each with every process of its own: neither sees the other's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis.asyncio
from confluent_kafka.admin import AdminClient

from infra.settings import Settings
from schemas.conversation import PromptSubmitted
from tests.integration.guarantees.reading import asked, begun, generation_of, outcome_there
from tests.integration.guarantees.world import Whole, whole_stack
from tests.integration.replay.commands import Replay
from topics.catalogue import CONVERSATION_EVENTS, TOKEN_CHUNKS
from topics.groups import committed, members
from topics.log import Log, cluster_id

pytestmark = [pytest.mark.stack, pytest.mark.timeout(500)]


def prefixed(servers: Settings, prefix: str) -> Settings:
    return servers.model_copy(
        update={
            "kafka": servers.kafka.model_copy(update={"prefix": prefix}),
            "redis": servers.redis.model_copy(update={"prefix": prefix}),
        }
    )


@pytest.fixture(scope="module")
def both(servers: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Whole, Whole]]:
    with (
        whole_stack(prefixed(servers, "left"), tmp_path_factory.mktemp("left")) as left,
        whole_stack(prefixed(servers, "right"), tmp_path_factory.mktemp("right")) as right,
    ):
        yield left, right


async def test_each_has_turns_and_neither_sees_the_others(both: tuple[Whole, Whole]) -> None:
    conversations = []
    for whole, text in zip(both, ("a left turn", "a right turn"), strict=True):
        async with whole.client() as client:
            conversation = await begun(client)
            answer = await asked(whole, client, conversation, text)
            assert answer.status_code == 200
            await outcome_there(client, conversation, generation_of(answer.content))
            rows = (await client.get(f"/api/v1/conversations/{conversation}/messages")).json()["data"]
            assert [row["role"] for row in rows] == ["user", "assistant"]
        conversations.append(conversation)
        assert whole.asked_of_engine(text) == 1
    for whole, mine, others in zip(both, conversations, reversed(conversations), strict=True):
        prompts = await asyncio.to_thread(whole.records, CONVERSATION_EVENTS, _is_prompt)
        assert {prompt.conversation_id for prompt in prompts} == {mine}
        async with whole.client() as client:
            listed = [row["id"] for row in (await client.get("/api/v1/conversations")).json()["data"]]
            assert listed == [mine]
            assert (await client.get(f"/api/v1/conversations/{others}/messages")).status_code == 404


def _is_prompt(record: Any) -> bool:
    return isinstance(record, PromptSubmitted)


async def test_a_key_of_one_opens_nothing_of_the_other(both: tuple[Whole, Whole]) -> None:
    left, right = both
    async with right.client() as client:
        strange = await client.get("/api/v1/conversations", headers={"Authorization": f"Bearer {left.keys[0]}"})
    assert strange.status_code == 401


def test_each_knows_its_own_topics_and_groups(both: tuple[Whole, Whole], servers: Settings) -> None:
    on_cluster = set(AdminClient({**servers.kafka.broker_properties()}).list_topics(timeout=10).topics)
    without = Log(servers.kafka.client_properties())
    assert not [topic for topic in without.topics() if topic.startswith(("left", "right"))]
    without.close()
    for whole in both:
        properties, prefix = whole.settings.kafka.client_properties(), whole.settings.kafka.prefix
        log = Log(properties)
        topics = log.topics()
        log.close()
        assert set(topics) == {spec.name for spec in whole.topics}
        assert {f"{prefix}_{topic}" for topic in topics} == {n for n in on_cluster if n.startswith(f"{prefix}_")}
        ours = members(properties, "verbatim-")
        assert {member.group for member in ours} >= {"verbatim-recorder", "verbatim-conversation"}
        assert all(member.reads > 1 for member in ours), "the level stands in client ids still"
        assert set(committed(properties)[TOKEN_CHUNKS, 0]) == {"verbatim-recorder"}
    logs = {cluster_id(settings.kafka.client_properties()) for settings in (servers, *(w.settings for w in both))}
    assert len(logs) == 3, "an archive of one is refused by the other"


async def test_keys_in_redis_are_told_apart(both: tuple[Whole, Whole]) -> None:
    cache = redis.asyncio.Redis.from_url(both[0].settings.redis.url.get_secret_value(), decode_responses=True)
    try:
        for whole in both:
            # What anybody may ask for is counted by the address that asks.
            bucket = f"{whole.settings.redis.prefix}:verbatim:limit:address:127.0.0.1:requests"
            assert await cache.hmget(bucket, "missing") == [None]
            async with whole.client() as client:
                assert (await client.get("/subjects")).status_code == 200
            assert await cache.hmget(bucket, "missing") != [None]
    finally:
        await cache.aclose()


def test_commands_show_one_installation(both: tuple[Whole, Whole]) -> None:
    for whole in both:
        said = Replay(whole.settings)("topics", "--json").splitlines()
        assert {json.loads(line)["name"] for line in said} == {spec.name for spec in whole.topics}
