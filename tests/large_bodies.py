"""The worst bodies that are within the size limit: some are taken, some refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

MODEL = "verbatim-local"
ALMOST_ALL = 4_190_000
"""A little less than a body may have."""


def _chat(**fields: Any) -> bytes:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], **fields}
    return json.dumps(body, ensure_ascii=False).encode()


def _filled(before: bytes, unit: bytes, after: bytes, most: int = ALMOST_ALL) -> bytes:
    return before + unit * ((most - len(before) - len(after)) // len(unit)) + after


def _text(unit: bytes, most: int = ALMOST_ALL) -> bytes:
    before = b'{"model":"' + MODEL.encode() + b'","messages":[{"role":"user","content":"'
    return _filled(before, unit, b'"}]}', most)


def _message(**fields: Any) -> dict[str, Any]:
    return {"role": "user", **fields}


def taken(model: str = MODEL) -> Mapping[str, bytes]:
    """Bodies that a model with a context of 16,384 tokens answers, with as much in them as it takes."""
    part = {"type": "text", "text": ""}
    bodies = {
        "many parts": _chat(messages=[_message(content=[part] * 1_000)] * 12),
        "many empty messages": _chat(messages=[_message(content="")] * 2_000),
        "long words": _text(b"hello ", 30_000),
        "a large parameter that means nothing": _chat(user="u" * 4_000_000),
        "unknown names": _chat(**{f"x{n}": n for n in range(900)}),
        "annotations": _chat(messages=[_message(content="x", annotations=[[1] * 80_000])]),
    }
    return {name: body.replace(MODEL.encode(), model.encode(), 1) for name, body in bodies.items()}


def refused(model: str = MODEL) -> Mapping[str, bytes]:
    """Bodies that are refused with 400, most of them as large as a body may be."""
    head = b'{"model":"' + MODEL.encode() + b'","messages":['
    hi = head + b'{"role":"user","content":"hi"}],'
    bodies = {
        "digits": _text(b"9"),
        "prose": _text(b"The quick brown fox. "),
        "line breaks": _text(b"\\n"),
        "quotes": _text(b'\\"'),
        "escaped letters": _text(b"\\u00e9"),
        "emoji": _text("🧘".encode()),
        "control tokens": _text(b"<|user|>"),
        "beginnings of control tokens": _text(b"<|"),
        "160,000 parts": _filled(
            head + b'{"role":"user","content":[', b'{"type":"text","text":""},', b'{"type":"text","text":""}]}]}'
        ),
        "300,000 metadata names": hi[:-1]
        + b',"metadata":{'
        + b",".join(b'"%d":"x"' % n for n in range(280_000))
        + b"}}",
        "1.3 million messages": _filled(head, b"{},", b"{}]}"),
        "1.3 million tools": _filled(hi + b'"tools":[', b"{},", b"{}]}"),
        "numbers": _filled(hi + b'"annotations":[', b"1,", b"1]}"),
        "depth": _filled(hi + b'"tools":', b"[", b"}"),
        "brackets as text": _text(b"[{,"),
        "messages of nothing": _chat(messages=[{}] * 33_000),
        "4,096 messages of two words": _chat(messages=[_message(content="two words")] * 4_096),
        "10,000 messages": _chat(messages=[_message(content="two words")] * 10_000),
        "messages with parts": _chat(messages=[_message(content=[{"type": "text", "text": "x"}] * 2)] * 4_096),
    }
    return {name: body.replace(MODEL.encode(), model.encode(), 1) for name, body in bodies.items()}
