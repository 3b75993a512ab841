"""Terminal output: one line for a mistake, and no control codes from other people's text."""

from __future__ import annotations

import os
import re
import select
import sys
from typing import NoReturn

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class UserError(Exception):
    """Something the user can mend. The message is one line that says what to do."""


class WrongArgument(UserError):
    """A word of the command line that there is not, whatever runs: the exit code is 2, as for an unknown option."""


def complain(message: object) -> NoReturn:
    """Say in one line on stderr what is wrong and exit with 1; with 2 for a WrongArgument."""
    print(f"verbatim: {one_line(str(message))}", file=sys.stderr)
    raise SystemExit(2 if isinstance(message, WrongArgument) else 1)


def printable(text: str) -> str:
    """`text` without control characters (newline and tab stay), so that nothing in it can steer a terminal."""
    return _CONTROLS.sub("", text)


def one_line(text: str) -> str:
    """`text` without control characters, its white space joined to single spaces."""
    return " ".join(printable(text).split())


def reader_has_left() -> bool:
    """Whether stdout is a pipe without a reader: known at once, not only at the next write."""
    watch = select.poll()
    try:
        # No events are asked for: that the other end was closed is told in any case.
        watch.register(sys.stdout.fileno(), 0)
    except (OSError, ValueError):
        return False
    return any(events & select.POLLERR for _, events in watch.poll(0))


def end_quietly() -> NoReturn:
    """Exit with 0 when the reader of our output is gone (`| head`)."""
    # The interpreter flushes stdout once more at exit and would complain about the closed pipe.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(0)
