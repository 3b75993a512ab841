"""When keys were used last, in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass
class MemoryKeyUses:
    """The KeyUses of the api."""

    used: dict[str, int] = field(default_factory=dict)

    async def note(self, key_id: str, at_us: int) -> None:
        self.used[key_id] = at_us

    async def last(self, key_ids: Sequence[str]) -> Mapping[str, int]:
        return {key_id: self.used[key_id] for key_id in key_ids if key_id in self.used}
