"""During an answer Ctrl-C or a typed /stop ends it; other typed lines wait."""

from __future__ import annotations

import asyncio
import signal
import sys
from types import TracebackType

from infra.cli.chat_lines import Stop, command_of
from infra.cli.chat_typing import TypedAhead, read_line


class Stopping:
    """For the length of a `with` block on the running loop.

    `asked` is set by the first Ctrl-C or /stop; a second one ends the wait at once. `begun` is set by the reader of the
    answer; `patience` is the time limit around that reading.
    """

    def __init__(self, listens_to_keys: bool, typed_ahead: TypedAhead) -> None:
        """`listens_to_keys`: stdin is a terminal. `typed_ahead`: where lines go that are no /stop."""
        self.asked = asyncio.Event()
        self.begun = asyncio.Event()
        self.patience: asyncio.Timeout = asyncio.timeout(None)
        self._loop = asyncio.get_running_loop()
        self._listens_to_keys = listens_to_keys
        self._typed_ahead = typed_ahead

    def __enter__(self) -> Stopping:
        self._loop.add_signal_handler(signal.SIGINT, self._ask)
        if self._listens_to_keys:
            self._loop.add_reader(sys.stdin.fileno(), self._typed)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.remove_signal_handler(signal.SIGINT)
        if self._listens_to_keys:
            self._loop.remove_reader(sys.stdin.fileno())

    def wait_at_most(self, wait_s: float) -> None:
        """End the reading in `wait_s` from now."""
        self.patience.reschedule(self._loop.time() + wait_s)

    def _ask(self) -> None:
        if self.asked.is_set():
            self.wait_at_most(0)
        self.asked.set()

    def _typed(self) -> None:
        line = read_line(sys.stdin.fileno())
        if not line:
            self._loop.remove_reader(sys.stdin.fileno())
        if command_of(line) == Stop():
            self._ask()
        else:
            self._typed_ahead.put(line)
