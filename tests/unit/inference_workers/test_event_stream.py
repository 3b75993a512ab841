"""Event streams by the standard: any partition of the bytes gives the same events, and nothing grows without bound."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_workers.engines.event_stream import MAX_EVENT_BYTES, Event, EventStream

PIECES = st.sampled_from(
    [
        *(
            "\n",
            "\r",
            "\r\n",
            "\n\n",
            "\r\n\r\n",
            "\r\r",
            "data: ",
            "data:",
            "data",
            "event: ",
            "event:error",
            ": note",
        ),
        *(
            "id: 1",
            "retry: 3",
            "error: no",
            "error",
            ":",
            " ",
            "x",
            '{"a":1}',
            "[DONE]",
            "é€🎉",
            "\ufeff",
            "data: a\n\n",
        ),
    ]
)


def events_of(*pieces: bytes) -> list[Event]:
    stream = EventStream()
    return [event for piece in pieces for event in stream.feed(piece)] + stream.end()


def by_the_standard(body: bytes) -> list[Event]:
    """The standard's rules, once over a whole body; and our additions: `error:` lines, and the rest is taken."""
    events: list[Event] = []
    name, data = b"", list[bytes]()
    whole = body.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    for line in [*whole.split(b"\n"), b""]:
        field, colon, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not line:
            if data:
                events.append((name, b"\n".join(data)))
            name, data = b"", []
        elif field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
        elif field == b"error" and colon:
            events.append((b"error", value))
    return events


@given(st.lists(PIECES, max_size=25), st.lists(st.integers(0, 500), max_size=12))
def test_any_partition_gives_the_events_of_the_standard(parts: list[str], places: list[int]) -> None:
    body = "".join(parts).encode()
    expected = by_the_standard(body)
    edges = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
    assert events_of(*(body[a:b] for a, b in itertools.pairwise(edges))) == expected
    assert events_of(*(body[at : at + 1] for at in range(len(body)))) == expected


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_the_ends_of_lines_and_the_byte_order_mark(start: bytes, end: bytes) -> None:
    body = start + end.join(
        [b"data: a", b"", b"event: x", b"data:b", b"data:  c", b"", b": note", b"data", b"", b"data: d"]
    )
    expected = [(b"", b"a"), (b"x", b"b\n c"), (b"", b""), (b"", b"d")]
    assert events_of(body) == expected
    for cut in range(len(body)):
        assert events_of(body[:cut], body[cut:]) == expected


def test_an_event_is_told_as_soon_as_its_blank_line_is_there() -> None:
    stream = EventStream()
    assert stream.feed(b"data: a\r\n") == []
    assert stream.feed(b"\r") == [(b"", b"a")]
    assert stream.feed(b"\ndata: b\n\n") == [(b"", b"b")]
    assert stream.feed(b"data: c\n\n") == [(b"", b"c")]


@pytest.mark.parametrize("size", [1000, 65_536, 3 * MAX_EVENT_BYTES])
@pytest.mark.parametrize("line", [b"x" * 1000, b"data: " + b"y" * 990 + b"\n"])
def test_lines_and_events_are_bounded_and_what_came_before_stays(line: bytes, size: int) -> None:
    body = b"data: a\n\n" + line * (MAX_EVENT_BYTES // 900) + b"\n\ndata: b\n\n"
    stream = EventStream()
    found = [event for at in range(0, len(body), size) for event in stream.feed(body[at : at + size])] + stream.end()
    assert found == [(b"", b"a")]
    assert stream.overlong


def test_the_longest_event_that_may_be() -> None:
    body = b"data:" + b"x" * (MAX_EVENT_BYTES - 5) + b"\n\ndata: b\n\n"
    assert [len(data) for _, data in events_of(body)] == [MAX_EVENT_BYTES - 5, 1]
