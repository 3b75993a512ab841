"""A tokenizer.json and a chat template out of a GGUF file's metadata. Pure.

Byte-level vocabularies alone (`gpt2` in GGUF's words), and of these the kinds whose way to cut a text into words is
known here. For all others there is no tokenizer, and counts are estimates.
"""

from __future__ import annotations

from typing import Any

from infra.models.gguf import Gguf

_CONTROL, _USER_DEFINED = 3, 4
_BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
_WORDS_ALREADY_CUT = {**_BYTE_LEVEL, "use_regex": False}


def _by_expression(pattern: str) -> list[dict[str, Any]]:
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    return [split, _WORDS_ALREADY_CUT]


_LETTERS = r"[^\r\n\p{L}\p{N}]?\p{L}+"
_REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_CUTS: dict[str, list[dict[str, Any]]] = {
    "gpt-2": [_BYTE_LEVEL],
    "smollm": [{"type": "Digits", "individual_digits": True}, _BYTE_LEVEL],
    "llama-bpe": _by_expression(rf"(?i:'s|'t|'re|'ve|'m|'ll|'d)|{_LETTERS}|\p{{N}}{{1,3}}|{_REST}"),
    "qwen2": _by_expression(rf"(?i:'s|'t|'re|'ve|'m|'ll|'d)|{_LETTERS}|\p{{N}}|{_REST}"),
}
_WHOLE_WORDS_FIRST = frozenset({"llama-bpe"})
"""A word that is a token is that token, however its parts would be merged."""


def tokenizer_of(gguf: Gguf) -> dict[str, Any] | None:
    """What its tokenizer.json says; None where it cannot be derived."""
    said = gguf.metadata
    cuts = _CUTS.get(str(said.get("tokenizer.ggml.pre")))
    tokens, merges = said.get("tokenizer.ggml.tokens"), said.get("tokenizer.ggml.merges")
    if said.get("tokenizer.ggml.model") != "gpt2" or cuts is None or not tokens or not merges:
        return None
    added = _added(gguf, (_CONTROL, _USER_DEFINED))
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": cuts},
        "post_processor": None,
        "decoder": {**_BYTE_LEVEL, "add_prefix_space": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": said.get("tokenizer.ggml.pre") in _WHOLE_WORDS_FIRST,
            "vocab": {token: index for index, token in enumerate(tokens)},
            "merges": merges,
        },
    }


def control_tokens_of(gguf: Gguf) -> list[dict[str, Any]]:
    """Its control tokens, as a tokenizer.json lists them; of any kind of vocabulary."""
    return _added(gguf, (_CONTROL,))


def _added(gguf: Gguf, wanted: tuple[int, ...]) -> list[dict[str, Any]]:
    tokens = gguf.metadata.get("tokenizer.ggml.tokens") or []
    kinds = gguf.metadata.get("tokenizer.ggml.token_type") or []
    return [
        {
            "id": index,
            "content": tokens[index],
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": kind == _CONTROL,
        }
        for index, kind in enumerate(kinds[: len(tokens)])
        if kind in wanted
    ]


def chat_template_of(gguf: Gguf) -> str | None:
    """Its chat template; None where it has none."""
    template = gguf.metadata.get("tokenizer.chat_template")
    return template if isinstance(template, str) and template.strip() else None
