from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from api.consistency.position_tokens import parse
from infra.cli.chat_memory import Memory, remember, remembered
from infra.stack.layout import Layout


@pytest.fixture
def state(tmp_path: Path) -> Path:
    layout = Layout.at(tmp_path / "state")
    layout.create()
    return layout.root


def generation(n: int) -> str:
    return str(UUID(int=n))


def test_what_is_remembered_comes_back_and_is_private(state: Path) -> None:
    memory = Memory("c", "m", "conversation-events/0/12")
    remember(state, memory)
    assert remembered(state) == memory
    assert (state / "chat.json").stat().st_mode & 0o777 == 0o600


def test_nothing_is_written_into_a_folder_that_is_not_ours(tmp_path: Path) -> None:
    remember(tmp_path, Memory("c"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "[]", "{", '{"position": "nonsense"}', '{"position": 3}'])
def test_a_damaged_memory_is_an_empty_one(state: Path, text: str) -> None:
    (state / "chat.json").write_text(text)
    assert remembered(state) == Memory()


def test_positions_join_to_the_newest_of_each_partition() -> None:
    memory = Memory().having_seen("conversation-events/0/5").having_seen("conversation-events/1/2")
    memory = memory.having_seen("conversation-events/0/9").having_seen("conversation-events/0/7", generation(1))
    assert dict(parse(memory.position).offsets) == {("conversation-events", 0): 9, ("conversation-events", 1): 2}
    assert parse(memory.position).generations == (generation(1),)


def test_positions_stay_short() -> None:
    memory = Memory()
    for n in range(100):
        memory = memory.having_seen(f"conversation-events/{n}/1", generation(n))
    token = parse(memory.position)
    assert token.generations == tuple(generation(n) for n in range(92, 100))
    assert len(token.offsets) + len(token.generations) <= 32


def test_a_damaged_header_changes_nothing() -> None:
    memory = Memory(position="conversation-events/0/5")
    assert memory.having_seen("what?") == memory
    assert memory.having_seen(None) == memory
