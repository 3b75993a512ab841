"""The maximum number of bytes that one token of a tokenizer can stand for, from its file. Pure.

A text of more bytes than a context's tokens can stand for does not fit it and need not be counted. The bound is
never wrong: for a tokenizer that may drop, shorten or merge text in ways not known here there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

NFC_SHRINKS = 4
"""Canonical composition makes no text shorter than a quarter of its bytes (a test goes through all of Unicode)."""
_BYTES = frozenset([*range(33, 127), *range(161, 173), *range(174, 256)])
"""Bytes that byte-level BPE writes as the character of the same number; the others are written as 256 and up."""
_ALPHABET = frozenset([*map(chr, _BYTES), *(chr(256 + n) for n in range(256 - len(_BYTES)))])
_FALLBACKS = frozenset(f"<0x{byte:02X}>" for byte in range(256))


def most_bytes_a_token(definition: Mapping[str, Any]) -> int | None:
    """Bytes of text that a token can stand for at most; None: no bound is known. `definition`: a tokenizer.json."""
    model = definition.get("model") or {}
    vocabulary = model.get("vocab")
    if model.get("type") != "BPE" or not isinstance(vocabulary, dict) or not vocabulary:
        return None
    size: Callable[[str], int] = _utf8
    splits = _steps(definition.get("pre_tokenizer"), "pretokenizers")
    if any(step.get("type") == "ByteLevel" for step in splits):
        every_byte, size = vocabulary.keys() >= _ALPHABET, len
    else:
        # Text, with the bytes of what is in no token as tokens of their own.
        every_byte = bool(model.get("byte_fallback")) and vocabulary.keys() >= _FALLBACKS
    if not every_byte or not all(map(_keeps_all, splits)):
        return None
    shrinks = 1
    for step in _steps(definition.get("normalizer"), "normalizers"):
        factor = _shrinks(step)
        if factor is None:
            return None
        shrinks *= factor
    added = definition.get("added_tokens") or ()
    if any(token.get("lstrip") or token.get("rstrip") for token in added):
        return None  # such a token takes any amount of white space around it
    most = max(map(size, vocabulary))
    return max([most, *(_utf8(token["content"]) for token in added)]) * shrinks


def _steps(step: Mapping[str, Any] | None, several: str) -> list[Mapping[str, Any]]:
    """The steps of a part that may be absent, one step, or a sequence (of sequences)."""
    if step is None:
        return []
    if step.get("type") != "Sequence":
        return [step]
    return [inner for one in step.get(several, ()) for inner in _steps(one, several)]


def _keeps_all(step: Mapping[str, Any]) -> bool:
    """Whether a pre-tokenizer takes nothing of the text away."""
    kind = step.get("type")
    return kind in ("ByteLevel", "Digits", "Metaspace") or (
        kind in ("Split", "Punctuation") and step.get("behavior") not in (None, "Removed")
    )


def _shrinks(step: Mapping[str, Any]) -> int | None:
    """How many times shorter a normalizer can make a text; None: not known."""
    match step.get("type"):
        case "Prepend" | "ByteLevel":
            return 1
        case "NFC":
            return NFC_SHRINKS
        case "Replace":
            pattern, content = step.get("pattern"), step.get("content")
            found = pattern.get("String") if isinstance(pattern, dict) else None
            if isinstance(found, str) and isinstance(content, str) and found and _utf8(content) >= _utf8(found):
                return 1
            return None
        case _:
            return None


def _utf8(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
