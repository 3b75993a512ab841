"""A small client of `/api/v1`, and the frames of its streams."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import httpx

from tests.e2e.stack import Stack


@dataclass(frozen=True)
class Frame:
    """One server-sent event."""

    seq: int
    event: str
    data: dict[str, Any]


def frames_of(body: str) -> list[Frame]:
    """Every event of a whole SSE body; comments are left out."""
    found = []
    for block in body.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
        if lines:
            found.append(Frame(int(lines["id"]), lines["event"], json.loads(lines["data"])))
    return found


def text_of(frames: list[Frame]) -> str:
    return "".join(frame.data["delta"] for frame in frames if frame.event == "content_chunk")


class Client(httpx.Client):
    """Signed in with the stack's first key."""

    def __init__(self, stack: Stack, key: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {key or stack.key}"}
        super().__init__(base_url=stack.url, headers=headers, timeout=60)

    def new_conversation(self, **fields: Any) -> dict[str, Any]:
        answer = self.post("/api/v1/conversations", json=fields)
        assert answer.status_code == 201, answer.text
        created: dict[str, Any] = answer.json()
        return created

    def ask(self, conversation_id: str, content: str, **fields: Any) -> list[Frame]:
        """Send a prompt and read its stream to the end."""
        answer = self.post(f"/api/v1/conversations/{conversation_id}/messages", json={"content": content, **fields})
        assert answer.status_code == 200, answer.text
        return frames_of(answer.text)
