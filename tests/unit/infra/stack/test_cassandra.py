"""What Cassandra is told: settings that promises hang on."""

from __future__ import annotations

from pathlib import Path

from infra.stack.cassandra import yaml


def test_a_write_is_on_the_disk_when_it_is_answered() -> None:
    """The projector commits its offsets after the answer: what a killed Cassandra had not synced would be lost."""
    lines = yaml(1, 2, Path("/data")).splitlines()
    assert [line for line in lines if line.startswith("commitlog_sync")] == ["commitlog_sync: batch"]
