"""stack.json: the addresses of everything, for clients; kept current, readable only by its owner."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.settings import Settings
from infra.stack.layout import write_private


@dataclass(frozen=True, slots=True)
class RunningChild:
    name: str
    role: str
    pid: int
    metrics_port: int = 0
    within: str = ""


def metrics_url(port: int) -> str:
    """Where the metrics of a process are read on this host; empty for port 0: it has none."""
    return f"http://127.0.0.1:{port}/metrics" if port else ""


def api_url(settings: Settings) -> str:
    """Where the API is reached from this host."""
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.api.host, settings.api.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.api.port}"


def stack_document(settings: Settings, key: str, children: Iterable[RunningChild]) -> dict[str, Any]:
    """What stack.json says. `settings` hold the addresses in use; `key` is the first user's, or empty."""
    return {
        "api": {"url": api_url(settings), "key": key},
        "kafka": {"bootstrap": settings.kafka.bootstrap, "prefix": settings.kafka.prefix},
        "cassandra": {
            "host": settings.cassandra.contact_points[0],
            "port": settings.cassandra.port,
            "keyspace": settings.cassandra.keyspace,
        },
        "redis": {"url": settings.redis.url.get_secret_value()},
        "triton": {"grpc": settings.triton.grpc},
        "children": [_child(child) for child in children],
    }


def _child(child: RunningChild) -> dict[str, Any]:
    said: dict[str, Any] = {"name": child.name, "role": child.role, "pid": child.pid}
    said |= {"within": child.within} if child.within else {}
    return said | ({"metrics": metrics_url(child.metrics_port)} if child.metrics_port else {})


def write_stack_file(path: Path, document: dict[str, Any]) -> None:
    """Replace stack.json at once, mode 0600."""
    write_private(path, json.dumps(document, indent=2) + "\n")


def known_key(path: Path) -> str:
    """The key in an existing stack.json, or empty: it is printed once and kept here for the next start."""
    try:
        return str(json.loads(path.read_text())["api"]["key"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
