"""Which segments of Cassandra's commit log may be taken away before a start: those that hold nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.stack.commit_log import drop_unbegun_segments

BEGUN = b"\x00\x00\x00\x08" + b"\x00" * 30 + b"a mutation"


@pytest.mark.parametrize("content", [b"", b"\x00" * 9, b"\x00" * (3 << 20)])
def test_what_a_full_disk_left_unbegun_is_removed(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "CommitLog-7-1.log").write_bytes(BEGUN)
    (tmp_path / "CommitLog-7-2.log").write_bytes(content)
    assert drop_unbegun_segments(tmp_path) == ["CommitLog-7-2.log"]
    assert [file.name for file in tmp_path.iterdir()] == ["CommitLog-7-1.log"]


@pytest.mark.parametrize("content", [BEGUN, b"\x00" * (2 << 20) + b"x", b"\x00" * 20 + b"x"])
def test_what_holds_anything_stays(tmp_path: Path, content: bytes) -> None:
    """Damage is not ours to judge: Cassandra refuses it, and a person decides."""
    (tmp_path / "CommitLog-7-1.log").write_bytes(content)
    (tmp_path / "other.log").write_bytes(b"")
    assert drop_unbegun_segments(tmp_path) == []
    assert len(list(tmp_path.iterdir())) == 2


def test_a_new_node_has_no_commit_log_yet(tmp_path: Path) -> None:
    assert drop_unbegun_segments(tmp_path / "commitlog") == []
