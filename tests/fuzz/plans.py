"""What the upstream does with one request: its answer as events, and how their bytes go over the wire. Pure."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any, Literal

Framing = Literal["close", "chunked", "length", "gzip", "http10", "bad_chunk", "short_length"]
End = Literal["close", "reset", "hold"]
Ask = Literal["chat_stream", "chat_whole", "conversation"]

SSE = "text/event-stream"
HOLD_S = 12.0
"""How long a held connection stays open: longer than the deadlines of the models that are tried."""


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event as the bytes of its lines, with its line ends; written after `pause_s`."""

    data: bytes
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """One answer of the upstream.

    `cuts`: offsets of the body at which a write ends. `notes`: what was done to a valid stream, for people.
    `repeat`: the event of that index is sent so often more (a long answer needs no long file), without its pause: an
    answer that is to arrive takes no longer than its deadline.
    """

    events: tuple[Event, ...]
    ask: Ask = "chat_stream"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("Content-Type", SSE),)
    framing: Framing = "close"
    end: End = "close"
    cuts: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    max_tokens: int | None = None
    repeat: tuple[int, int] | None = None

    @property
    def sent(self) -> tuple[Event, ...]:
        """The events as they go out, repeats written out."""
        if self.repeat is None or not self.events:
            return self.events
        at, times = self.repeat[0] % len(self.events), self.repeat[1]
        copy = replace(self.events[at], pause_s=0.0)
        return (*self.events[: at + 1], *[copy] * times, *self.events[at + 1 :])

    @property
    def body(self) -> bytes:
        """The body as a reader that undoes the framing gets it."""
        return b"".join(event.data for event in self.sent)

    @property
    def is_stream(self) -> bool:
        """Whether a client takes the body for an event stream."""
        types = [value for name, value in self.headers if name.lower() == "content-type"]
        return self.status == 200 and len(types) == 1 and types[0].partition(";")[0].strip().lower() == SSE

    @property
    def slow(self) -> bool:
        """Whether it is meant to miss a deadline."""
        return self.end == "hold" or any(event.pause_s > 1 for event in self.events)

    def writes(self) -> list[tuple[float, bytes]]:
        """The whole answer as (pause before it, bytes), framing and head included."""
        head = [f"HTTP/1.{0 if self.framing == 'http10' else 1} {self.status} Whatever"]
        head += [f"{name}: {value}" for name, value in self.headers]
        pieces = self._pieces()
        if self.framing == "gzip":
            packed = gzip.compress(self.body, mtime=0)
            pieces = [(0.0, packed[: len(packed) // 2]), (0.0, packed[len(packed) // 2 :])]
            head.append("Content-Encoding: gzip")
        size = sum(len(data) for _, data in pieces)
        if self.framing in ("length", "short_length"):
            head.append(f"Content-Length: {size + (1000 if self.framing == 'short_length' else 0)}")
        if self.framing in ("chunked", "bad_chunk"):
            head.append("Transfer-Encoding: chunked")
            pieces = [(pause, b"%x\r\n%b\r\n" % (len(data), data)) for pause, data in pieces if data]
            pieces.append((0.0, b"ZZ\r\nwhat is this\r\n" if self.framing == "bad_chunk" else b"0\r\n\r\n"))
            if self.framing == "chunked" and self.end != "close":
                pieces.pop()  # the end of the body is the end of the answer, whatever the socket does
        elif self.framing not in ("length", "short_length"):
            head.append("Connection: close")
        return [(0.0, ("\r\n".join(head) + "\r\n\r\n").encode("latin-1", "replace")), *pieces]

    def _pieces(self) -> list[tuple[float, bytes]]:
        pieces: list[tuple[float, bytes]] = []
        at, cuts = 0, set(self.cuts)
        for event in self.sent:
            inside = sorted(cut - at for cut in cuts if at < cut < at + len(event.data))
            edges = [0, *inside, len(event.data)]
            parts = [event.data[start:stop] for start, stop in pairwise(edges)]
            pieces += [(event.pause_s if number == 0 else 0.0, part) for number, part in enumerate(parts)]
            at += len(event.data)
        return pieces

    def without(self, index: int) -> Plan:
        """The same without one event (for shrinking)."""
        return replace(self, events=self.events[:index] + self.events[index + 1 :], repeat=None, cuts=())


def plan_to_json(plan: Plan) -> dict[str, Any]:
    """A plan as JSON; `plan_from_json` is its inverse."""
    events = [[base64.b64encode(event.data).decode(), event.pause_s] for event in plan.events]
    return {"upstream": asdict(plan) | {"events": events}}


def plan_from_json(stored: dict[str, Any]) -> Plan:
    """Raises KeyError and TypeError for what is no stored plan."""
    fields: dict[str, Any] = dict(stored["upstream"])
    fields["events"] = tuple(Event(base64.b64decode(data), pause) for data, pause in fields["events"])
    fields["headers"] = tuple((name, value) for name, value in fields["headers"])
    fields["cuts"], fields["notes"] = tuple(fields["cuts"]), tuple(fields["notes"])
    fields["repeat"] = tuple(fields["repeat"]) if fields["repeat"] else None
    return Plan(**fields)


def as_data(payload: Any) -> bytes:
    """A payload as one event, as upstreams write it."""
    text = payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
    return b"data: " + text.encode("utf-8", "surrogatepass") + b"\n\n"


DONE = as_data("[DONE]")
