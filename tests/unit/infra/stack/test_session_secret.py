from __future__ import annotations

import stat
from pathlib import Path

import pytest
from pydantic import SecretStr

from infra.settings import Settings
from infra.settings.processes import ApiSettings
from infra.stack.children import own_children
from infra.stack.layout import Layout
from infra.stack.session_secret import known_session_secret, with_session_secret

VARIABLE = "VERBATIM_API__SESSION_SECRET"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout.at(tmp_path / "state")
    made.create()
    return made


def secret_of(settings: Settings) -> str:
    return settings.api.session_secret.get_secret_value()


def test_a_folder_gets_one_and_keeps_it(layout: Layout) -> None:
    assert known_session_secret(layout) == ""
    first = secret_of(with_session_secret(Settings(), layout))
    assert len(first) == 43
    assert first == known_session_secret(layout) == secret_of(with_session_secret(Settings(), layout))
    assert stat.S_IMODE(layout.session_secret_file.stat().st_mode) == 0o600


def test_one_that_is_set_is_taken_and_kept_for_who_makes_links(layout: Layout) -> None:
    with_session_secret(Settings(), layout)
    given = Settings(api=ApiSettings(session_secret=SecretStr("g" * 32)))
    assert secret_of(with_session_secret(given, layout)) == "g" * 32
    assert known_session_secret(layout) == "g" * 32


@pytest.mark.parametrize("damaged", [b"", b"short", b"\xff\xfe", b"\n"])
def test_a_damaged_one_is_replaced(layout: Layout, damaged: bytes) -> None:
    layout.session_secret_file.write_bytes(damaged)
    assert known_session_secret(layout) == ""
    assert len(secret_of(with_session_secret(Settings(), layout))) == 43


def test_a_reset_takes_it_away(layout: Layout) -> None:
    with_session_secret(Settings(), layout)
    layout.delete()
    assert known_session_secret(layout) == ""


def test_only_the_api_is_told(layout: Layout) -> None:
    settings = with_session_secret(Settings(), layout)
    told = {child.role: child.env[VARIABLE] for child in own_children(settings, layout, {}, {VARIABLE: "caller's"})}
    assert {role for role, secret in told.items() if secret} == {"api"}
    assert told["api"] == secret_of(settings)
    assert secret_of(settings) not in repr(settings)
