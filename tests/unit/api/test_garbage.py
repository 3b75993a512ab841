"""What is no request of anybody's: each surface says so in its shape, as documented, and is none the worse for it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from api.log_view import live_log
from tests.fuzz.asgi import Answered, ask
from tests.unit.api.world import World, saying

DOCUMENT: dict[str, Any] = World().app.openapi()
JSON = (b"content-type", b"application/json")
BODIES: dict[str, tuple[bytes, bytes]] = {
    "nothing": (b"", b"application/json"),
    "NaN": (b'{"limit": NaN}', b"application/json"),
    "infinity": (b'{"limit": -Infinity}', b"application/json"),
    "a huge number": (b'{"limit": ' + b"9" * 5_000 + b"}", b"application/json"),
    "a huge exponent": (b'{"limit": 1e999999}', b"application/json"),
    "a lone surrogate": (b'{"name": "\\ud800"}', b"application/json"),
    "half a pair": (b'{"\\udc00": "\\ud83d"}', b"application/json"),
    "invalid UTF-8": (b'{"name": "\xff\xfe\x80"}', b"application/json"),
    "overlong UTF-8": (b'{"name": "\xc0\x80"}', b"application/json"),
    "UTF-16": ('{"name": "a"}'.encode("utf-16"), b"application/json; charset=utf-16"),
    "a raw NUL": (b'{"name": "a\x00b"}', b"application/json"),
    "an unknown field with NUL": (b'{"\\u0000": "\\u0000"}', b"application/json"),
    "two of one name": (b'{"name": "a", "name": "b"}', b"application/json"),
    "deep": (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, b"application/json"),
    "deep lists": (b'{"a":' + b"[" * 50_000, b"application/json"),
    "wide": (b'{"a": [' + b"0," * 200_000 + b"0]}", b"application/json"),
    "no object": (b"[1, 2]", b"application/json"),
    "null": (b"null", b"application/json"),
    "a form": (b"name=a&name=b", b"application/x-www-form-urlencoded"),
    "parts": (b"--x\r\n\r\n", b"multipart/form-data; boundary=x"),
    "text": (b'{"name": "a"}', b"text/plain"),
    "a type that cannot be": (b'{"name": "a"}', b"\xff/\x00;=;;"),
    "no type": (b'{"name": "a"}', b""),
    "a program": (b'{"__proto__": {"a": 1}, "constructor": "x"}', b"application/json"),
}
UNKNOWN_FIELDS = ("an unknown field with NUL", "a program")
IDS: dict[str, bytes] = {
    "NUL": b"%00",
    "invalid UTF-8": b"%ff%fe",
    "a lone surrogate": b"%ed%a0%80",
    "dots": b"%2e%2e%2f%2e%2e%2fetc",
    "long": b"a" * 60_000,
    "negative": b"-1",
    "huge": b"9" * 400,
    "half an escape": b"%zz%",
    "a query": b"%27%20OR%201%3D1%3B--",
    "lines": b"a%0d%0aset-cookie:%20b=c",
    "other digits": "٣".encode().hex(" ").replace(" ", "%").join(("%", "")).encode(),
}
QUERIES: dict[str, bytes] = {
    "negative": b"-1",
    "huge": b"9" * 5_000,
    "NUL": b"%00",
    "invalid UTF-8": b"%ff%fe",
    "a lone surrogate": b"%ed%a0%80",
    "long": b"a" * 60_000,
    "half an escape": b"%",
    "not a number": b"NaN",
    "lines": b"a%0d%0ab",
}
HEADERS: dict[str, tuple[bytes, bytes]] = {
    "a long key": (b"authorization", b"Bearer " + b"a" * 60_000),
    "a key of bytes": (b"authorization", b"Bearer \xff\xfe"),
    "no scheme": (b"authorization", b"\xff"),
    "a token of dots": (b"authorization", b"Bearer " + b"." * 5_000),
    "a token of nothing": (b"authorization", b"Bearer eyJhbGciOiJub25lIn0.e30."),
    "a long cookie": (b"cookie", b"verbatim_session=" + b"a" * 60_000),
    "many cookies": (b"cookie", b"; ".join(b"verbatim_session=%d" % n for n in range(3_000))),
    "a cookie of bytes": (b"cookie", b"verbatim_session=\xff\xfe\x80; =; ;;"),
    "a position that cannot be": (b"x-verbatim-position", b"\xff" * 5_000),
    "a long idempotency key": (b"idempotency-key", b"a" * 60_000),
    "an idempotency key of bytes": (b"idempotency-key", b"\xff\xfe"),
    "a long last event": (b"last-event-id", b"9" * 60_000),
    "a last event of bytes": (b"last-event-id", b"\xff\x80"),
    "a length that cannot be": (b"content-length", b"-1"),
    "a huge length": (b"content-length", b"9" * 400),
    "a coding": (b"content-encoding", b"gzip, \xff"),
    "an origin of bytes": (b"origin", b"\xff"),
    "a request id of bytes": (b"x-request-id", b"\xff" * 5_000),
    "a forwarded address": (b"x-forwarded-for", b"\xff, 999.999.999.999"),
    "what it accepts": (b"accept", b"\xff;q=nan, text/html;q=1e999"),
    "a host of bytes": (b"host", b"\xff:99999999"),
}
OPERATIONS = [
    (method.upper(), path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]
WITH_BODY = [each for each in OPERATIONS if "application/json" in each[2].get("requestBody", {}).get("content", {})]
WITH_IDS = [each for each in OPERATIONS if "{" in each[1]]
WITH_QUERY = [
    (method, path, operation, parameter["name"].encode())
    for method, path, operation in OPERATIONS
    for parameter in operation.get("parameters", ())
    if parameter["in"] == "query"
]
# Headers are read by what many share: one of each kind is enough.
KINDS = {(method, *operation["tags"]): (method, path, operation) for method, path, operation in OPERATIONS}


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is watched here: streams say so at once."""
    monkeypatch.setattr(live_log, "START_S", 0.001)


class Asker:
    """Asks a world for an administrator, and remembers what was not answered as it must be."""

    def __init__(self) -> None:
        self.world = World(script=saying("Hello"))
        self.key = (b"authorization", b"Bearer " + self.world.add_key("admin", "a").encode())
        self.wrong: list[str] = []

    async def ask(
        self, what: str, method: str, path: str, target: bytes, *headers: tuple[bytes, bytes], body: bytes = b""
    ) -> Answered:
        keyed = headers if any(name in (b"authorization", b"cookie") for name, _ in headers) else (*headers, self.key)
        answered = await ask(self.world.app, method, target, keyed, body)
        documented = DOCUMENT["paths"][path][method.lower()]["responses"]
        if str(answered.status) not in documented or answered.status == 500:
            self.wrong.append(f"{what}: {method} {path} -> {answered.status} {answered.body[:300]!r}")
        elif answered.status >= 400 and not _is_in_shape(path, answered):
            self.wrong.append(f"{what}: {method} {path} -> not in its shape: {answered.body[:300]!r}")
        return answered


def _is_in_shape(path: str, answered: Answered) -> bool:
    if path in ("/health", "/ready"):
        return True
    said = json.loads(answered.body)
    if path.startswith(("/schemas", "/subjects", "/config", "/mode", "/compatibility", "/contexts", "/v1/metadata")):
        return set(said) == {"error_code", "message"} and "Traceback" not in said["message"]
    return (
        set(said) == {"error"}
        and set(said["error"]) == {"message", "type", "param", "code"}
        and bool(said["error"]["message"])
        and "Traceback" not in said["error"]["message"]
    )


def _filled(path: str, value: bytes = b"01890a5d-ac96-774b-bcce-b302099a8057") -> bytes:
    parts = path.split("/")
    return "/".join("\0" if part.startswith("{") else part for part in parts).encode().replace(b"\0", value)


@pytest.mark.parametrize("what", BODIES)
async def test_bodies_that_are_garbage_are_refused_everywhere(what: str) -> None:
    asker, (body, kind) = Asker(), BODIES[what]
    for method, path, operation in WITH_BODY:
        answered = await asker.ask(what, method, path, _filled(path), (b"content-type", kind), body=body)
        may_be_empty = what == "nothing" and not operation["requestBody"]["required"]
        # Clients of OpenAI's send fields that are newer than we are.
        may_be_ignored = what in UNKNOWN_FIELDS and path == "/v1/conversations"
        if answered.status < 400 and not (may_be_empty or may_be_ignored):
            asker.wrong.append(f"{what}: {method} {path} -> accepted")
    assert asker.wrong == []


@pytest.mark.parametrize("what", IDS)
async def test_ids_that_are_garbage_name_nothing(what: str) -> None:
    asker = Asker()
    for method, path, operation in WITH_IDS:
        body = b"{}" if "requestBody" in operation else b""
        await asker.ask(what, method, path, _filled(path, IDS[what]), JSON, body=body)
    assert asker.wrong == []


@pytest.mark.parametrize("what", QUERIES)
async def test_queries_that_are_garbage_are_refused_or_find_nothing(what: str) -> None:
    asker = Asker()
    for method, path, _, name in WITH_QUERY:
        await asker.ask(what, method, path, _filled(path) + b"?" + name + b"=" + QUERIES[what])
    assert asker.wrong == []


@pytest.mark.parametrize("what", HEADERS)
async def test_headers_that_are_garbage_are_refused_or_left_alone(what: str) -> None:
    asker = Asker()
    for method, path, operation in KINDS.values():
        body = b"{}" if "requestBody" in operation else b""
        await asker.ask(what, method, path, _filled(path), JSON, HEADERS[what], body=body)
    assert asker.wrong == []


@pytest.mark.parametrize(
    "path", [b"/", b"//", b"/%00", b"/%ff", b"/v1/%2e%2e/%2e%2e", b"/" + b"a/" * 20_000, b"/static/%00/x"]
)
async def test_addresses_that_nothing_is_at(path: bytes) -> None:
    app = World().app
    for method in ("GET", "POST", "TRACE", "CONNECT", "BREW", "G\x7fT", "get"):
        answered = await ask(app, method, path)
        if (method, path) == ("GET", b"/"):
            assert answered.status == 200
        else:
            assert answered.status in (404, 405), method
            assert set(json.loads(answered.body)["error"]) == {"message", "type", "param", "code"}
