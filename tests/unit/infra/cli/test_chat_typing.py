"""Lines and Ctrl-D that are typed before anybody asks for a line, on a terminal without a process."""

from __future__ import annotations

import os
import pty
import termios
import tty
from collections.abc import Iterator

import pytest

from infra.cli.chat_typing import MAX_TYPED_AHEAD, TypedAhead, nothing_typed_is_lost, read_line

Ends = tuple[int, int]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """(where keys are typed, the terminal)"""
    keys, terminal = pty.openpty()
    yield keys, terminal
    os.close(keys)
    os.close(terminal)


def type_on(keys: int, text: str) -> None:
    """Returns when the terminal has it. An x is typed behind it: its echo tells that all before has arrived."""
    os.write(keys, f"{text}x".encode())
    echo = b""
    while not echo.endswith(b"x"):
        echo += os.read(keys, 1000)


def all_of(typed: TypedAhead) -> list[str]:
    return list(iter(typed.take, None))


def test_lines_wait_in_their_order_up_to_a_bound() -> None:
    typed = TypedAhead()
    for number in range(MAX_TYPED_AHEAD + 5):
        typed.put(f"{number}\n")
        typed.put("  \n")
    assert all_of(typed) == [f"{number}\n" for number in range(MAX_TYPED_AHEAD)]
    assert not typed.ended


@pytest.mark.parametrize("end", ["", "\x04", "\x04more\n"])
def test_nothing_counts_behind_a_ctrl_d(end: str) -> None:
    typed = TypedAhead()
    for line in ["a\n", "b\x04c\n", end, "d\n"]:
        typed.put(line)
    assert (all_of(typed), typed.ended) == (["a\n", "bc\n"], True)


def test_a_full_queue_still_takes_a_ctrl_d() -> None:
    typed = TypedAhead()
    for line in ["a\n"] * 2 * MAX_TYPED_AHEAD + [""]:
        typed.put(line)
    assert typed.ended


@pytest.mark.parametrize("edits_lines", [True, False])
@pytest.mark.parametrize("said", ["", "one\ntwo\n"])
def test_what_was_typed_before_is_kept(ends: Ends, said: str, edits_lines: bool) -> None:
    keys, terminal = ends
    type_on(keys, f"{said}\x04")
    typed = TypedAhead()
    with nothing_typed_is_lost(terminal, typed, edits_lines=edits_lines):
        assert typed.ended
    assert all_of(typed) == said.splitlines(keepends=True)


def test_a_line_editor_reads_a_ctrl_d_that_was_typed_before_it(ends: Ends) -> None:
    keys, terminal = ends
    before = termios.tcgetattr(terminal)
    typed = TypedAhead()
    with nothing_typed_is_lost(terminal, typed, edits_lines=True):
        type_on(keys, "\x04")
        tty.setcbreak(terminal, termios.TCSANOW)
        assert os.read(terminal, 10) == b"\x04x"
    assert termios.tcgetattr(terminal) == before
    assert not typed.ended


def test_without_a_line_editor_a_ctrl_d_stays_the_end(ends: Ends) -> None:
    keys, terminal = ends
    with nothing_typed_is_lost(terminal, TypedAhead(), edits_lines=False):
        type_on(keys, "\x04")
        assert read_line(terminal) == ""


def test_another_key_for_the_end_is_left_alone(ends: Ends) -> None:
    _, terminal = ends
    settings = termios.tcgetattr(terminal)
    settings[6][termios.VEOF] = b"\x18"
    termios.tcsetattr(terminal, termios.TCSANOW, settings)
    with nothing_typed_is_lost(terminal, TypedAhead(), edits_lines=True):
        assert termios.tcgetattr(terminal)[6][termios.VEOF] == b"\x18"


def test_a_terminal_that_is_gone_has_ended() -> None:
    keys, terminal = pty.openpty()
    os.close(keys)
    assert read_line(terminal) == ""
    os.close(terminal)


def test_what_is_no_terminal_is_left_alone() -> None:
    reading, writing = os.pipe()
    with nothing_typed_is_lost(reading, TypedAhead(), edits_lines=True):
        pass
    os.close(reading)
    os.close(writing)
