"""Conformance suites get real servers, once per session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.settings import Settings
from tests.stack_fixture import session_servers


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings that point at a real Kafka, Cassandra, Redis and Triton."""
    yield from session_servers(tmp_path_factory.mktemp("servers"))
