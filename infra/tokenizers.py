"""Counting tokens with a model's own tokenizer. Files are read once; nothing is ever fetched from a network.

counter = TokenCounter.of(spec)
counter.count(text)                  # control tokens in the text count as the plain text they stay
counter.count_messages(messages)     # what the engine will be given: template, roles and all
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import tokenizers

from infra.chat_templates import TemplateError, render_prompt
from infra.control_tokens import SHIPPED_TOKENIZER, TokenizerError, neutralise, special_tokens
from infra.model_spec import ModelSpec
from schemas.conversation import ChatMessage
from schemas.envelope import plain

__all__ = ["TokenCounter", "TokenizerError", "load_tokenizer"]

_FALLBACK_OVERHEAD = 8
"""Tokens around a message whose template cannot be asked about that role alone."""


class TokenCounter:
    """Counts for one model. Cheap to call, safe to share between threads."""

    def __init__(self, spec: ModelSpec) -> None:
        self._file = spec.tokenizer or SHIPPED_TOKENIZER
        self._tokenizer = load_tokenizer(self._file)
        self._specials = special_tokens(self._file)
        self._spec = spec
        self._frame, self._overheads = self._template_overheads()

    @staticmethod
    @functools.lru_cache(maxsize=256)
    def of(spec: ModelSpec) -> TokenCounter:
        """The counter of `spec`, made once. Raises TokenizerError or TemplateError for an unusable file."""
        return TokenCounter(spec)

    def count(self, text: str) -> int:
        """Tokens of `text` as it stands. Special tokens in it count as plain text."""
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def count_message(self, message: ChatMessage) -> int:
        """What one message adds to a prompt: its content as the engine sees it, and the template around it."""
        content = neutralise(plain(message.content), self._specials)
        overhead = self._overheads.get(message.role, self._overheads["user"])
        name = self.count(message.name) if message.name else 0
        return self.count(content) + overhead + name

    def count_messages(self, messages: Sequence[ChatMessage]) -> int:
        """Tokens of the whole prompt: every message, and what the template adds once."""
        return self._frame + sum(map(self.count_message, messages))

    @property
    def frame(self) -> int:
        """Tokens a prompt has beside its messages: its beginning and the opening of the answer."""
        return self._frame

    def _template_overheads(self) -> tuple[int, dict[str, int]]:
        """(tokens of the frame, tokens around a message of each role), measured on the template itself."""
        with_control = _read(self._file)

        def tokens(*roles: str, opening: bool = False) -> int:
            messages = [ChatMessage(role, "") for role in roles]
            prompt = render_prompt(self._spec, messages, add_generation_prompt=opening)
            return len(with_control.encode(prompt, add_special_tokens=False).ids)

        one = tokens("user")
        each = max(tokens("user", "assistant", "user") - tokens("user", "assistant"), 0)
        start = max(one - each, 0)
        overheads = {"user": each}
        for role in ("system", "developer", "assistant", "tool"):
            try:
                overheads[role] = max(tokens(role, "user") - one, 0)
            except TemplateError:
                overheads[role] = max(each, _FALLBACK_OVERHEAD)
        return start + max(tokens("user", opening=True) - one, 0), overheads


@functools.lru_cache(maxsize=64)
def load_tokenizer(file: Path) -> tokenizers.Tokenizer:
    """The tokenizer of `file`, loaded once, that takes special tokens in a text for plain text."""
    tokenizer = _read(file)
    tokenizer.encode_special_tokens = True
    return tokenizer


def _read(file: Path) -> tokenizers.Tokenizer:
    try:
        return tokenizers.Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises bare Exception
        raise TokenizerError(f"the tokenizer {file} cannot be used: {error}") from None
