"""The output of `chat`: colours and prompts on a terminal, plain text in a pipe."""

from __future__ import annotations

import sys
from typing import TextIO

from infra.cli.terminal import one_line, printable

_DIM, _RED, _BOLD, _RESET = "\x1b[2m", "\x1b[31m", "\x1b[1m", "\x1b[0m"
_PREVIEW_CHARACTERS = 60
_CALL_CHARACTERS = 2000


class Screen:
    """Writes answers as they come. Text from the API is stripped of control characters; ours is coloured."""

    def __init__(self, out: TextIO, err: TextIO, *, interactive: bool, coloured: bool) -> None:
        self._out = out
        self._err = err
        self.interactive = interactive
        self._coloured = coloured
        self._mid_line = False
        self._thinking = False

    @classmethod
    def of_process(cls) -> Screen:
        """On stdout and stderr; interactive if both ends of the talk are terminals."""
        # An answer may hold any character; a terminal's narrow encoding must not end the talk.
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="replace")
        terminal = sys.stdout.isatty()
        # There is no stdin where a shell or a supervisor has closed it.
        typed = sys.stdin is not None and sys.stdin.isatty()
        return cls(sys.stdout, sys.stderr, interactive=typed and terminal, coloured=terminal)

    def chunk(self, delta: str) -> None:
        """Part of an answer, at once."""
        text = printable(delta)
        if text:
            if self._thinking:
                self._break_line()
            self._out.write(text)
            self._out.flush()
            self._mid_line = not text.endswith("\n")

    def thought(self, delta: str) -> None:
        """Part of what a model thinks, at once and dimmed; nothing where the output is no terminal."""
        text = printable(delta)
        if text and self._coloured:
            if not self._thinking:
                self._break_line()
            self._out.write(self._paint(_DIM, text))
            self._out.flush()
            self._mid_line = not text.endswith("\n")
            self._thinking = True

    def call(self, name: str, arguments: str) -> None:
        """A tool that an answer calls, in one line."""
        self.line(call_line(name, arguments))

    def end_of_answer(self, note: str) -> None:
        """The answer is over; `note` is shown to people only."""
        self._break_line()
        if self.interactive:
            self.line(self._paint(_DIM, note))
            self.line("")

    def line(self, text: str) -> None:
        """A line of ours."""
        self._break_line()
        self._out.write(text + "\n")
        self._out.flush()

    def note(self, text: str) -> None:
        """A remark for people; nothing in a pipe."""
        if self.interactive:
            self.line(self._paint(_DIM, one_line(text)))

    def trouble(self, text: str) -> None:
        """What went wrong, in one line on stderr."""
        self._break_line()
        line = one_line(text)
        self._err.write((self._paint(_RED, line) if self._err.isatty() else f"verbatim: {line}") + "\n")
        self._err.flush()

    def entry(self, number: int, title: str, preview: str, when: str, current: bool) -> None:
        """One conversation of a list."""
        mark = "*" if current else " "
        shown = one_line(title) or one_line(preview)[:_PREVIEW_CHARACTERS] or "(empty)"
        self.line(f"{mark}{number:3}  {when}  {shown[:_PREVIEW_CHARACTERS]}")

    def said(self, role: str, text: str) -> None:
        """A message of before."""
        who = {"user": "you", "assistant": "model"}.get(role, one_line(role))
        self.line(f"{self._paint(_BOLD, who + ':')} {printable(text)}")

    @property
    def prompt(self) -> str:
        """What stands before the user's line."""
        # \x01 and \x02 tell readline which characters take no room.
        return f"\x01{_BOLD}\x02> \x01{_RESET}\x02" if self._coloured else "> "

    def _break_line(self) -> None:
        if self._mid_line:
            self._out.write("\n")
            self._mid_line = False
        self._thinking = False

    def _paint(self, code: str, text: str) -> str:
        return f"{code}{text}{_RESET}" if self._coloured and text else text


def call_line(name: str, arguments: str) -> str:
    """A call of a tool in one line: its arguments as the model wrote them, as far as they fit."""
    said = one_line(arguments)
    shown = said if len(said) <= _CALL_CHARACTERS else said[: _CALL_CHARACTERS - 1] + "…"
    return f"→ {one_line(name)} {shown}".rstrip()
