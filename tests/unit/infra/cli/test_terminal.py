from __future__ import annotations

import os

import pytest

from infra.cli.terminal import complain, one_line, printable, reader_has_left


def test_text_of_others_cannot_steer_the_terminal() -> None:
    assert printable("a\x1b[2Jb\x07\x9b1m\x7f\r\tc\nd") == "a[2Jb1m\tc\nd"


def test_a_line_is_one_line() -> None:
    assert one_line(" a\n b\t\x00c ") == "a b c"


def test_a_complaint_is_one_line_on_stderr_and_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        complain("it is\nwrong")
    assert ended.value.code == 1
    assert capsys.readouterr() == ("", "verbatim: it is wrong\n")


def test_a_pipe_without_a_reader_is_known_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stdout:
        monkeypatch.setattr("sys.stdout", stdout)
        assert not reader_has_left()
        os.close(reading)
        assert reader_has_left()
        monkeypatch.undo()
