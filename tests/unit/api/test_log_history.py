"""The past of a process is read by one at a time, and no more wait for it than there is room for."""

from __future__ import annotations

import pytest

from api.conversations import log_history
from api.conversations.as_of import history_errors
from api.conversations.log_history import LogHistory
from api.http.errors import Overloaded
from infra.settings import Settings
from tests.unit.api.memory_log import TOPICS


async def test_more_than_there_is_room_for_are_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_history, "MAX_WAITING", 0)
    past = LogHistory(Settings(), TOPICS)
    with pytest.raises(Overloaded, match="0 history reads are already waiting"), history_errors():
        await past.look(lambda log, check: None)
    await past.aclose()
