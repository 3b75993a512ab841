"""Checks whether a reader with another schema can read ours: one check at a time, in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from api.http.errors import Overloaded
from api.http.gates import Gate, GateBusy
from api.registry import schema_index as index
from api.registry.schema_index import Entry

WITHIN_S = 5.0
"""How long a check waits for the one before it."""


class SchemaChecks:
    """The checks of one process."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def unreadable(self, entries: Iterable[Entry], text: str) -> list[str]:
        """As `schema_index.unreadable`. Raises NotAvro; Overloaded where others are being checked."""
        try:
            async with self._gate.entered(WITHIN_S):
                # A foreign schema: check it in a thread, so that no token waits for it.
                return await asyncio.to_thread(index.unreadable, list(entries), text)
        except GateBusy:
            raise Overloaded("another schema check is running") from None
