"""Strategies of upstream answers: a valid Chat Completions stream, and what is done to it on each level."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.odd_streams import BODIES, CONTENT_TYPES, REASONS, RETRY_AFTERS, STATUSES, WORDS
from tests.fuzz.plans import DONE, SSE, Ask, Event, Framing, Plan
from tests.fuzz.stream_changes import CHANGES, Drawn, chunk_of

MAX_REPEATED_BYTES = 4_000_000
texts = st.one_of(
    st.lists(st.sampled_from(WORDS), max_size=4).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Any answer. About every fourth stream is valid as it is, so that the check of what is right is checked too."""
    kind = draw(st.sampled_from(("stream",) * 12 + ("status", "type", "redirect")))
    ask: Ask = draw(st.sampled_from(("chat_stream", "chat_whole", "conversation")))
    if kind == "status":
        return draw(_refusals(ask))
    if kind == "redirect":
        return Plan(
            (Event(b""),),
            ask,
            draw(st.sampled_from((301, 302, 303, 307, 308))),
            (("Location", "ELSEWHERE"),),
            "length",
            notes=("redirect",),
        )
    events = draw(_valid_events())
    notes: list[str] = []
    for change in (
        draw(st.lists(st.sampled_from(sorted(CHANGES)), max_size=3))
        if draw(st.booleans()) or draw(st.booleans())
        else []
    ):
        CHANGES[change](draw, events)
        notes.append(change)
    plan_events = tuple(Event(data, pause_s) for data, pause_s in events)
    size = sum(len(event.data) for event in plan_events)
    headers: tuple[tuple[str, str], ...] = (("Content-Type", SSE),)
    if kind == "type":
        headers = (("Content-Type", draw(st.sampled_from(CONTENT_TYPES))),)
        notes.append("type")
    framing: Framing = draw(
        st.sampled_from(("close", "chunked") * 5 + ("length", "gzip", "http10", "bad_chunk", "short_length"))
    )
    end = draw(st.sampled_from(("close",) * 14 + ("reset", "reset", "hold")))
    cuts = draw(st.lists(st.integers(1, max(size, 1)), max_size=6)) if draw(st.booleans()) else []
    repeat = None
    if draw(st.integers(0, 299)) == 0:
        largest = max((len(event.data) for event in plan_events), default=0)
        repeat = (
            draw(st.integers(0, 5)),
            min(draw(st.sampled_from((200, 3000))), MAX_REPEATED_BYTES // (largest + 1)),
        )
        notes.append("repeat")
    if framing in ("length", "gzip", "short_length") or repeat:
        cuts = []
    return Plan(
        plan_events,
        ask,
        200,
        headers,
        framing,
        end,
        tuple(sorted(set(cuts))),
        tuple(notes),
        draw(st.sampled_from((None, None, None, 16_000))),
        repeat,
    )


@st.composite
def _valid_events(draw: st.DrawFn) -> Drawn:
    """A whole stream as an upstream of good will sends it."""
    pieces = draw(st.lists(texts, min_size=1, max_size=8))
    payloads: list[Any] = [chunk_of({"role": "assistant", "content": ""})] if draw(st.booleans()) else []
    payloads += [chunk_of({"content": text}) for text in pieces]
    reason = draw(st.sampled_from(REASONS))
    usage = {"prompt_tokens": draw(st.integers(1, 2000)), "completion_tokens": draw(st.integers(1, 1000))}
    how = draw(st.sampled_from(("apart", "with_text", "none")))
    if how == "with_text":
        payloads[-1]["choices"][0]["finish_reason"] = reason
    else:
        payloads.append(chunk_of({}, reason))
    if how != "none":
        payloads.append({"id": "c", "object": "chat.completion.chunk", "choices": [], "usage": usage})
    ascii_only = draw(st.booleans())
    events: Drawn = [
        (b"data: " + json.dumps(payload, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass") + b"\n\n", 0.0)
        for payload in payloads
    ]
    return [*events, (DONE, 0.0)] if draw(st.integers(0, 4)) else events


@st.composite
def _refusals(draw: st.DrawFn, ask: Ask) -> Plan:
    headers = [("Content-Type", draw(st.sampled_from(("application/json", "text/html", SSE))))]
    retry_after = draw(st.sampled_from(RETRY_AFTERS))
    if retry_after is not None:
        headers.append(("Retry-After", retry_after))
    status = draw(st.sampled_from(STATUSES))
    body = b"" if status == 204 else draw(st.sampled_from(BODIES))
    end = draw(st.sampled_from(("close",) * 8 + ("reset",)))
    return Plan((Event(body),), ask, status, tuple(headers), "length", end, notes=("status",))
