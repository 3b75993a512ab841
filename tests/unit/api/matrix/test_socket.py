"""The WebSocket of /v1/responses with every principal by every form of credential: it opens to whom the route does,
if they come by a header: a cookie opens none (docs/adr/0021)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.unit.api.matrix.actions import ACTIONS
from tests.unit.api.matrix.cast import SUSPENDED, Scene, as_they_were, knocks, scene
from tests.unit.api.matrix.expected import expected, narrow_scope
from tests.unit.api.matrix.rows import MATRIX

ROUTE = ("POST", "/v1/responses")
COOKIES = frozenset({"session", "cookie of a key", "a forged cookie"})


async def opened(at: Scene, headers: Mapping[str, str]) -> int:
    """200: the connection stands; else the status of the refusal. The client leaves at once."""
    leaves: list[Mapping[str, Any]] = [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}]
    heard, sent = iter(leaves), list[Any]()

    async def receive() -> Mapping[str, Any]:
        return next(heard)

    async def send(message: Any) -> None:
        sent.append(message)

    await at[0].app(
        {
            "type": "websocket",
            "path": ROUTE[1],
            "raw_path": ROUTE[1].encode(),
            "query_string": b"",
            "scheme": "ws",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 5),
            "server": ("verbatim", 80),
            "subprotocols": [],
            "extensions": {"websocket.http.response": {}},
        },
        receive,
        send,
    )
    return 200 if sent[0]["type"] == "websocket.accept" else int(sent[0]["status"])


async def test_it_opens_to_whom_its_route_does() -> None:
    at, row, action = scene(), MATRIX[ROUTE], ACTIONS[ROUTE]
    found, wanted = dict[tuple[str, str], int](), dict[tuple[str, str], int]()
    for knock in [*knocks(narrow_scope(action)), *SUSPENDED]:
        as_they_were(at)
        found[knock.who, knock.form] = await opened(at, await knock.headers(at))
        answered = expected(row, action, knock.who, knock.form)
        wanted[knock.who, knock.form] = 401 if knock.form in COOKIES else answered
    assert found == wanted
