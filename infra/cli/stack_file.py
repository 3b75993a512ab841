"""`stack.json` of a state folder, and settings completed from it, for commands about the running stack."""

from __future__ import annotations

import json
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.cli.terminal import UserError
from infra.stack.layout import Layout

if TYPE_CHECKING:
    from infra.settings import Settings

STATE_VARIABLE = "VERBATIM_STATE"


class NotRunning(UserError):
    """No stack runs in a state folder."""

    def __init__(self, state: Path) -> None:
        option = "" if state == Path(".verbatim") else f" --state {state}"
        super().__init__(f"no stack is running in {state}: start one with ./verbatim up --detach{option}")


@dataclass(frozen=True, slots=True)
class StackChild:
    """`within`: the process that carries it, together with others; empty if it has one of its own."""

    name: str
    role: str
    pid: int
    within: str = ""


@dataclass(frozen=True, slots=True)
class RunningStack:
    """Where a running stack listens. `api_key` opens everything: never print or log it."""

    api_url: str
    api_key: str
    kafka_bootstrap: str
    kafka_prefix: str
    cassandra_host: str
    cassandra_port: int
    keyspace: str
    redis_url: str
    triton_grpc: str
    children: tuple[StackChild, ...]


def state_folder(given: Path | None) -> Path:
    """The state folder: `given`, else the setting `state` (environment, then the settings file), else .verbatim.

    Reads that one setting by itself, because loading all of them takes longer than a short command should.
    """
    if given is not None:
        return given
    if named := os.environ.get(STATE_VARIABLE):
        return Path(named)
    file = Path(os.environ.get("VERBATIM_CONFIG", "verbatim.toml"))
    try:
        state = tomllib.loads(file.read_text("utf-8")).get("state")
    except (OSError, ValueError):
        state = None
    return Path(state) if isinstance(state, str) else Path(".verbatim")


def running_stack(state: Path) -> RunningStack:
    """The stack that runs in `state`. Raises NotRunning; UserError for a stack.json that is not one."""
    layout = Layout.at(state)
    if layout.supervisor_pid() is None:
        raise NotRunning(state)
    return read_stack_file(layout.stack_file)


def read_stack_file(file: Path) -> RunningStack:
    """What a stack.json says. Raises UserError if it is not there yet or is no stack.json."""
    try:
        return _parse(json.loads(file.read_text("utf-8")))
    except FileNotFoundError:
        raise UserError(f"the stack is still starting ({file} is not there yet): try again in a moment") from None
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{file} is not a valid stack.json ({type(error).__name__}: {error})") from None


def connected_settings(given: Path | None, *, cassandra: bool = True) -> Settings:
    """Settings that name Kafka and (if wanted) Cassandra: external where set, the running stack's elsewhere.

    From then on this command writes at the write level of the state folder, if the settings name none.

    Raises NotRunning where a server is neither external nor running here, UserError for wrong settings.
    """
    from infra.settings import load
    from infra.settings.errors import SettingsError
    from infra.settings.processes import LogSettings
    from infra.settings.servers import CassandraSettings, KafkaSettings
    from infra.speaking import speak
    from infra.stack.write_level import level_of

    try:
        settings = load(**({"state": given} if given is not None else {}))
    except SettingsError as error:
        raise UserError(str(error)) from None
    if settings.log.writes is None:
        writes = LogSettings(writes=level_of(Layout.at(settings.state)))
        settings = settings.model_copy(update={"log": writes})
    speak(settings)
    if settings.kafka.bootstrap and (settings.cassandra.contact_points or not cassandra):
        return settings
    stack = running_stack(settings.state)
    found: dict[str, KafkaSettings | CassandraSettings] = {}
    if not settings.kafka.bootstrap:
        there = {"bootstrap": stack.kafka_bootstrap, "prefix": stack.kafka_prefix}
        found["kafka"] = KafkaSettings.model_validate(dict(settings.kafka) | there)
    if not settings.cassandra.contact_points:
        place = {"contact_points": (stack.cassandra_host,), "port": stack.cassandra_port, "keyspace": stack.keyspace}
        found["cassandra"] = CassandraSettings.model_validate(dict(settings.cassandra) | place)
    return settings.model_copy(update=found)


def _parse(document: Any) -> RunningStack:
    return RunningStack(
        api_url=str(document["api"]["url"]).rstrip("/"),
        api_key=str(document["api"]["key"] or ""),
        kafka_bootstrap=str(document["kafka"]["bootstrap"]),
        kafka_prefix=str(document["kafka"].get("prefix", "")),
        cassandra_host=str(document["cassandra"]["host"]),
        cassandra_port=int(document["cassandra"]["port"]),
        keyspace=str(document["cassandra"]["keyspace"]),
        redis_url=str(document["redis"]["url"]),
        triton_grpc=str(document["triton"]["grpc"]),
        children=tuple(
            StackChild(str(c["name"]), str(c["role"]), int(c["pid"]), str(c.get("within", "")))
            for c in document["children"]
            if c["pid"]
        ),
    )
