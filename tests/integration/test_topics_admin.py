"""Topics come into being as the catalogue says, once, and are never changed behind anybody's back."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from infra.ids import draw_id
from infra.settings import Settings
from tests.eventually import eventually_sync
from topics.admin import create_topics
from topics.catalogue import Catalogue
from topics.clients import open_admin
from topics.errors import FatalLogError, LogUnavailable, TopicMismatch
from topics.spec import DAY_MS, FOR_EVER_MS, TopicSpec

pytestmark = pytest.mark.stack


@pytest.fixture(params=["", "side"], ids=["no prefix", "a prefix"])
def kafka(servers: Settings, request: pytest.FixtureRequest) -> dict[str, str]:
    return servers.kafka.model_copy(update={"prefix": request.param}).client_properties()


@pytest.fixture
def admin(kafka: dict[str, str]) -> AdminClient:
    return open_admin({**kafka})


@pytest.fixture
def topics(admin: AdminClient) -> Iterator[Catalogue]:
    prefix = f"test-{draw_id()}"
    specs = [
        TopicSpec(f"{prefix}-one", "key", (), 3, 2 * DAY_MS, "tests"),
        TopicSpec(f"{prefix}-two", "key", (), 1, FOR_EVER_MS, "tests", 8 * 2**20),
    ]
    yield Catalogue({spec.name: spec for spec in specs})
    left = [spec.name for spec in specs if spec.name in names(admin)]
    for deleted in (admin.delete_topics(left) if left else {}).values():
        deleted.result(10)


def names(admin: AdminClient) -> set[str]:
    return set(admin.list_topics(timeout=10).topics)


def with_change(topics: Catalogue, suffix: str, **changes: Any) -> Catalogue:
    return Catalogue({spec.name: replace(spec, **changes) if spec.name.endswith(suffix) else spec for spec in topics})


def test_what_is_missing_is_created_once(kafka: dict[str, str], admin: AdminClient, topics: Catalogue) -> None:
    expected = sorted(spec.name for spec in topics)
    assert sorted(create_topics(kafka, topics)) == expected
    eventually_sync(lambda: names(admin) >= set(expected))
    assert create_topics(kafka, topics) == []
    found = admin.list_topics(timeout=10).topics
    assert [len(found[spec.name].partitions) for spec in topics] == [3, 1]


def test_one_missing_topic_is_added(kafka: dict[str, str], admin: AdminClient, topics: Catalogue) -> None:
    first, second = topics
    create_topics(kafka, Catalogue({first.name: first}))
    eventually_sync(lambda: first.name in names(admin))
    assert create_topics(kafka, topics) == [second.name]


def test_processes_that_start_together_create_each_topic_once(kafka: dict[str, str], topics: Catalogue) -> None:
    with ThreadPoolExecutor(4) as pool:
        created = list(pool.map(lambda _: create_topics(kafka, topics), range(4)))
    assert sorted(name for some in created for name in some) == sorted(spec.name for spec in topics)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"partitions": 4}, "has 3 partitions, the catalogue says 4"),
        ({"partitions": 2}, "has 3 partitions, the catalogue says 2"),
        ({"retention_ms": DAY_MS}, "has retention.ms=172800000, the catalogue says 86400000"),
        ({"retention_ms": FOR_EVER_MS}, "has retention.ms=172800000, the catalogue says -1"),
        ({"max_record_bytes": 4 * 2**20}, "has max.message.bytes=1048576, the catalogue says 4194304"),
    ],
)
def test_a_topic_that_differs_is_refused_and_nothing_is_changed(
    kafka: dict[str, str], admin: AdminClient, topics: Catalogue, changes: dict[str, Any], says: str
) -> None:
    first, second = topics
    create_topics(kafka, Catalogue({first.name: first}))
    eventually_sync(lambda: first.name in names(admin))
    with pytest.raises(TopicMismatch, match=says) as caught:
        create_topics(kafka, with_change(topics, "-one", **changes))
    assert first.name in str(caught.value)
    assert second.name not in names(admin), "the other topic was created all the same"
    assert create_topics(kafka, topics) == [second.name], "the topic is as it was"


def test_all_differences_are_named_at_once(kafka: dict[str, str], admin: AdminClient, topics: Catalogue) -> None:
    create_topics(kafka, topics)
    eventually_sync(lambda: names(admin) >= {spec.name for spec in topics})
    wrong = with_change(with_change(topics, "-one", partitions=5), "-two", retention_ms=DAY_MS)
    with pytest.raises(TopicMismatch, match=r"3 partitions.*retention\.ms=-1"):
        create_topics(kafka, wrong)


def test_more_replicas_than_brokers_are_refused(kafka: dict[str, str], topics: Catalogue) -> None:
    with pytest.raises(FatalLogError, match="refused"):
        create_topics(kafka, topics, replication_factor=9)


def test_a_broker_that_is_away_is_unavailable(topics: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("topics.admin._TIMEOUT_S", 1.0)
    with pytest.raises(LogUnavailable):
        create_topics({"bootstrap.servers": f"127.0.0.1:{unused_port()}", "log_level": "0"}, topics)


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
