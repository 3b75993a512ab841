"""Control tokens of chat models, and how text that people wrote is kept from containing any.

A special token inside content is neutralised: U+2060 WORD JOINER goes in after its first character, so no tokenizer
takes it for the token, while a reader sees no difference. `restore` undoes exactly that (a token already broken gets
one joiner more, and loses one again), so engines of ours can quote users byte for byte.
"""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path

SHIPPED_TOKENIZER = Path(__file__).parent / "data" / "tokenizers" / "verbatim.json"
WORD_JOINER = "\u2060"


class TokenizerError(Exception):
    """A tokenizer file cannot be used. The message names it."""


def neutralise(text: str, tokens: frozenset[str]) -> str:
    """`text` with every special token in it broken by a word joiner."""
    pattern = _token_pattern(tokens)
    return pattern.sub(lambda match: match[0] + WORD_JOINER, text) if pattern else text


def restore(text: str, tokens: frozenset[str]) -> str:
    """The text that `neutralise` was given."""
    pattern = _broken_pattern(tokens)
    return pattern.sub(lambda match: match[0][:-1], text) if pattern else text


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
    breakable = sorted(token for token in tokens if len(token) > 1)
    parts = [shape.format(first=re.escape(t[0]), rest=re.escape(t[1:]), joiner=WORD_JOINER) for t in breakable]
    return re.compile("|".join(parts)) if parts else None
