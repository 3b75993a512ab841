from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.cli.chat_lines import (
    Command,
    Help,
    List,
    Misread,
    Model,
    New,
    Nothing,
    Open,
    Prompt,
    Quit,
    Stop,
    command_of,
)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("", Nothing()),
        ("  \n", Nothing()),
        ("hello\n", Prompt("hello")),
        ("  two words ", Prompt("two words")),
        ("//etc/passwd is a file", Prompt("/etc/passwd is a file")),
        ("/new", New()),
        ("/list\n", List()),
        ("/open 3", Open("3")),
        ("/open   abc ", Open("abc")),
        ("/model", Model("")),
        ("/model a-b", Model("a-b")),
        ("/stop", Stop()),
        ("/help", Help()),
        ("/quit", Quit()),
    ],
)
def test_a_line_means(line: str, command: Command) -> None:
    assert command_of(line) == command


@pytest.mark.parametrize("line", ["/", "/neu", "/new now", "/open", "/quit 1"])
def test_what_is_no_command_is_told(line: str) -> None:
    assert isinstance(command_of(line), Misread)


@given(st.text())
def test_every_text_means_something(text: str) -> None:
    assert command_of(text) is not None


@given(st.text(min_size=1).map(str.strip).filter(bool))
def test_every_text_can_be_a_prompt(text: str) -> None:
    line = "/" + text if text.startswith("/") else text
    assert command_of(line) == Prompt(text)
