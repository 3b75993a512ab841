"""The names of the headers that this API adds to HTTP's own."""

from __future__ import annotations

from typing import Final

POSITION_HEADER: Final = "X-Verbatim-Position"
BEHIND_HEADER: Final = "X-Verbatim-Behind"
KEY_HEADER: Final = "Idempotency-Key"
REPLAYED_HEADER: Final = "Idempotent-Replayed"
LAST_EVENT_ID_HEADER: Final = "Last-Event-ID"
REQUEST_ID_HEADER: Final = "x-request-id"
