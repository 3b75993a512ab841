"""What `up` says at the end."""

from __future__ import annotations

import io
import re
from hashlib import sha256
from pathlib import Path

import pytest
from rich.console import Console

from api.access.sessions import Sessions
from infra.cli.sign_in_link import sign_in_link
from infra.cli.stack_progress import notes_of, welcome
from infra.clock import now_us
from infra.settings import Settings
from infra.settings.processes import ApiSettings
from infra.stack.layout import Layout
from infra.stack.session_secret import with_session_secret
from infra.stack.snapshot import ChildView, Snapshot
from infra.stack.stack_file import api_url

URL = "http://127.0.0.1:8080"
KEY = "vk_" + "a" * 43


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout.at(tmp_path / "state")
    made.create()
    return made


def said(layout: Layout, key: str) -> str:
    output = io.StringIO()
    welcome(Console(file=output, width=40), layout, URL, key, 12.345)
    return output.getvalue()


def test_the_link_is_on_one_line_and_signs_in(layout: Layout) -> None:
    settings = with_session_secret(Settings(), layout)
    shown = re.search(rf"^  open   {URL}/#link=(\S+)$", said(layout, KEY), re.MULTILINE)
    assert shown is not None
    sessions = Sessions(settings.api.session_secret.get_secret_value(), 1)
    link = sessions.opened(shown[1], now_us() // 1_000_000)
    assert link is not None
    assert link.key_sha256 == sha256(KEY.encode()).hexdigest()


def test_each_link_is_another_one(layout: Layout) -> None:
    with_session_secret(Settings(), layout)
    assert sign_in_link(URL, "0" * 64, layout) != sign_in_link(URL, "0" * 64, layout)


def test_commands_name_the_folder_and_the_key_is_shown(layout: Layout) -> None:
    with_session_secret(Settings(), layout)
    text = said(layout, KEY)
    assert "Verbatim is ready after 12.3 s." in text
    assert f"  API    {URL}\n  key    {KEY}\n" in text
    assert f"./verbatim key link --state {layout.root}\n" in text
    assert f"./verbatim chat --state {layout.root}\n" in text


def test_without_a_key_there_is_nothing_to_sign_in_with(layout: Layout) -> None:
    with_session_secret(Settings(), layout)
    text = said(layout, "")
    assert f"  open   {URL}\n" in text
    assert "link" not in text


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("0.0.0.0", "http://127.0.0.1:8080"),
        ("", "http://127.0.0.1:8080"),
        ("::", "http://[::1]:8080"),
        ("::1", "http://[::1]:8080"),
        ("chat.example.org", "http://chat.example.org:8080"),
    ],
)
def test_the_address_is_one_that_can_be_opened(host: str, url: str) -> None:
    assert api_url(Settings(api=ApiSettings(host=host))) == url


def test_what_stands_in_for_a_server_is_one_line(layout: Layout) -> None:
    note = "Triton is not running: no Python 3.11 or 3.12 was found; a plain process serves the local model"
    children = (
        ChildView("redis", "redis", "ready", "", 1, 0, ""),
        ChildView("local-model", "triton", "ready", note, 2, 0, ""),
        ChildView("worker-0", "worker", "waiting", "killed by SIGKILL", None, 1, ""),
    )
    assert notes_of(None) == ()
    notes = notes_of(Snapshot("running", "", "", URL, "", children))
    assert notes == (note,)
    output = io.StringIO()
    welcome(Console(file=output, width=40), layout, URL, "", 12.345, notes)
    assert f"\n{note}\n" in output.getvalue()
