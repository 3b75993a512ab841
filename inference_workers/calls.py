"""What a worker lets pass of an engine's tool calls: names and ids of strangers, within bounds. Pure."""

from __future__ import annotations

import re
from hashlib import sha256

from inference_workers.ports import EngineFailed

MAX_CALL_ID_CHARS = 128
MAX_NAME_CHARS = 128
_ID = re.compile(rf"[!-~]{{1,{MAX_CALL_ID_CHARS}}}")


class CallIds:
    """The ids of one answer's calls: the engine's own where they can be used, each once."""

    def __init__(self, request_id: str) -> None:
        self._request_id = request_id
        self._taken: set[str] = set()

    def of(self, told: str) -> str:
        """The id of the next call. An id that is empty, too long, not printable ASCII or there already is replaced by
        one of ours: nothing could tell by it which call a result answers."""
        if not _ID.fullmatch(told) or told in self._taken:
            told = f"call_{sha256(f'{self._request_id}/{len(self._taken)}'.encode()).hexdigest()[:24]}"
        self._taken.add(told)
        return told


def checked_name(name: str) -> str:
    """The name of a function that is called. Raises EngineFailed for one that no function of ours can have."""
    if not name or len(name) > MAX_NAME_CHARS or not name.isprintable():
        said = (
            f"the model called a function without a usable name (1 to {MAX_NAME_CHARS} printable characters): ask again"
        )
        raise EngineFailed(said, code="invalid_tool_call")
    return name
