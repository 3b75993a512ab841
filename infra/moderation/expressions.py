"""Compiles the patterns of a policy, and refuses those whose time on hostile text is unbounded. Pure.

Python's matcher backtracks: `(a+)+b` takes time exponential in the text. So a rule may repeat single characters or
classes only, a bounded number of times, and the product of all bounds of one expression is bounded too: whatever the
text, a search takes no more than that many steps a character.
"""

from __future__ import annotations

import importlib
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from infra.moderation.policy import OVERLAP, normalise

# The parser of `re` itself; it has no public name.
sre: Any = importlib.import_module("re._constants")
parser: Any = importlib.import_module("re._parser")

MAX_EXPRESSION_CHARS = 500
MAX_STEPS = 20_000
_SINGLE = {sre.LITERAL, sre.NOT_LITERAL, sre.IN, sre.ANY, sre.CATEGORY}
_FORBIDDEN = {
    sre.GROUPREF: "a back-reference",
    sre.GROUPREF_EXISTS: "a back-reference",
    sre.POSSESSIVE_REPEAT: "a possessive repeat",
}
_UNSPACED = ("THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")


class ExpressionError(Exception):
    """An expression or phrase cannot be used. The message says what is wrong and what is expected."""


def normalised_phrases(phrases: Iterable[str]) -> tuple[str, ...]:
    """Phrases as they are looked for. Raises ExpressionError for none, an empty or an over-long one."""
    wanted = tuple(dict.fromkeys(normalise(phrase) for phrase in phrases))
    if not wanted or not all(wanted):
        raise ExpressionError("phrases must be a list of at least one text, none of them blank")
    if any(len(phrase) > MAX_EXPRESSION_CHARS for phrase in wanted):
        raise ExpressionError(f"a phrase has at most {MAX_EXPRESSION_CHARS} characters")
    return wanted


def phrases_pattern(phrases: Iterable[str]) -> re.Pattern[str]:
    """Matches any normalised phrase as whole words (anywhere, in scripts that put no space between words)."""
    return re.compile("|".join(_bounded_phrase(phrase) for phrase in phrases))


def regex_pattern(expression: str) -> re.Pattern[str]:
    """The compiled expression. Raises ExpressionError for one that is wrong or could take too long."""
    if not 0 < len(expression) <= MAX_EXPRESSION_CHARS:
        raise ExpressionError(f"regex is a text of 1 to {MAX_EXPRESSION_CHARS} characters")
    try:
        parsed = parser.parse(expression)
        steps = _steps(parsed)
        longest = parsed.getwidth()[1]
        pattern = re.compile(expression)
    except (re.error, RecursionError, OverflowError) as error:
        raise ExpressionError(f"regex is not valid: {error}") from None
    if steps > MAX_STEPS:
        raise ExpressionError(f"regex could take {steps} steps a character, at most {MAX_STEPS} are allowed")
    if longest > OVERLAP:
        raise ExpressionError(f"regex can match {longest} characters, at most {OVERLAP} are allowed")
    return pattern


def _bounded_phrase(phrase: str) -> str:
    before = "" if _is_unspaced(phrase[0]) else r"(?<!\w)"
    after = "" if _is_unspaced(phrase[-1]) else r"(?!\w)"
    return f"{before}{re.escape(phrase)}{after}"


def _is_unspaced(char: str) -> bool:
    return unicodedata.east_asian_width(char) == "W" or unicodedata.name(char, "").startswith(_UNSPACED)


def _steps(parsed: Any) -> int:
    """An upper bound of the ways a backtracking matcher can try at one place: a product over repeats and branches."""
    steps = 1
    for operator, argument in parsed:
        if operator in _FORBIDDEN:
            raise ExpressionError(f"regex has {_FORBIDDEN[operator]}, which is not allowed")
        if operator in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            steps *= _steps_of_repeat(*argument)
        elif operator is sre.BRANCH:
            steps *= sum(_steps(branch) for branch in argument[1])
        elif operator is sre.SUBPATTERN:
            steps *= _steps(argument[-1])
        elif operator in (sre.ASSERT, sre.ASSERT_NOT):
            steps *= _steps(argument[1])
        elif operator is sre.ATOMIC_GROUP:
            steps *= _steps(argument)
    return steps


def _steps_of_repeat(least: int, most: int, repeated: Any) -> int:
    if most is sre.MAXREPEAT:
        raise ExpressionError(
            "regex repeats without a bound: write {0,40} for *, {1,40} for + (space is folded to one)"
        )
    if most <= 1:
        return (2 if least == 0 else 1) * _steps(repeated)
    if len(repeated) != 1 or repeated[0][0] not in _SINGLE:
        raise ExpressionError(
            "regex repeats a group more than once: only single characters and classes may be repeated"
        )
    return most - least + 1
