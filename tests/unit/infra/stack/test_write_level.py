from __future__ import annotations

from pathlib import Path

import pytest

from infra.settings import Settings
from infra.settings.processes import LogSettings
from infra.settings.servers import KafkaSettings
from infra.stack.children import own_children, spare_worker
from infra.stack.layout import Layout
from infra.stack.write_level import keep_level, level_of, settled_level
from schemas.registry import READ_BEFORE, WRITE_LEVEL

OWN = Settings()
EXTERNAL = Settings(kafka=KafkaSettings(bootstrap="elsewhere:9092"))


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout.at(tmp_path / "state")
    made.create()
    return made


def test_with_a_broker_of_its_own_a_stack_writes_the_newest_at_once(layout: Layout) -> None:
    keep_level(layout, READ_BEFORE)
    assert settled_level(OWN, layout) == WRITE_LEVEL
    assert level_of(layout) == WRITE_LEVEL


def test_on_an_external_broker_the_level_stays_until_it_is_raised(layout: Layout) -> None:
    assert settled_level(EXTERNAL, layout) == READ_BEFORE
    assert settled_level(EXTERNAL, layout) == READ_BEFORE
    keep_level(layout, WRITE_LEVEL)
    assert settled_level(EXTERNAL, layout) == WRITE_LEVEL


def test_what_the_settings_say_holds_everywhere(layout: Layout) -> None:
    assert settled_level(OWN.model_copy(update={"log": LogSettings(writes=1)}), layout) == 1
    assert level_of(layout) == 1


def test_a_level_that_a_newer_release_left_is_kept_and_not_reached(layout: Layout) -> None:
    keep_level(layout, WRITE_LEVEL + 1)
    for settings in (OWN, EXTERNAL):
        assert settled_level(settings, layout) == WRITE_LEVEL
    assert layout.write_level_file.read_text() == f"{WRITE_LEVEL + 1}\n"
    assert level_of(layout) == WRITE_LEVEL


@pytest.mark.parametrize("text", ["", "two", "-1", "0", "9" * 5000, "\u0662"])
def test_a_damaged_level_is_none(layout: Layout, text: str) -> None:
    layout.write_level_file.write_text(text)
    assert level_of(layout) == READ_BEFORE
    assert settled_level(EXTERNAL, layout) == READ_BEFORE


def test_every_life_of_a_child_is_told_the_level_of_its_day(layout: Layout) -> None:
    settings = EXTERNAL
    spare = spare_worker(settings, layout, {}, {})
    assert spare is not None
    for child in (*own_children(settings, layout, {}, {}), spare):
        assert child.env_now is not None
        keep_level(layout, 1)
        assert child.env_now() == {"VERBATIM_LOG__WRITES": "1"}
        keep_level(layout, 2)
        assert child.env_now() == {"VERBATIM_LOG__WRITES": "2"}
