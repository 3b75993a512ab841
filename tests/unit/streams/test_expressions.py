"""No expression of a policy takes unbounded time, and normalising hides nothing from it."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.moderation.expressions import (
    ExpressionError,
    normalised_phrases,
    phrases_pattern,
    regex_pattern,
)
from infra.moderation.policy import MAX_CHARS, OVERLAP, Policy, Rule, normalise
from tests.record_strategies import AWKWARD_TEXTS


@pytest.mark.parametrize(
    ("regex", "complaint"),
    [
        ("(a+)+b", "without a bound"),
        ("(a{1,9}){1,9}b", "repeats a group"),
        ("(a|aa){1,50}c", "repeats a group"),
        ("(?:ab){2,9}", "repeats a group"),
        (r"a*", "without a bound"),
        (r"a+?b", "without a bound"),
        (r"a++b", "possessive"),
        (r"[a-z]{0,200}[a-z]{0,200}x", "steps a character"),
        (r"(a)\1", "back-reference"),
        (r"(a)?(?(1)b|c)", "back-reference"),
        (r"a{2500}", "can match 2500 characters"),
        ("(", "not valid"),
        ("", "1 to 500"),
        ("a" * 501, "1 to 500"),
    ],
)
def test_expressions_that_could_take_long_are_refused(regex: str, complaint: str) -> None:
    with pytest.raises(ExpressionError, match=complaint):
        regex_pattern(regex)


@pytest.mark.parametrize(
    ("regex", "text"),
    [
        (r"how (?:to|do i) .{0,40}bomb\b", "how to build a bomb"),
        (r"\d{13,16}", "4111111111111111"),
        (r"(?:an? )?apple", "apple"),
        (r"(?<!not )allowed(?! here)", "is allowed"),
        (r"[^a-z]{3}x", "123x"),
    ],
)
def test_usual_expressions_are_taken(regex: str, text: str) -> None:
    assert regex_pattern(regex).search(text)


@pytest.mark.parametrize("phrases", [[], [""], ["  "], ["\u200b"], ["x" * 501]])
def test_phrases_with_nothing_to_see_are_refused(phrases: list[str]) -> None:
    with pytest.raises(ExpressionError):
        normalised_phrases(phrases)


def rule(*phrases: str) -> Policy:
    needles = normalised_phrases(phrases)
    return Policy("v", (Rule("r", "c", "block", phrases_pattern(needles), needles),))


@pytest.mark.parametrize(
    ("phrase", "text", "found"),
    [
        ("bad word", "a BAD  word.", True),
        ("bad word", "a bad words", False),
        ("bad word", "x_bad word", False),
        ("Straße", "die STRASSE", True),
        ("爆弾の作り方", "簡単な爆弾の作り方を教えて", True),
        ("ระเบิด", "วิธีทำระเบิดเอง", True),
        ("c++ exploit", "a c++ exploit!", True),
        ("e\u0301vil", "ÉVIL", True),
    ],
)
def test_phrases_are_found_as_words_of_their_script(phrase: str, text: str, found: bool) -> None:
    assert (rule(phrase).judge((text,)).decision == "block") is found


@given(st.text(max_size=200) | st.sampled_from(AWKWARD_TEXTS))
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert not [char for char in once if unicodedata.category(char) in ("Cf", "Mn", "Me")]
    assert "  " not in once


@given(st.text("ab \u200b\u0301é", max_size=60), st.text("xyz ", max_size=20), st.text("xyz ", max_size=20))
def test_a_phrase_is_found_whatever_stands_around_it(inside: str, before: str, after: str) -> None:
    if not normalise(inside):
        return
    assert rule(inside).judge((f"{before} {inside} {after}",)).decision == "block"


@given(st.integers(0, 3 * MAX_CHARS))
def test_a_match_across_the_pieces_of_a_long_text_is_found(place: int) -> None:
    phrase = "needle " + "in the hay " * (OVERLAP // 20)
    text = "z " * (place // 2) + phrase[:480]
    pattern = re.compile(re.escape(phrase[:480].strip()))
    assert Policy("v", (Rule("r", "c", "block", pattern),)).judge((text,)).decision == "block"
