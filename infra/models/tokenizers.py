"""Counts tokens with a model's own tokenizer. Files are read once; nothing is fetched from a network.

counter = TokenCounter.of(spec)
counter.count(text)                  # control tokens in the text count as the plain text they stay
counter.count_messages(messages)     # what the engine will be given: template, roles and all

Counts are exact up to twice the model's context (`most`) and stop there: of what is longer they say at least `most`.
Counting releases the interpreter's lock, so that in a thread it blocks no other work.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import tokenizers

from infra.models.chat_templates import TemplateError, render_prompt
from infra.models.control_tokens import SHIPPED_TOKENIZER, TokenizerError, control_tokens_of, neutralise
from infra.models.spec import ModelSpec
from infra.models.token_bounds import most_bytes_a_token
from schemas.conversation import ChatMessage
from schemas.messages import characters as characters_of
from schemas.messages import counted_text

__all__ = ["TokenCounter", "TokenizerError", "load_tokenizer"]

# One count takes one core and no more; the library reads this at its first call.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

PIECE_CHARACTERS = 131_072
"""Longer texts are counted in pieces: the library frees what it made of a piece with the interpreter's lock held."""
GROUP_CHARACTERS = 16_384
"""Messages are counted together up to so many characters of text."""
_A_MESSAGE = 32
_LOOK_BACK = 1_024
"""How far before a piece's end a cut between two words is looked for."""
_FALLBACK_OVERHEAD = 8
"""Tokens around a message whose template cannot be asked about that role alone."""


class TokenCounter:
    """Counts for one model. Cheap to call, safe to share between threads."""

    def __init__(self, spec: ModelSpec) -> None:
        self._file = spec.tokenizer or SHIPPED_TOKENIZER
        self._tokenizer = load_tokenizer(self._file)
        self._specials = control_tokens_of(spec)
        self._spec = spec
        self.most = 2 * spec.context_tokens
        self._most_bytes_a_token = _bytes_a_token(self._file)
        self._frame, self._overheads = self._template_overheads()

    @staticmethod
    @functools.lru_cache(maxsize=256)
    def of(spec: ModelSpec) -> TokenCounter:
        """The counter of `spec`, made once. Raises TokenizerError or TemplateError for an unusable file."""
        return TokenCounter(spec)

    def count(self, text: str) -> int:
        """Tokens of `text` as it stands. Special tokens in it count as plain text."""
        if len(text) <= PIECE_CHARACTERS:
            return self._encoded([text])
        tokens = 0
        for piece in _pieces(text):
            tokens += self._encoded([piece])
            if tokens >= self.most:
                break
        return tokens

    def at_least(self, text: str) -> int:
        """Tokens that `text` has for certain, known from its length alone."""
        bound = self._most_bytes_a_token
        return 0 if bound is None else len(text.encode("utf-8", "surrogatepass")) // bound

    def count_message(self, message: ChatMessage) -> int:
        """What one message adds to a prompt: its content as the engine sees it, and the template around it."""
        text = counted_text(message)
        if len(text) > PIECE_CHARACTERS and (certain := self.at_least(text)) >= self.most:
            return certain
        content = neutralise(text, self._specials)
        overhead = self._overheads.get(message.role, self._overheads["user"])
        name = self.count(message.name) if message.name else 0
        return self.count(content) + overhead + name + self._images((message,))

    def count_messages(self, messages: Sequence[ChatMessage]) -> int:
        """Tokens of the whole prompt: every message, and what the template adds once."""
        certain = self._frame + sum(self.at_least(counted_text(message)) for message in messages)
        if certain >= self.most:
            return certain
        tokens = self._frame
        for group in _groups(messages):
            tokens += sum(map(self.count_message, group)) if len(group) == 1 else self._count_group(group)
            if tokens >= self.most:
                break
        return tokens

    def _count_group(self, messages: Sequence[ChatMessage]) -> int:
        """The same as one by one, in one call for all of their texts."""
        texts = [neutralise(counted_text(message), self._specials) for message in messages]
        texts += [message.name for message in messages if message.name]
        user = self._overheads["user"]
        around = sum(self._overheads.get(message.role, user) for message in messages)
        return around + self._encoded(texts) + self._images(messages)

    def _images(self, messages: Sequence[ChatMessage]) -> int:
        """Tokens of the images in messages: as many for each as the model's entry says."""
        return self._spec.image_tokens * sum(part.kind == "image" for each in messages for part in each.parts)

    def _encoded(self, texts: list[str]) -> int:
        # `encode` holds the interpreter's lock for as long as it takes; a batch, of one or many, does not.
        return sum(map(len, self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)))

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
        tokenizer = tokenizers.Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises bare Exception
        raise TokenizerError(f"the tokenizer {file} cannot be used: {error}") from None
    # Some files cut or fill every text to one length; a count must not.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@functools.lru_cache(maxsize=64)
def _bytes_a_token(file: Path) -> int | None:
    try:
        definition = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise TokenizerError(f"the tokenizer {file} cannot be used: {error}") from None
    return most_bytes_a_token(definition)


def _groups(messages: Sequence[ChatMessage]) -> Iterator[Sequence[ChatMessage]]:
    """The messages in order: short ones together, up to GROUP_CHARACTERS of text, long ones alone."""
    group: list[ChatMessage] = []
    characters = 0
    for message in messages:
        size = characters_of(message) + _A_MESSAGE
        if group and characters + size > GROUP_CHARACTERS:
            yield group
            group, characters = [], 0
        group.append(message)
        characters += size
    if group:
        yield group


def _pieces(text: str) -> Iterator[str]:
    """The text in order, cut between words where there are any, so that the pieces have the tokens of the whole."""
    start = 0
    while len(text) - start > PIECE_CHARACTERS:
        end = start + PIECE_CHARACTERS
        while end > start + PIECE_CHARACTERS - _LOOK_BACK and not (text[end] == " " and not text[end - 1].isspace()):
            end -= 1
        if text[end] != " ":
            end = start + PIECE_CHARACTERS
        yield text[start:end]
        start = end
    yield text[start:]
