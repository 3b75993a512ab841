"""What is done to a right request body: its shape, its bytes, its size; and odd headers."""

from __future__ import annotations

import copy
import gzip
import json
from typing import Any, Literal

from hypothesis import strategies as st

LIMIT = 4 * 1024 * 1024
Expect = Literal["ok", "refused", "any"]
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    2**31,
    2**63 - 1,
    2**63,
    2**64,
    -(2**63) - 1,
    10**30,
    0.5,
    -0.0,
    1e308,
    "",
    " ",
    "\n",
    "x",
    "null",
    "1",
    "\x00",
    "\u2028",
    [],
    [[]],
    {},
    [None],
    [1, "a", {}],
    {"a": {"b": [1]}},
    {"": ""},
    "x" * 5000,
    ["x"] * 2000,
    {f"k{n}": "v" for n in range(300)},
    [{"type": "text", "text": "a"}],
    [{"type": "image_url", "image_url": {"url": "http://127.0.0.1/x"}}],
    {"type": "json_object"},
)
HEADER_CHANGES: tuple[tuple[str, str, Expect], ...] = (
    ("Content-Type", "text/plain", "refused"),
    ("Content-Type", "", "refused"),
    ("Content-Type", "application/json; charset=utf-16", "any"),
    ("Content-Encoding", "br", "refused"),
    ("Authorization", "Bearer vk_" + "0" * 43, "refused"),
    ("Authorization", "Basic eDp5", "refused"),
    ("Authorization", "Bearer \xff\xfe", "refused"),
    ("Authorization", "", "any"),
    ("Idempotency-Key", "k" * 300, "any"),
    ("Idempotency-Key", "\x01", "any"),
    ("Idempotency-Key", "zwölf", "any"),
    ("X-Request-Id", "x" * 5000, "any"),
    ("X-Request-Id", "\xe9\n", "any"),
    ("X-Verbatim-Position", "generation/none,,x=1", "any"),
    ("Cookie", "verbatim_session=" + "A" * 4000, "any"),
    ("Origin", "null", "any"),
    ("Origin", "https://app.example", "any"),
    ("X-Forwarded-For", "not an address, ,,", "any"),
    ("Accept", "nothing/never", "any"),
    ("X-Filler", "f" * 100_000, "any"),
    ("Accept-Encoding", "gzip;q=nan", "any"),
    ("Last-Event-ID", "-1", "any"),
    ("Transfer-Encoding", "identity", "any"),
)


def change_shape(draw: st.DrawFn, value: dict[str, Any]) -> None:
    """Put something odd at a random place of a JSON object."""
    at: Any = value
    while True:
        names = list(at) if isinstance(at, dict) else list(range(len(at)))
        if not names:
            return
        name = draw(st.sampled_from(names))
        inner = at[name]
        if isinstance(inner, dict | list) and inner and draw(st.integers(0, 2)):
            at = inner
            continue
        break
    what = draw(st.sampled_from(("value", "value", "drop", "add", "nest", "list", "both")))
    odd = copy.deepcopy(draw(st.sampled_from(VALUES)))  # the next change may change it
    if what == "value":
        at[name] = odd
    elif what == "drop":
        del at[name]
    elif what == "nest":
        at[name] = {"x": at[name]}
    elif what == "list":
        at[name] = [at[name]] * draw(st.sampled_from((1, 2, 50)))
    elif isinstance(at, dict):
        at[
            draw(
                st.sampled_from(
                    ("tools", "tool_choice", "logprobs", "request_id", "top_k", "x", "", "content", "seed", "stop")
                )
            )
        ] = odd


@st.composite
def changed_bytes(draw: st.DrawFn, body: bytes) -> tuple[str, bytes, Expect]:
    at = draw(st.integers(0, max(len(body) - 1, 0)))
    deep = draw(st.sampled_from((100, 2000, 20_000)))
    made: dict[str, tuple[bytes, Expect]] = {
        "flip": (body[:at] + bytes([body[at] ^ 1 << draw(st.integers(0, 7))]) + body[at + 1 :], "any"),
        "cut": (body[: min(at, len(body) - 1)], "any"),
        "after": (body + draw(st.sampled_from((b"x", b"{}", b"\x00", b"]"))), "refused"),
        "utf16": (body.decode("utf-8", "replace").encode("utf-16"), "refused"),
        "bom": (b"\xef\xbb\xbf" + body, "any"),
        "invalid": (body.replace(b'"', b'"\xff', 1), "refused"),
        "surrogate": (body[:1] + b'"a": "\\ud83d b", ' + body[1:], "any"),
        "twice": (body[:1] + b'"model": "fuzz", "model": "fuzz", ' + body[1:], "refused"),
        "deep": (body[:1] + b'"x": ' + b"[" * deep + b"]" * deep + b", " + body[1:], "any"),
        "digits": (body[:1] + b'"seed": ' + b"9" * 5000 + b", " + body[1:], "any"),
        "nan": (body[:1] + b'"temperature": NaN, ' + body[1:], "refused"),
        "gzip": (gzip.compress(body, mtime=0), "refused"),
        "list": (b"[" + body + b"]", "refused"),
        "text": (draw(st.binary(max_size=40)), "any"),
        "zeros": (b"\x00" * 100, "refused"),
    }
    note = draw(st.sampled_from(sorted(made)))
    changed, expect = made[note]
    return note, changed, "any" if changed == body else expect


@st.composite
def grown(draw: st.DrawFn, path: str, value: dict[str, Any]) -> tuple[bytes, tuple[str, int], Expect, str]:
    """A body of hundreds of kilobytes up to more than the limit: in text, in structure, or in what is ignored."""
    size = draw(st.sampled_from((70_000, 200_000, 500_000, 1_500_000, LIMIT - 2000, LIMIT + 5000)))
    where = draw(st.sampled_from(("text", "spaces", "member", "parts", "names")))
    body = json.dumps(value, ensure_ascii=True).encode()
    over: Expect = "refused" if size > LIMIT else "any"
    if where == "text":
        filler = draw(st.sampled_from(("9", "x ", "lorem ipsum ", "ab", "\\u0000", "日")))
        field = b'"content": "@GROW@", ' if "content" in value else b'"title": "@GROW@", '
        if "messages" in value:
            body = json.dumps(value | {"messages": [{"role": "user", "content": "@GROW@"}]}).encode()
            return body, (filler, size - size % len(filler.encode())), over, where
        value.pop("content", None), value.pop("title", None)
        rest = json.dumps(value, ensure_ascii=True).encode()
        return (
            b"{" + field + (rest[1:] if value else b'"x": 1}'),
            (filler, size - size % len(filler.encode())),
            over,
            where,
        )
    if where == "spaces":
        return b"{@GROW@" + body[1:], (" ", size), over, where
    fillers = {"member": '{"a": 1}, ', "parts": '{"type":"text","text":""}, ', "names": "[], "}
    name = {"member": b'"metadata"', "parts": b'"messages"', "names": b'"tools"'}[where]
    filler = fillers[where]
    large = b"{" + name + b": [@GROW@1], " + b", ".join(_members(value, name)) + b"}"
    return large.replace(b", }", b"}"), (filler, size - size % len(filler)), over, where


def _members(value: dict[str, Any], without: bytes) -> list[bytes]:
    pairs = [(json.dumps(name).encode(), json.dumps(item).encode()) for name, item in value.items()]
    return [name + b": " + item for name, item in pairs if name != without]
