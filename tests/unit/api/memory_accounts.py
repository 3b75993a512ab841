"""Keys as projections in memory show them, and how such projections see the log."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from projections.accounts.queries import ApiKeyRow, UserRow
from schemas.account import ApiKeyCreated, ApiKeyRevoked, UserCreated
from schemas.envelope import Position
from tests.unit.api.memory_log import MemoryLog
from topics.catalogue import ACCOUNT_EVENTS


class MemoryAccounts:
    """The AccountReads of the api: read from the log itself at every call. `blind` and `unseen` as in MemoryReads."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self.blind = False
        self.unseen: type | None = None

    def _events(self, topic: str) -> list[tuple[Any, Position]]:
        found = [] if self.blind else self._log.all_of(topic)
        return [(event, at) for event, at in found if self.unseen is None or not isinstance(event, self.unseen)]

    async def api_key(self, key_sha256: str) -> ApiKeyRow | None:
        return next((key for key in self._keys() if key.key_sha256 == key_sha256 and not key.revoked), None)

    async def user(self, user_id: str) -> UserRow | None:
        for event, _ in self._events(ACCOUNT_EVENTS):
            if isinstance(event, UserCreated) and event.user_id == user_id:
                return UserRow(user_id, event.name, event.envelope.occurred_at_us)
        return None

    async def keys(self, user_id: str) -> list[ApiKeyRow]:
        return [key for key in self._keys() if key.user_id == user_id]

    def _keys(self) -> list[ApiKeyRow]:
        keys: dict[str, ApiKeyRow] = {}
        for event, _ in self._events(ACCOUNT_EVENTS):
            if isinstance(event, ApiKeyCreated):
                at_us = event.envelope.occurred_at_us
                keys[event.key_id] = ApiKeyRow(
                    event.key_sha256, event.key_id, event.user_id, event.label, event.hint, at_us, None
                )
            elif isinstance(event, ApiKeyRevoked):
                keys[event.key_id] = replace(keys[event.key_id], revoked_at_us=event.envelope.occurred_at_us)
        return list(keys.values())
