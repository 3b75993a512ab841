"""What Cassandra is told: settings that promises hang on."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.stack.cassandra import yaml


def test_a_write_is_on_the_disk_when_it_is_answered() -> None:
    """The projector commits its offsets after the answer: what a killed Cassandra had not synced would be lost."""
    lines = yaml(1, 2, Path("/data"), direct=True).splitlines()
    assert [line for line in lines if line.startswith("commitlog_sync")] == ["commitlog_sync: batch"]


@pytest.mark.parametrize(("direct", "mode"), [(True, "direct"), (False, "mmap")])
def test_the_commit_log_is_written_directly_where_the_disk_takes_it(direct: bool, mode: str) -> None:
    assert f"commitlog_disk_access_mode: {mode}" in yaml(1, 2, Path("/data"), direct=direct).splitlines()
