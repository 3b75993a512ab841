"""Completes settings with the addresses of local servers, and passes settings to children as environment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from infra.settings import Settings

PREFIX = "VERBATIM_"
SERVERS = ("kafka", "cassandra", "redis", "triton")
PORT_NAMES = ("kafka", "kafka_controller", "cassandra", "cassandra_storage", "redis", "triton")


def external_servers(settings: Settings) -> frozenset[str]:
    """The servers whose address the settings give: they are used, never started."""
    given = {
        "kafka": bool(settings.kafka.bootstrap),
        "cassandra": bool(settings.cassandra.contact_points),
        "redis": bool(settings.redis.url.get_secret_value()),
        "triton": bool(settings.triton.grpc),
    }
    return frozenset(name for name, is_given in given.items() if is_given)


def with_local_addresses(settings: Settings, ports: dict[str, int], redis_password: str) -> Settings:
    """The settings with every server that is not external at its loopback port; `redis_password` opens the Redis."""
    external = external_servers(settings)
    local: dict[str, dict[str, Any]] = {
        "kafka": {"bootstrap": f"127.0.0.1:{ports['kafka']}"},
        "cassandra": {"contact_points": ("127.0.0.1",), "port": ports["cassandra"]},
        "redis": {"url": SecretStr(f"redis://:{redis_password}@127.0.0.1:{ports['redis']}/0")},
        "triton": {"grpc": f"127.0.0.1:{ports['triton']}"},
    }
    changed = {
        name: getattr(settings, name).model_copy(update=update)
        for name, update in local.items()
        if name not in external
    }
    return settings.model_copy(update=changed)


def settings_env(settings: Settings) -> dict[str, str]:
    """The settings as VERBATIM_* variables from which `infra.settings.load` makes the same object again.

    Secrets are in it in the clear: for a child's environment, never for a command line or a log. Paths are absolute.
    """
    return dict(_variables(PREFIX, settings))


def _variables(prefix: str, section: BaseModel) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name in type(section).model_fields:
        value = getattr(section, name)
        variable = f"{prefix}{name.upper()}"
        if isinstance(value, BaseModel):
            found += _variables(f"{variable}__", value)
        elif value is not None:
            found.append((variable, _text(value)))
    return found


def _text(value: object) -> str:
    match value:
        case SecretStr():
            return value.get_secret_value()
        case Path():
            return str(value.absolute())
        case tuple() | list():
            return json.dumps([_plain(item) for item in value])
        case bool():
            return str(value).lower()
        case _:
            return str(value)


def _plain(value: object) -> object:
    """As JSON has it."""
    match value:
        case BaseModel():
            return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
        case tuple() | list():
            return [_plain(item) for item in value]
        case SecretStr() | Path():
            return _text(value)
        case _:
            return value
