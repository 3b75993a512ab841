"""The four real servers: they listen on loopback alone, come back after a kill, and keep data over down and up."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from cassandra.cluster import Cluster
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError

from infra.settings import Settings
from infra.stack.health import CassandraHealth, KafkaHealth, RedisHealth, TritonHealth
from infra.stack.java import chosen_java
from infra.stack.layout import Layout
from infra.stack.leftovers import SHARED_MEMORY, marked_processes
from infra.stack.redis import chosen_redis
from infra.stack.server_plan import model_names
from infra.stack.triton import MODELS
from tests.eventually import eventually_sync
from tests.stack_fixture import running_servers, settings_of

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

NAMES = {"kafka", "cassandra", "redis", "triton"}
TOPIC = "stack-test"
RECORD_BYTES = 8 * 1024 * 1024


def pids(layout: Layout) -> dict[str, int]:
    return {c["name"]: c["pid"] for c in json.loads(layout.stack_file.read_text())["children"]}


def ask_all(settings: Settings) -> None:
    """Every server answers its real query, or this raises."""

    async def ask() -> None:
        for health in (
            KafkaHealth(settings.kafka),
            CassandraHealth(settings.cassandra),
            RedisHealth(settings.redis),
            TritonHealth(settings.triton, model_names(MODELS)),
        ):
            await health.check()
            health.close()

    asyncio.run(ask())


def write(settings: Settings, payload: bytes) -> None:
    admin = AdminClient({"bootstrap.servers": settings.kafka.bootstrap})
    topic = NewTopic(TOPIC, 1, 1, config={"max.message.bytes": str(RECORD_BYTES + 65536)})
    admin.create_topics([topic])[TOPIC].result(30)
    producer = Producer({"bootstrap.servers": settings.kafka.bootstrap, "message.max.bytes": RECORD_BYTES + 65536})
    producer.produce(TOPIC, payload)
    assert producer.flush(30) == 0
    with_session(
        settings,
        lambda session: [
            session.execute(
                "CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
            ),
            session.execute("CREATE TABLE k.t (id int PRIMARY KEY, v text)"),
            session.execute("INSERT INTO k.t (id, v) VALUES (1, 'kept')"),
        ],
    )


def with_session(settings: Settings, work: Callable[[Any], Any]) -> Any:
    cluster = Cluster(["127.0.0.1"], port=settings.cassandra.port, protocol_version=5)
    try:
        return work(cluster.connect())
    finally:
        cluster.shutdown()


def read_record(settings: Settings) -> bytes:
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka.bootstrap,
            "group.id": "stack-test",
            "enable.auto.commit": False,
            "fetch.message.max.bytes": RECORD_BYTES * 2,
        }
    )
    try:
        consumer.assign([TopicPartition(TOPIC, 0, 0)])
        message = consumer.poll(30)
        assert message is not None and message.error() is None
        value = message.value()
        assert value is not None
        return value
    finally:
        consumer.close()


def read_row(settings: Settings) -> str:
    return str(with_session(settings, lambda session: session.execute("SELECT v FROM k.t WHERE id = 1").one().v))


@pytest.mark.slow("the servers start and stop several times")
def test_real_servers_from_first_start_to_killed_supervisor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second start is by programs of this host, where it has fitting ones, over what the packaged ones wrote."""
    layout = Layout.at(tmp_path / "state")
    payload = os.urandom(RECORD_BYTES - 1000)

    with running_servers(layout.root):
        settings = settings_of(layout.root)
        assert set(pids(layout)) == NAMES
        ask_all(settings)
        assert_loopback_only(layout)
        assert_only_ours_may_use_redis(layout, settings)
        write(settings, payload)
        for name in ("redis", "triton", "kafka"):
            kill_and_wait_for_return(layout, name)
        eventually_sync(lambda: ask_all(settings), 60)
        first_addresses = settings.kafka, settings.cassandra, settings.triton
    assert list(marked_processes(layout.stack_id())) == []
    assert shared_memory(layout) == []

    for program in ("JAVA", "REDIS"):
        monkeypatch.setenv(f"VERBATIM_SERVERS__{program}", "auto")
    with running_servers(layout.root) as supervisor:
        for name in ("kafka", "cassandra"):
            assert running_binary(layout, name) == chosen_java("auto", os.environ).binary.resolve()
        assert running_binary(layout, "redis") == chosen_redis("auto", os.environ).binary.resolve()
        settings = settings_of(layout.root)
        assert (settings.kafka, settings.cassandra, settings.triton) == first_addresses
        assert read_record(settings) == payload
        assert read_row(settings) == "kept"
        supervisor.send_signal(signal.SIGKILL)
        supervisor.wait(10)
        eventually_sync(lambda: list(marked_processes(layout.stack_id())) == [], 20)


def running_binary(layout: Layout, name: str) -> Path:
    return Path(psutil.Process(pids(layout)[name]).exe()).resolve()


def assert_only_ours_may_use_redis(layout: Layout, settings: Settings) -> None:
    url = settings.redis.url.get_secret_value()
    password = url.partition("://:")[2].partition("@")[0]
    assert password == layout.redis_password_file.read_text().strip()
    with Redis.from_url(url.replace(f":{password}@", "")) as stranger, pytest.raises(AuthenticationError):
        stranger.ping()
    with Redis.from_url(url) as ours:
        assert ours.ping()
        for refused in (("CONFIG", "GET", "*"), ("FLUSHALL",), ("EVAL", "return 1", "0"), ("DEBUG", "SLEEP", "0")):
            with pytest.raises(NoPermissionError):
                ours.execute_command(*refused)
    for pid in marked_processes(layout.stack_id()):
        assert password not in " ".join(psutil.Process(pid).cmdline())
    assert not [file for file in layout.logs.iterdir() if password.encode() in file.read_bytes()]


def kill_and_wait_for_return(layout: Layout, name: str) -> None:
    before = pids(layout)[name]
    os.kill(before, signal.SIGKILL)
    eventually_sync(lambda: pids(layout).get(name, before) != before, 30)
    eventually_sync(lambda: state_of(layout, name) == "ready", 90)


def state_of(layout: Layout, name: str) -> str:
    children = json.loads(layout.status_file.read_text())["children"]
    return str(next(child["state"] for child in children if child["name"] == name))


def assert_loopback_only(layout: Layout) -> None:
    processes = set(marked_processes(layout.stack_id()))
    listening = [c for c in psutil.net_connections("inet") if c.status == psutil.CONN_LISTEN and c.pid in processes]
    assert len(listening) >= len(NAMES)
    assert {str(c.laddr[:1]) for c in listening} <= {"('127.0.0.1',)", "('::ffff:127.0.0.1',)"}


def shared_memory(layout: Layout) -> list[Path]:
    return list(SHARED_MEMORY.glob(f"verbatim-{layout.stack_id()[:12]}-*"))
