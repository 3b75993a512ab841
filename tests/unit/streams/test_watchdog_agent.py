"""The watchdog lets go of what the log has ended, also if its outcome never comes."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from infra.models import ModelCatalogue
from streams.agents import Source
from streams.watchdog.agent import Watchdog
from tests.unit.streams.commands import NOW_US, prompt
from topics.catalogue import CONVERSATION_EVENTS

LONG_AFTER_US = NOW_US + 10**12


async def test_a_command_repeated_after_its_outcome_was_committed_holds_up_no_commits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a restart the watchdog sees the repeated command alone: nothing but the log says that it is over."""
    monkeypatch.setattr("streams.watchdog.agent.ended_among", lambda _, turns: {turn.generation_id for turn in turns})
    nobody: Any = None
    watchdog = Watchdog({}, ModelCatalogue.load(), nobody, 0)
    acknowledged: list[int] = []
    for offset in (9, 10):
        command = prompt(generation_id=f"generation-{offset}")
        acknowledge = partial(acknowledged.append, offset)
        await watchdog.handle(command, Source(CONVERSATION_EVENTS, 0, offset, NOW_US, b"c", True, acknowledge))
    assert acknowledged == []
    await watchdog._end(watchdog._turns.due(LONG_AFTER_US, 10))
    assert acknowledged == [9, 10]
    assert watchdog._turns.due(LONG_AFTER_US * 2, 10) == []
