"""Used links in memory."""

from __future__ import annotations

from api.access.ports import LinksUnavailable


class MemoryLinks:
    """Remembers for ever; `away` knows nothing."""

    def __init__(self) -> None:
        self._used: set[str] = set()
        self.away = False

    async def take(self, nonce: str, for_s: int) -> bool:
        if self.away:
            raise LinksUnavailable
        first = nonce not in self._used
        self._used.add(nonce)
        return first

    async def give_back(self, nonce: str) -> None:
        if self.away:
            raise LinksUnavailable
        self._used.discard(nonce)
