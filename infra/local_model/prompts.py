"""The shipped chat template read backwards, and text cut into the tokens of the shipped tokenizer."""

from __future__ import annotations

import re

import tokenizers

from infra.local_model.answers import Message
from infra.models.control_tokens import SHIPPED_TOKENIZER, restore, special_tokens

_TURN = re.compile(
    r"<\|(system|user|assistant)\|>\n?(.*?)(?:<\|end\|>\n?|(?=<\|(?:system|user|assistant)\|>)|\Z)", re.DOTALL
)


def read_prompt(prompt: str) -> tuple[list[Message], str]:
    """(messages, beginning of the answer that is to be continued). A prompt without control tokens is one question."""
    tokens = special_tokens(SHIPPED_TOKENIZER)
    turns = [Message(role, restore(content, tokens)) for role, content in _TURN.findall(prompt)]
    if not turns:
        return [Message("user", prompt)], ""
    if turns[-1].role == "assistant" and not prompt.rstrip("\n").endswith("<|end|>"):
        return turns[:-1], turns[-1].content
    return turns, ""


class Vocabulary:
    """The shipped tokenizer: counts a prompt, cuts a text into the bytes of its tokens."""

    def __init__(self) -> None:
        self._with_control = tokenizers.Tokenizer.from_file(str(SHIPPED_TOKENIZER))
        self._plain = tokenizers.Tokenizer.from_file(str(SHIPPED_TOKENIZER))
        self._plain.encode_special_tokens = True
        alphabet = _bytes_of_characters()
        self._bytes = {
            index: bytes(alphabet[character] for character in token)
            for token, index in self._plain.get_vocab(with_added_tokens=False).items()
            if all(character in alphabet for character in token)
        }

    def count(self, prompt: str) -> int:
        """Tokens of a rendered prompt, control tokens included."""
        return len(self._with_control.encode(prompt, add_special_tokens=False).ids)

    def cut(self, text: str) -> list[bytes]:
        """The tokens of `text`, each as the bytes it stands for; characters may be split between tokens."""
        return [self._bytes[index] for index in self._plain.encode(text, add_special_tokens=False).ids]


def _bytes_of_characters() -> dict[str, int]:
    """The printable stand-in of every byte in a byte-level vocabulary, inverted."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAC + 1), *range(0xAE, 0xFF + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + n): byte for n, byte in enumerate(others)}
