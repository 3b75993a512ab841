"""What tells a request from another one under the same idempotency key. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import orjson


def request_hash(command: str, body: Mapping[str, Any]) -> str:
    """Hex SHA-256 over the canonical JSON (sorted keys, UTF-8, no spaces) of a validated body.

    `body` holds only what the caller stated: what the server filled in may differ at the next try. How the answer
    is delivered (streamed or whole) is not what is asked for and does not belong in it.
    """
    return sha256(orjson.dumps([command, body], option=orjson.OPT_SORT_KEYS)).hexdigest()
