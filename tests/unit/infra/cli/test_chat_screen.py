from __future__ import annotations

from io import StringIO

from infra.cli.chat_screen import Screen, call_line


def test_a_pipe_gets_the_answers_and_nothing_else() -> None:
    out, err = StringIO(), StringIO()
    screen = Screen(out, err, interactive=False, coloured=False)
    screen.note("a remark")
    screen.chunk("Hel\x1b[31mlo")
    screen.chunk(" there")
    screen.end_of_answer("12 tokens")
    assert out.getvalue() == "Hel[31mlo there\n"
    assert err.getvalue() == ""


def test_trouble_comes_on_a_line_of_its_own() -> None:
    out, err = StringIO(), StringIO()
    screen = Screen(out, err, interactive=False, coloured=False)
    screen.chunk("Half an ans")
    screen.trouble("it broke\noff")
    assert out.getvalue() == "Half an ans\n"
    assert err.getvalue() == "verbatim: it broke off\n"


def test_people_see_what_an_answer_took() -> None:
    out = StringIO()
    screen = Screen(out, StringIO(), interactive=True, coloured=False)
    screen.chunk("Yes\n")
    screen.end_of_answer("12 tokens")
    assert out.getvalue() == "Yes\n12 tokens\n\n"


def test_a_conversation_without_a_title_is_shown_by_its_first_words() -> None:
    out = StringIO()
    screen = Screen(out, StringIO(), interactive=True, coloured=False)
    screen.entry(1, "", "What\nis \x1b[2Jthat", "2026-11-21 08:30", current=True)
    screen.entry(12, "A title", "What", "2026-11-20 08:30", current=False)
    assert out.getvalue() == "*  1  2026-11-21 08:30  What is [2Jthat\n  12  2026-11-20 08:30  A title\n"


def test_thoughts_are_dimmed_on_a_terminal_and_stand_apart() -> None:
    out = StringIO()
    screen = Screen(out, StringIO(), interactive=True, coloured=True)
    screen.thought("Hm,\x1b[2J ")
    screen.thought("well")
    screen.chunk("Yes")
    screen.call("wea\x07ther", '{"city":\n "Oslo"}')
    screen.chunk("So")
    assert out.getvalue() == '\x1b[2mHm,[2J \x1b[0m\x1b[2mwell\x1b[0m\nYes\n→ weather {"city": "Oslo"}\nSo'


def test_thoughts_are_left_out_elsewhere() -> None:
    out = StringIO()
    screen = Screen(out, StringIO(), interactive=False, coloured=False)
    screen.thought("Hm")
    screen.chunk("Yes")
    screen.thought("Well")
    screen.chunk(" and no")
    screen.end_of_answer("12 tokens")
    assert out.getvalue() == "Yes and no\n"


def test_a_long_call_is_cut_to_its_line() -> None:
    assert call_line("f", "x" * 5000) == "→ f " + "x" * 1999 + "…"
    assert call_line("f", "") == "→ f"
