"""What is typed before the chat asks for it: nothing of it is lost, least of all the Ctrl-D that leaves."""

from __future__ import annotations

import contextlib
import os
import select
import termios
from collections import deque
from collections.abc import Iterator

MAX_TYPED_AHEAD = 20
"""Lines. More are dropped; Ctrl-D never is."""
CTRL_D = "\x04"


class TypedAhead:
    """Lines that wait for their turn. `ended`: Ctrl-D was typed behind them."""

    def __init__(self) -> None:
        self.ended = False
        self._lines: deque[str] = deque()

    def put(self, line: str) -> None:
        """One read of the terminal: a line, or "" for its end. A Ctrl-D that begins a line ends the input too."""
        if self.ended:
            return
        if not line or line.startswith(CTRL_D):
            self.ended = True
        elif (line := line.replace(CTRL_D, "")).strip() and len(self._lines) < MAX_TYPED_AHEAD:
            self._lines.append(line)

    def take(self) -> str | None:
        """The next line; None if none waits."""
        return self._lines.popleft() if self._lines else None


def read_line(terminal: int) -> str:
    """What a terminal in its usual mode hands over: one whole line a read; "" for Ctrl-D, or if it is gone."""
    try:
        return os.read(terminal, 65536).decode(errors="replace")
    except OSError:
        return ""


@contextlib.contextmanager
def nothing_typed_is_lost(terminal: int, typed: TypedAhead, *, edits_lines: bool) -> Iterator[None]:
    """For the block, Ctrl-D is kept like any other key until a line is asked for.

    A terminal in its usual mode keeps a Ctrl-D as a mark, not as a character. A line editor that sets the mode for
    single keys then reads a NUL where the mark was. So that mark is switched off between lines. What was typed before
    goes to `typed`. Without a line editor (`edits_lines` False) input() reads in the usual mode and needs the mark.
    """
    try:
        before = termios.tcgetattr(terminal)
    except termios.error:
        yield
        return
    keys = before[6]
    marks = edits_lines and keys[termios.VEOF] == CTRL_D.encode()
    if marks:
        off = bytes([os.fpathconf(terminal, "PC_VDISABLE") & 0xFF])
        changed = [*before[:6], [off if at == termios.VEOF else key for at, key in enumerate(keys)]]
        termios.tcsetattr(terminal, termios.TCSANOW, changed)
    try:
        while not typed.ended and select.select([terminal], [], [], 0)[0]:
            typed.put(read_line(terminal))
        yield
    finally:
        if marks:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(terminal, termios.TCSANOW, before)
