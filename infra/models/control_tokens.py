"""Control tokens of chat models, and how user text is kept free of them.

A special token inside content is neutralised: U+2060 WORD JOINER goes in after its first character, so no tokenizer
takes it for the token, while a reader sees no difference. `restore` undoes exactly that (a token already broken gets
one joiner more, and loses one again), so engines of ours can quote users byte for byte.
"""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path

from infra.models.spec import ModelSpec

SHIPPED_TOKENIZER = Path(__file__).parents[1] / "data" / "tokenizers" / "verbatim.json"
WORD_JOINER = "\u2060"
WINDOW = 16_384
"""Characters of a text that are searched for tokens at a time."""


class TokenizerError(Exception):
    """A tokenizer file cannot be used. The message names it."""


def neutralise(text: str, tokens: frozenset[str]) -> str:
    """`text` with every special token in it broken by a word joiner."""
    pattern = _token_pattern(tokens)
    if pattern is None:
        return text
    if len(text) <= WINDOW:
        return pattern.sub(lambda match: match[0] + WORD_JOINER, text)
    return _in_windows(text, pattern, max(map(len, tokens)))


def _in_windows(text: str, pattern: re.Pattern[str], longest: int) -> str:
    """The same for a long text, window by window: one search through all of it would hold the interpreter's lock."""
    parts: list[str] = []
    done = 0
    for start in range(0, len(text), WINDOW):
        end = start + WINDOW
        for match in pattern.finditer(text, start, _seen_to(text, end, longest)):
            if match.start() >= end:
                break
            parts += text[done : match.end()], WORD_JOINER
            done = match.end()
    parts.append(text[done:])
    return "".join(parts)


def _seen_to(text: str, end: int, longest: int) -> int:
    """How far must be looked for the rest of a token that begins before `end`: any number of joiners may be in it."""
    seen = longest
    while end + seen < len(text) and seen - text.count(WORD_JOINER, end, end + seen) < longest:
        seen *= 2
    return end + seen


def restore(text: str, tokens: frozenset[str]) -> str:
    """The text that `neutralise` was given."""
    pattern = _broken_pattern(tokens)
    return pattern.sub(lambda match: match[0][:-1], text) if pattern else text


def control_tokens_of(spec: ModelSpec) -> frozenset[str]:
    """The control tokens of a model: of the file that lists them, else of its tokenizer, else of the shipped one."""
    return special_tokens(spec.control_tokens or spec.tokenizer or SHIPPED_TOKENIZER)


@functools.lru_cache(maxsize=64)
def special_tokens(tokenizer: Path) -> frozenset[str]:
    """The control tokens of a tokenizer file. Raises TokenizerError for a file that is no tokenizer."""
    try:
        added = json.loads(tokenizer.read_bytes()).get("added_tokens", [])
        return frozenset(token["content"] for token in added if token["special"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise TokenizerError(f"{tokenizer} is not a tokenizer.json") from None


@functools.lru_cache(maxsize=64)
def _token_pattern(tokens: frozenset[str]) -> re.Pattern[str] | None:
    """Matches the first character of a token that already has any number of joiners behind it."""
    return _pattern(tokens, "{first}(?={joiner}*{rest})")


@functools.lru_cache(maxsize=64)
def _broken_pattern(tokens: frozenset[str]) -> re.Pattern[str] | None:
    return _pattern(tokens, "{first}{joiner}(?={joiner}*{rest})")


def _pattern(tokens: frozenset[str], shape: str) -> re.Pattern[str] | None:
    """One-character tokens cannot be broken and are left alone."""
    rests: dict[str, set[str]] = {}
    for token in tokens:
        if len(token) > 1:
            rests.setdefault(token[0], set()).add(token[1:])
    parts = [
        shape.format(first=re.escape(first), rest=_any_of(frozenset(rest)), joiner=WORD_JOINER)
        for first, rest in sorted(rests.items())
    ]
    return re.compile("|".join(parts)) if parts else None


def _any_of(texts: frozenset[str]) -> str:
    """An expression for any of `texts`, by common beginnings: hundreds of tokens cost what one costs."""
    if "" in texts or len(texts) == 1:
        return "" if "" in texts else re.escape(next(iter(texts)))
    ends: dict[str, set[str]] = {}
    for text in texts:
        ends.setdefault(text[0], set()).add(text[1:])
    return "(?:" + "|".join(re.escape(c) + _any_of(frozenset(rest)) for c, rest in sorted(ends.items())) + ")"
