"""Where Triton cannot run, a plain process serves the local model in its place, and `status` says why."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from infra.settings import Settings
from infra.stack.health import TritonHealth
from infra.stack.layout import Layout
from infra.stack.server_plan import model_names
from infra.stack.snapshot import read_snapshot
from infra.stack.triton import MODELS
from tests.stack_fixture import running_servers

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]


def test_a_plain_process_takes_its_place(servers: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kafka, Cassandra and Redis are external here: what is missing is Triton's Python alone."""
    monkeypatch.setenv("TRITON_PYTHON", "/nonexistent")
    monkeypatch.setenv("VERBATIM_KAFKA__BOOTSTRAP", servers.kafka.bootstrap)
    monkeypatch.setenv("VERBATIM_CASSANDRA__CONTACT_POINTS", json.dumps(servers.cassandra.contact_points))
    monkeypatch.setenv("VERBATIM_CASSANDRA__PORT", str(servers.cassandra.port))
    monkeypatch.setenv("VERBATIM_REDIS__URL", servers.redis.url.get_secret_value())
    layout = Layout.at(tmp_path / "state")
    with running_servers(layout.root):
        snapshot = read_snapshot(layout.status_file)
        assert snapshot is not None
        (child,) = snapshot.children
        assert (child.name, child.role, child.state) == ("local-model", "triton", "ready")
        assert child.detail == (
            "Triton is not running: TRITON_PYTHON names /nonexistent, which is not a Python 3.11 or 3.12; "
            "a plain process serves the local model"
        )
        grpc = json.loads(layout.stack_file.read_text())["triton"]["grpc"]
        health = TritonHealth(servers.triton.model_copy(update={"grpc": grpc}), model_names(MODELS))
        asyncio.run(health.check())
        health.close()
