"""What a model says becomes a title of one plain line, or none."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.graphemes import first_clusters
from streams.conversation.title_text import MAX_TITLE_CHARACTERS, MAX_TITLE_CLUSTERS, title_of

FAMILY = "👩‍👩‍👧"
ACCENTED = "e\u0301"


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ("Why the sky is blue", "Why the sky is blue"),
        ('"The Sea."', "The Sea"),
        ("“The Sea”", "The Sea"),
        ("«La mer»", "La mer"),
        ("**Title:** The Sea.", "The Sea"),
        ("Title - The Sea", "The Sea"),
        ("Titre : La mer", "La mer"),
        ("标题：大海", "大海"),
        ("The title of this conversation is: The Sea", "The Sea"),
        ("Subject: Request for a Day Off\n\nDear [Manager],", "Request for a Day Off"),
        ('Here is a title:\n\n"Blue sky"', "Blue sky"),
        ("# Photosynthesis for kids\n\nPlants eat light.", "Photosynthesis for kids"),
        ("```\nThe Sea\n```", "The Sea"),
        ("- The Sea\n- The Lake", "The Sea"),
        ("1. The Sea\n2. The Lake", "The Sea"),
        ("> *The* __Sea__ and `x`", "The Sea and x"),
        ("[The Sea](https://example.org/sea)", "The Sea"),
        ("<b>The Sea</b>", "The Sea"),
        ("  The \t sea  ", "The sea"),
        ("The sea\r\nand the lake", "The sea"),
        ("The sea\u2028and the lake", "The sea"),
        ('He said "hello"', 'He said "hello"'),
        ('"A" and "B"', '"A" and "B"'),
        ('"Unclosed', "Unclosed"),
        ("It's Bob's plan", "It's Bob's plan"),
        ("What is 2 * 2?", "What is 2 * 2?"),
        ("17*23", "17*23"),
        ("snake_case in C++", "snake_case in C++"),
        ("\u202eThe\u202c \u200bsea\ufeff", "The sea"),
        ("\x1b[31mThe sea\x07", "[31mThe sea"),
        ("שלום עולם", "שלום עולם"),
        ("مرحبا بالعالم", "مرحبا بالعالم"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("这是一个关于天空的标题。", "这是一个关于天空的标题"),
        ("日本語のタイトル「猫」", "日本語のタイトル「猫」"),
        (f"{FAMILY} family trip", f"{FAMILY} family trip"),
        ("🇩🇪 and 🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🇩🇪 and 🏴󠁧󠁢󠁳󠁣󠁴󠁿"),
        (f"Caf{ACCENTED}", f"Caf{ACCENTED}"),
        (ACCENTED * MAX_TITLE_CLUSTERS, ACCENTED * MAX_TITLE_CLUSTERS),
    ],
)
def test_the_title_in_what_was_said(said: str, title: str) -> None:
    assert title_of(said) == title
    assert title_of(title) == title


@pytest.mark.parametrize(
    "said",
    [
        "", " \n\t", "...", "***", "```\n```", "🎉🎉", "\u200d", "Title", "Title:", "Untitled", "N/A", "none.",
        "I'm sorry, I can't help with that.", "I cannot do that", "As an AI, I have no titles",
        "Hello! How can I help you today?", "Dear [Manager],", "broken \ufffd",
        "x" * 10_000, "x" * (MAX_TITLE_CLUSTERS + 1), FAMILY * 100, "猫" * 61, ACCENTED * (MAX_TITLE_CLUSTERS + 1),
        "a" + "\u0301" * MAX_TITLE_CHARACTERS,
        "The sky appears blue because of scattering: blue light goes astray more often than red light does.",
        "word " * 5000,
    ],
)  # fmt: skip
def test_what_is_no_title_gives_none(said: str) -> None:
    assert title_of(said) is None


def test_a_line_that_was_not_finished_is_none() -> None:
    assert title_of("The sea and the la", is_whole=False) is None
    assert title_of("The sea\nand the la", is_whole=False) == "The sea"
    assert title_of("The sea\n" + "and more " * 1000) == "The sea"


PIECES = st.sampled_from(
    ["word", " ", "\n", '"', "'", "“", "”", "**", "_", "`", "#", "-", "Title:", ".", "。", FAMILY, ACCENTED, "🇩🇪", "猫",
     "ש", "\u202e", "\u200d", "\u200c", "\x00", "\u2028", "[x](y)", "<b>", "1. ", "x" * 70]
)  # fmt: skip


@given(st.text(max_size=200) | st.lists(PIECES, max_size=30).map("".join), st.booleans())
@example("x" * 10_000, True)
def test_a_title_is_short_plain_and_a_line_of_the_text(said: str, is_whole: bool) -> None:
    title = title_of(said, is_whole=is_whole)
    if title is None:
        return
    assert title == " ".join(title.split())
    assert len(title.splitlines()) == 1
    assert any(map(str.isalnum, title))
    assert len(title) <= MAX_TITLE_CHARACTERS
    assert first_clusters(title, MAX_TITLE_CLUSTERS) == len(title)
    assert not title.endswith((".", "。"))
    assert not any(0x202A <= ord(char) <= 0x202E or 0x2066 <= ord(char) <= 0x2069 for char in title)
    title.encode()
