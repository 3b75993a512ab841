"""What is done to a valid event stream: to its events, their lines and their bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.odd_streams import ERRORS, GARBAGE, HARMLESS, ODD_NUMBERS, ODD_REASONS
from tests.fuzz.plans import as_data

Drawn = list[tuple[bytes, float]]
"""Events as they are changed: their bytes, and the pause before each."""


def chunk_of(delta: dict[str, Any], reason: Any = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def _place(draw: st.DrawFn, events: Drawn) -> int:
    return draw(st.integers(0, max(len(events) - 1, 0)))


def _put(draw: st.DrawFn, events: Drawn, data: bytes, pause_s: float = 0.0) -> None:
    events.insert(_place(draw, events), (data, pause_s))


def _change_one(draw: st.DrawFn, events: Drawn, change: Callable[[bytes], bytes]) -> None:
    if events:
        at = _place(draw, events)
        events[at] = (change(events[at][0]), events[at][1])


def _flip(draw: st.DrawFn, events: Drawn) -> None:
    def flipped(data: bytes) -> bytes:
        for at in draw(st.lists(st.integers(0, max(len(data) - 1, 0)), min_size=1, max_size=3)):
            data = (
                data[:at] + bytes([data[at] ^ draw(st.sampled_from((1, 2, 4, 8, 32, 128, 255)))]) + data[at + 1 :]
                if data
                else data
            )
        return data

    _change_one(draw, events, flipped)


def _cut(draw: st.DrawFn, events: Drawn) -> None:
    at = _place(draw, events)
    if events:
        data, pause_s = events[at]
        events[at:] = [(data[: draw(st.integers(0, len(data)))], pause_s)]


def _insert(draw: st.DrawFn, events: Drawn) -> None:
    junk = draw(st.binary(min_size=1, max_size=6))

    def inserted(data: bytes) -> bytes:
        at = draw(st.integers(0, len(data)))
        return data[:at] + junk + data[at:]

    _change_one(draw, events, inserted)


def _line_ends(draw: st.DrawFn, events: Drawn) -> None:
    end = draw(st.sampled_from((b"\r\n", b"\r", b"\r\n", b"\n")))
    events[:] = [(data.replace(b"\r\n", b"\n").replace(b"\n", end), pause_s) for data, pause_s in events]


def _bom(draw: st.DrawFn, events: Drawn) -> None:
    events.insert(0, (b"\xef\xbb\xbf" * draw(st.sampled_from((1, 1, 1, 2))), 0.0))


def _drop(draw: st.DrawFn, events: Drawn) -> None:
    if events:
        del events[_place(draw, events)]


def _double(draw: st.DrawFn, events: Drawn) -> None:
    if events:
        at = _place(draw, events)
        events.insert(at, events[at])


def _swap(draw: st.DrawFn, events: Drawn) -> None:
    if events:
        one, other = _place(draw, events), _place(draw, events)
        events[one], events[other] = events[other], events[one]


def _reason(draw: st.DrawFn, events: Drawn) -> None:
    _put(draw, events, as_data(chunk_of({}, draw(st.sampled_from(ODD_REASONS)))))


def _no_end(draw: st.DrawFn, events: Drawn) -> None:
    events[:] = [(data, pause_s) for data, pause_s in events if b'"finish_reason": "' not in data]


def _usage(draw: st.DrawFn, events: Drawn) -> None:
    odd = st.sampled_from(ODD_NUMBERS)
    usage: Any = {"prompt_tokens": draw(odd), "completion_tokens": draw(odd), "total_tokens": draw(odd)}
    if draw(st.booleans()):
        usage["prompt_tokens_details"] = draw(st.one_of(odd, st.fixed_dictionaries({"cached_tokens": odd})))
        usage["completion_tokens_details"] = draw(st.one_of(odd, st.fixed_dictionaries({"reasoning_tokens": odd})))
    if draw(st.integers(0, 5)) == 0:
        usage = draw(odd)
    events[:] = [(data, pause_s) for data, pause_s in events if b'"usage"' not in data]
    last = 1 if events and events[-1][0].startswith(b"data: [DONE]") else 0
    events.insert(len(events) - last, (as_data({"choices": [], "usage": usage}), 0.0))


def _long(draw: st.DrawFn, events: Drawn) -> None:
    size = draw(st.sampled_from((2_000, 20_000, 70_000, 200_000, 900_000)))
    shape = draw(st.sampled_from(("text", "comment", "field", "spaces")))
    filler = {
        "text": as_data(chunk_of({"content": "long " * (size // 5)})),
        "comment": b": " + b"-" * size + b"\n\n",
        "field": as_data(chunk_of({"content": "y", "other": "o" * size})),
        "spaces": b"data: " + b" " * size + b"\n\n",
    }
    _put(draw, events, filler[shape])


def _split_data(draw: st.DrawFn, events: Drawn) -> None:
    """One JSON text over several data lines."""
    _change_one(draw, events, lambda data: data.replace(b", ", b",\ndata: ") if b"content" not in data else data)


def _reasoning(draw: st.DrawFn, events: Drawn) -> None:
    name = draw(st.sampled_from(("reasoning_content", "reasoning", "thinking")))
    for _ in range(draw(st.integers(1, 3))):
        events.insert(0, (as_data(chunk_of({name: "hmm"})), 0.0))


def _surrogates(draw: st.DrawFn, events: Drawn) -> None:
    at = _place(draw, events)
    halves = draw(
        st.sampled_from((("\\ud83e", "\\uddd8"), ("\\ud83e", "x"), ("\\uddd8", ""), ("\\ud83e", "\\ud83e\\uddd8")))
    )
    for number, half in enumerate(halves):
        payload = json.dumps(chunk_of({"content": "@"})).replace("@", half)
        events.insert(min(at + number, len(events)), (as_data(payload), 0.0))


def _no_blank(draw: st.DrawFn, events: Drawn) -> None:
    """The last event ends with the body, without a blank line."""
    if events:
        events[-1] = (events[-1][0].rstrip(b"\r\n"), events[-1][1])


def _pause(draw: st.DrawFn, events: Drawn) -> None:
    if events:
        at = _place(draw, events)
        # Now and then longer than any deadline: the answer ends where it stopped.
        events[at] = (events[at][0], draw(st.sampled_from((0.02, 0.05, 0.1, 0.1, 0.3, 0.3, 0.3, 8.0))))


def _space(draw: st.DrawFn, events: Drawn) -> None:
    _change_one(
        draw, events, lambda data: data.replace(b"data: ", draw(st.sampled_from((b"data:", b"data:  ", b"data:\t"))), 1)
    )


def _some(of: tuple[bytes, ...]) -> Callable[[st.DrawFn, Drawn], None]:
    return lambda draw, events: _put(draw, events, draw(st.sampled_from(of)))


CHANGES: dict[str, Callable[[st.DrawFn, Drawn], None]] = {
    "flip": _flip,
    "cut": _cut,
    "insert": _insert,
    "line_ends": _line_ends,
    "bom": _bom,
    "drop": _drop,
    "double": _double,
    "swap": _swap,
    "error": _some(ERRORS),
    "harmless": _some(HARMLESS),
    "garbage": _some(GARBAGE),
    "reason": _reason,
    "no_end": _no_end,
    "usage": _usage,
    "long": _long,
    "split_data": _split_data,
    "reasoning": _reasoning,
    "surrogates": _surrogates,
    "no_blank": _no_blank,
    "pause": _pause,
    "space": _space,
}
