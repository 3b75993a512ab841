"""Files as other products export them (of our own making, in their formats), and such as are damaged or hostile."""

from __future__ import annotations

import base64
import io
import json
import random
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

EXPORTS = Path(__file__).parent / "exports"


def export_of(name: str) -> bytes:
    return (EXPORTS / f"{name}.json").read_bytes()


def zipped(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return out.getvalue()


def chatgpt_zip() -> bytes:
    """As it comes by e-mail."""
    others = {"chat.html": b"<html></html>", "user.json": b'{"id": "user-1"}', "file-1-board.jpeg": b"\xff\xd8"}
    return zipped({**others, "conversations.json": export_of("chatgpt")})


def conversation_of(count: int, source_id: str = "long", **times: Any) -> dict[str, Any]:
    """A conversation of ChatGPT's, each message after the one before it."""
    mapping = {
        f"n{n}": {
            "parent": f"n{n - 1}" if n else None,
            "message": {
                "author": {"role": "assistant" if n % 2 else "user"},
                "content": {"content_type": "text", "parts": [f"says {n}"]},
                "create_time": 1_700_000_000 + n,
            },
        }
        for n in range(count)
    }
    return {"id": source_id, "title": "Long", "mapping": mapping, "current_node": f"n{count - 1}", **times}


def bomb(megabytes: int) -> bytes:
    """A small zip with much in it, that would be one conversation."""
    return zipped(
        {"conversations.json": b'[{"id": "b", "mapping": {}, "padding": "' + b" " * megabytes * 2**20 + b'"}]'}
    )


def noise(seed: int) -> str:
    """A text that takes as much room in a zip as outside."""
    return base64.b64encode(random.Random(seed).randbytes(150)).decode()


def json_of(value: Any) -> bytes:
    return json.dumps(value).encode()


def as_text(body: bytes) -> str:
    """For a script in the page."""
    return base64.b64encode(body).decode()
