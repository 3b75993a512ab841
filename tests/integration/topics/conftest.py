"""A real broker with a topic for each test, and one that is not there."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from infra.ids import draw_id
from infra.settings import Settings
from schemas.control import CancelRequested
from tests.eventually import eventually_sync
from tests.integration.topics.writing import CancelNotices, catalogue_of, keys_of, producing
from topics.admin import create_topics
from topics.clients import open_admin
from topics.topic import Topic


@pytest.fixture(params=["", "side"], ids=["no prefix", "a prefix"])
def kafka(servers: Settings, request: pytest.FixtureRequest) -> dict[str, str]:
    """An installation without a prefix, and one with: nothing is different for who reads and writes."""
    return servers.kafka.model_copy(update={"prefix": request.param}).client_properties()


@pytest.fixture
def topic(kafka: dict[str, str]) -> Iterator[CancelNotices]:
    """A topic of its own with two partitions."""
    name: CancelNotices = Topic(f"test-{draw_id()}", CancelRequested)
    create_topics(kafka, catalogue_of(name))
    admin = open_admin({**kafka})
    eventually_sync(lambda: name in admin.list_topics(timeout=10).topics)
    yield name
    admin.delete_topics([name])[name].result(10)


@pytest.fixture
def away() -> dict[str, str]:
    """Properties of a broker that is not there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return {"bootstrap.servers": f"127.0.0.1:{probe.getsockname()[1]}", "log_level": "0"}


@pytest.fixture
async def ten(kafka: dict[str, str], topic: str) -> str:
    """The topic, with records 0 to 9 in partition 0."""
    topics = catalogue_of(topic)
    key = keys_of(topics, topic, 0, 1)[0]
    async with producing(kafka, topics) as log:
        for n in range(10):
            log.fire(topic, key, b"%d" % n)
    return topic
