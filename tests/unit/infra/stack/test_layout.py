from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from infra.stack.errors import AlreadyRunning, ForeignFolder
from infra.stack.layout import Layout, write_private


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout.at(tmp_path / "state")
    made.create()
    return made


def test_the_folder_is_private_and_keeps_its_id(layout: Layout) -> None:
    first = layout.stack_id()
    layout.create()
    assert layout.stack_id() == first
    assert stat.S_IMODE(layout.root.stat().st_mode) == 0o700


def test_other_peoples_folders_are_neither_used_nor_deleted(tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("x")
    with pytest.raises(ForeignFolder, match="is not empty and not a state folder"):
        Layout.at(tmp_path).create()
    with pytest.raises(ForeignFolder, match="nothing deleted"):
        Layout.at(tmp_path).delete()
    assert (tmp_path / "thesis.doc").is_file()


def test_an_empty_folder_may_be_used(tmp_path: Path) -> None:
    Layout.at(tmp_path).create()
    assert Layout.at(tmp_path).marker.is_file()


def test_reset_deletes_ours_and_follows_no_links(layout: Layout, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    (layout.root / "link").symlink_to(outside)
    (layout.logs / "kafka.log").write_text("x")
    layout.delete()
    assert not layout.root.exists()
    assert (outside / "precious").is_file()


def test_one_supervisor_holds_the_folder(layout: Layout) -> None:
    assert layout.supervisor_pid() is None
    with layout.held():
        assert layout.supervisor_pid() == os.getpid()
        with pytest.raises(AlreadyRunning, match="already running"), layout.held():
            pytest.fail("two supervisors")
    assert layout.supervisor_pid() is None


def test_private_files_are_replaced_whole_with_mode_0600(layout: Layout) -> None:
    layout.stack_file.write_text("old")
    layout.stack_file.chmod(0o644)
    write_private(layout.stack_file, "new")
    assert layout.stack_file.read_text() == "new"
    assert stat.S_IMODE(layout.stack_file.stat().st_mode) == 0o600
    assert [p.name for p in layout.root.iterdir() if p.name.startswith(".")] == []
