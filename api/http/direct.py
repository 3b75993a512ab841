"""The server's own `send` of a request, for answers of many pieces.

What middleware and routes wrap around it has nothing to do after an answer's head, and its layers cost as much as
making a piece.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from starlette.types import Send

_KEY = "verbatim.direct_send"


def offer(scope: MutableMapping[str, Any], send: Send) -> None:
    """The server's side: put its `send` into the request's scope."""
    scope[_KEY] = send


def withdraw(scope: MutableMapping[str, Any]) -> None:
    """For middleware that looks at bodies: what it passes on must use the `send` that it gives."""
    scope.pop(_KEY, None)


def direct(scope: MutableMapping[str, Any], send: Send) -> Send:
    """What an answer's body may be sent by, once its head has left by `send`."""
    found: Send = scope.get(_KEY, send)
    return found
