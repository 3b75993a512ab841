"""The output items of a response as they grow, and the events that tell of it. Pure.

One chunk of the log may be several events: an item or a part that begins or ends with it has its own. Their numbers are
dense from 0 and follow from the chunks alone, so they are the same for every reader at any age.
"""

from __future__ import annotations

from typing import Any

import orjson

from api.streaming.pieces import Piece, PlacedPiece
from schemas.parts import ChunkPart

_TEXT = ChunkPart(0, "text")
_CONTENT_KINDS = frozenset({"text", "refusal"})
"""Parts that are content of one message where they follow each other."""


class Output:
    """Takes the pieces of one answer in order. `events` are those since the last `taken`.

    `after`: events up to this number are left out. `number`: of the next event.
    """

    def __init__(self, generation_id: str, after: int = -1) -> None:
        self._hex = generation_id.replace("-", "")
        self._after = after
        self.number = 0
        self._events: list[bytes] = []
        self._part: ChunkPart | None = None
        self._item: dict[str, Any] | None = None
        self._texts: list[str] = []
        self._logprobs: list[Any] = []
        self.items: list[dict[str, Any]] = []

    def taken(self) -> bytes:
        """The bytes of the events since the last call."""
        events, self._events = self._events, []
        return b"".join(events)

    def tell(self, kind: str, fields: dict[str, Any]) -> None:
        """One event."""
        number = self.number
        self.number += 1
        if number > self._after:
            body = orjson.dumps({"type": kind, "sequence_number": number, **fields})
            self._events.append(b"event: %b\ndata: %b\n\n" % (kind.encode(), body))

    def put(self, piece: Piece) -> None:
        """The next chunk."""
        if isinstance(piece, PlacedPiece):
            part, text = piece.part, orjson.loads(piece.text)
            probable = orjson.loads(piece.logprobs) if piece.logprobs else []
        else:
            part, text, probable = _TEXT, orjson.loads(piece), []
        if self._part is None or part.index != self._part.index:
            self._turn_to(part)
        if text or probable:
            self._texts.append(text)
            self._logprobs += probable
            self._delta(text, probable)

    def close(self, *, whole: bool) -> None:
        """The answer has ended; what is open is closed, as incomplete unless the answer is `whole`."""
        self._close_part()
        self._close_item("completed" if whole else "incomplete")

    # -- parts and items ---------------------------------------------------------------------------------------------

    def _turn_to(self, part: ChunkPart) -> None:
        self._close_part()
        same_message = part.kind in _CONTENT_KINDS and self._item is not None and self._item["type"] == "message"
        if not same_message:
            self._close_item("completed")
            self._open_item(part)
        self._part = part
        if part.kind != "tool_call":
            self.tell("response.content_part.added", {**self._at(), "part": self._content("", [])})

    def _open_item(self, part: ChunkPart) -> None:
        nth = len(self.items)
        item: dict[str, Any]
        match part.kind:
            case "tool_call":
                item = {
                    "id": f"fc_{self._hex}{nth:04x}",
                    "type": "function_call",
                    "status": "in_progress",
                    "call_id": part.call_id,
                    "name": part.name,
                    "arguments": "",
                }
            case "reasoning":
                identity = f"rs_{self._hex}{nth:04x}"
                item = {"id": identity, "type": "reasoning", "status": "in_progress", "summary": [], "content": []}
            case _:
                item = {
                    "id": f"msg_{self._hex}{nth:04x}",
                    "type": "message",
                    "status": "in_progress",
                    "role": "assistant",
                    "content": [],
                }
        self._item = item
        self.tell("response.output_item.added", {"output_index": nth, "item": item})

    def _close_part(self) -> None:
        part, item = self._part, self._item
        if part is None or item is None:
            return
        text, logprobs = "".join(self._texts), self._logprobs
        self._texts, self._logprobs = [], []
        match part.kind:
            case "tool_call":
                item["arguments"] = text
                place = {"item_id": item["id"], "output_index": len(self.items)}
                self.tell("response.function_call_arguments.done", {**place, "name": item["name"], "arguments": text})
                self._part = None
                return
            case "reasoning":
                self.tell("response.reasoning_text.done", {**self._at(), "text": text})
            case "refusal":
                self.tell("response.refusal.done", {**self._at(), "refusal": text})
            case _:
                self.tell("response.output_text.done", {**self._at(), "logprobs": _told(logprobs), "text": text})
        content = self._content(text, logprobs)
        self.tell("response.content_part.done", {**self._at(), "part": content})
        item["content"] = [*item["content"], content]
        self._part = None

    def _close_item(self, status: str) -> None:
        if self._item is None:
            return
        item = {**self._item, "status": status}
        self._item = None
        self.tell("response.output_item.done", {"output_index": len(self.items), "item": item})
        self.items.append(item)

    def _delta(self, text: str, logprobs: list[Any]) -> None:
        assert self._part is not None and self._item is not None  # noqa: S101 - `put` has turned to it
        match self._part.kind:
            case "tool_call":
                place = {"item_id": self._item["id"], "output_index": len(self.items)}
                self.tell("response.function_call_arguments.delta", {**place, "delta": text})
            case "reasoning":
                self.tell("response.reasoning_text.delta", {**self._at(), "delta": text})
            case "refusal":
                self.tell("response.refusal.delta", {**self._at(), "delta": text})
            case _:
                fields = {**self._at(), "delta": text, "logprobs": _told(logprobs)}
                self.tell("response.output_text.delta", fields)

    def _at(self) -> dict[str, Any]:
        """Where the open part is."""
        assert self._item is not None  # noqa: S101 - a part is open
        return {
            "item_id": self._item["id"],
            "output_index": len(self.items),
            "content_index": len(self._item["content"]),
        }

    def _content(self, text: str, logprobs: list[Any]) -> dict[str, Any]:
        assert self._part is not None  # noqa: S101 - a part is open
        match self._part.kind:
            case "reasoning":
                return {"type": "reasoning_text", "text": text}
            case "refusal":
                return {"type": "refusal", "refusal": text}
            case _:
                return {"type": "output_text", "text": text, "annotations": [], "logprobs": list(logprobs)}


def _told(logprobs: list[Any]) -> list[Any]:
    """Logprobs as events have them: without bytes."""
    return [
        {
            "token": each["token"],
            "logprob": each["logprob"],
            "top_logprobs": [
                {"token": other["token"], "logprob": other["logprob"]} for other in each.get("top_logprobs") or ()
            ],
        }
        for each in logprobs
    ]
