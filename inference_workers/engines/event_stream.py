"""Parses server-sent events by the standard (WHATWG HTML, section 9.2), however the bytes are split. Pure.

On the hot path: one call a read. Nearly always a read is one whole event, and that case is taken first.
"""

from __future__ import annotations

MAX_EVENT_BYTES = 4 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"

Event = tuple[bytes, bytes]
"""The event's name, b"" where the stream gives none, and its data: the `data:` lines, joined by line feeds."""


class EventStream:
    """Bytes in, events out. `id:`, `retry:`, comments and unknown fields are passed over.

    One deviation: a line `error: …`, which llama.cpp sends in place of an event, is an event of that name.
    `overlong` is set once a line or an event is longer than MAX_EVENT_BYTES; nothing behind it is read.
    """

    __slots__ = ("_begun", "_data", "_data_bytes", "_line", "_name", "_plain", "_skip_lf", "overlong")

    def __init__(self) -> None:
        self.overlong = False
        self._begun = False
        self._plain = False  # between two events, nothing held
        self._skip_lf = False  # the last read ended in CR: an LF that follows belongs to it
        self._name = b""
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._line = bytearray()

    def feed(self, data: bytes) -> list[Event]:
        """The events that these bytes complete."""
        if self._plain and data[:6] == b"data: ":
            end, carriage = data.find(b"\n"), data.find(b"\r")
            if carriage < 0:
                if end == len(data) - 2 <= MAX_EVENT_BYTES and data[-1] == 10:
                    return [(b"", data[6:-2])]
            elif carriage == len(data) - 4 <= MAX_EVENT_BYTES and data[-4:] == b"\r\n\r\n" and end == carriage + 1:
                return [(b"", data[6:-4])]
        return self._read(data if self._begun else self._after_bom(data))

    def end(self) -> list[Event]:
        """The body has ended: what an event without its blank line, or a line without its end, holds."""
        return self._read(b"\n\n")

    def _after_bom(self, data: bytes) -> bytes:
        """Without one byte order mark at the start, which may come in pieces."""
        head = bytes(self._line) + data
        if len(head) < len(_BOM) and _BOM.startswith(head):
            self._line[:] = head
            return b""
        self._line.clear()
        self._begun = True
        return head.removeprefix(_BOM)

    def _read(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        if self._skip_lf and data:
            self._skip_lf = False
            data = data.removeprefix(b"\n")
        if self.overlong or not data:
            return events
        if b"\r" in data:
            self._skip_lf = data[-1:] == b"\r"
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = data.split(b"\n")
        rest = lines.pop()
        if lines and self._line:
            lines[0] = bytes(self._line) + lines[0]
            self._line.clear()
        values = self._data
        for line in lines:
            if not line:
                if values:
                    events.append((self._name, values[0] if len(values) == 1 else b"\n".join(values)))
                    self._data = values = []
                    self._data_bytes = 0
                self._name = b""
            elif line[:6] == b"data: " and not values and len(line) <= MAX_EVENT_BYTES:
                values.append(line[6:])
                self._data_bytes = len(line)
            elif not self._field(line, events):
                self.overlong = True
                break
        if rest:
            self._line += rest
            self.overlong = self.overlong or len(self._line) > MAX_EVENT_BYTES
        self._plain = not (self._data or self._name or self._line or self._skip_lf or self.overlong)
        return events

    def _field(self, line: bytes, events: list[Event]) -> bool:
        """Take a line that is not empty; False if it is too long, or makes its event too long."""
        if len(line) > MAX_EVENT_BYTES:
            return False
        name, colon, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            self._data_bytes += len(line)
        elif name == b"event":
            self._name = value
        elif name == b"error" and colon:
            events.append((b"error", value))
        return self._data_bytes <= MAX_EVENT_BYTES
