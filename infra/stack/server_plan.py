"""Which servers this stack starts, and which are external and only checked for health."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.cache import cache_dir
from infra.models.spec import ModelSpec
from infra.settings import Settings
from infra.stack import cassandra, kafka, redis, triton, triton_probe
from infra.stack.addresses import external_servers
from infra.stack.child import ChildSpec, Health
from infra.stack.class_archive import archive_options
from infra.stack.gguf_models import loading_s, model_repository
from infra.stack.health import CassandraHealth, KafkaHealth, RedisHealth, TritonHealth
from infra.stack.jars import Say, class_path
from infra.stack.java import chosen_java
from infra.stack.layout import Layout
from infra.stack.redis_password import redis_password


@dataclass(frozen=True, slots=True)
class Server:
    """A server of the stack. `describe` downloads and configures (blocking); None: it runs elsewhere."""

    name: str
    health: Health
    describe: Callable[[], ChildSpec] | None


def model_names(models: Path) -> tuple[str, ...]:
    """The models of a Triton model repository."""
    return tuple(sorted(config.parent.name for config in models.glob("*/config.pbtxt")))


def plan_servers(
    settings: Settings,
    layout: Layout,
    ports: dict[str, int],
    say: Say,
    models: Path = triton.MODELS,
    external: frozenset[str] | None = None,
    *,
    passing: bool = False,
    gguf: Sequence[ModelSpec] = (),
) -> tuple[Server, ...]:
    """The four servers. `settings` already holds their addresses; `external` names those not to start.

    Triton serves the repository `models`, and a model for each of `gguf`.

    `passing`: nobody reads their data after their end, so Cassandra may lose tables when it is killed.
    """
    elsewhere = external_servers(settings) if external is None else external
    served = tuple(spec.upstream_model for spec in gguf)
    names, writers = (*model_names(models), *served), (triton_probe.MODEL, *served)
    healths: dict[str, Health] = {
        "cassandra": CassandraHealth(settings.cassandra),
        "kafka": KafkaHealth(settings.kafka),
        "triton": TritonHealth(settings.triton, () if "triton" in elsewhere else names, writers),
        "redis": RedisHealth(settings.redis),
    }

    def describe_cassandra() -> ChildSpec:
        java, jars = chosen_java(settings.servers.java, os.environ), class_path("cassandra", cache_dir(), say)
        archive = archive_options(java, "cassandra", jars, cassandra.COLLECTOR, cache_dir(), say)
        options = (*archive, *(cassandra.PASSING if passing else ()))
        return cassandra.spec(java, layout, ports, jars, options, healths["cassandra"])

    def describe_kafka() -> ChildSpec:
        java, jars = chosen_java(settings.servers.java, os.environ), class_path("kafka", cache_dir(), say)
        archive = archive_options(java, "kafka", jars, kafka.COLLECTOR, cache_dir(), say)
        return kafka.spec(java, layout, ports, jars, archive, healths["kafka"])

    def describe_redis() -> ChildSpec:
        server = redis.chosen_redis(settings.servers.redis, os.environ)
        return redis.spec(layout, ports, server, redis_password(layout), healths["redis"])

    def describe_triton() -> ChildSpec:
        repository = model_repository(layout.data_of("triton") / "models", models, gguf, say)
        return triton.spec(layout, ports, repository, healths["triton"], say, triton.START_TIMEOUT_S + loading_s(gguf))

    describe: dict[str, Callable[[], ChildSpec]] = {
        "cassandra": describe_cassandra,
        "kafka": describe_kafka,
        "triton": describe_triton,
        "redis": describe_redis,
    }
    return tuple(
        Server(name, health, None if name in elsewhere else describe[name]) for name, health in healths.items()
    )
