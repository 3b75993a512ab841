"""A text that cannot fit is known by its bytes; what a count says is exact below twice the context."""

from __future__ import annotations

import json
import threading
import time
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st

from infra.models import control_tokens
from infra.models import tokenizers as counting
from infra.models.catalogue import ModelCatalogue
from infra.models.control_tokens import SHIPPED_TOKENIZER, WORD_JOINER, neutralise, restore
from infra.models.token_bounds import NFC_SHRINKS, most_bytes_a_token
from infra.models.tokenizers import TokenCounter
from schemas.conversation import ChatMessage

SPEC = ModelCatalogue.load().get("verbatim-local")
SHIPPED: dict[str, Any] = json.loads(SHIPPED_TOKENIZER.read_bytes())
TOKENS = frozenset({"<|user|>", "<|end|>", "<|end_of_turn|>", "[INST]", "[/INST]"})


@given(st.text(max_size=300))
def test_no_text_has_fewer_tokens_than_its_bytes_say(text: str) -> None:
    counter = TokenCounter.of(SPEC)
    assert counter.at_least(text) <= counter.count(text)


def test_the_longest_token_is_the_bound() -> None:
    longest = max(SHIPPED["model"]["vocab"], key=len)
    assert most_bytes_a_token(SHIPPED) == max(len(longest), len("<|assistant|>"))


@pytest.mark.parametrize(
    "change",
    [
        {"normalizer": {"type": "NFKC"}},
        {"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Strip"}]}},
        {"normalizer": {"type": "Replace", "pattern": {"Regex": " +"}, "content": " "}},
        {"normalizer": {"type": "Replace", "pattern": {"String": "ab"}, "content": "a"}},
        {"pre_tokenizer": {"type": "Whitespace"}},
        {"pre_tokenizer": None},
        {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": " "}, "behavior": "Removed", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        ]}},
        {"model": {"type": "Unigram", "vocab": [["a", 0.0]]}},
        {"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}},
        {"added_tokens": [{"id": 0, "content": "<mask>", "lstrip": True, "rstrip": False, "special": False}]},
    ],
)  # fmt: skip
def test_where_text_may_vanish_there_is_no_bound(change: dict[str, Any]) -> None:
    assert most_bytes_a_token({**SHIPPED, **change}) is None


def test_canonical_composition_and_byte_fallback_have_bounds() -> None:
    plain = most_bytes_a_token(SHIPPED)
    assert plain is not None
    assert most_bytes_a_token({**SHIPPED, "normalizer": {"type": "NFC"}}) == plain * NFC_SHRINKS
    vocabulary = {f"<0x{byte:02X}>": byte for byte in range(256)} | {"▁abcdefgh": 256}
    llama = {
        "model": {"type": "BPE", "byte_fallback": True, "vocab": vocabulary},
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        ]},
    }  # fmt: skip
    assert most_bytes_a_token(llama) == len("▁abcdefgh".encode())


def test_canonical_composition_shrinks_no_more_than_stated() -> None:
    def utf8(text: str) -> int:
        return len(text.encode())

    every = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    longest: dict[str, int] = {}
    for char in every:
        decomposed = unicodedata.normalize("NFD", char)
        longest[decomposed] = max(longest.get(decomposed, 0), utf8(char), utf8(decomposed))
    for char in every:
        if unicodedata.normalize("NFC", char) == char:
            parts = unicodedata.normalize("NFD", char)
            most = [0] * (len(parts) + 1)
            for end in range(1, len(parts) + 1):
                most[end] = max(most[at] + longest.get(parts[at:end], 0) for at in range(end))
            assert most[-1] <= NFC_SHRINKS * utf8(char)


def test_a_text_that_cannot_fit_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = TokenCounter(SPEC)

    def counted(texts: list[str]) -> int:
        raise AssertionError("counted")

    monkeypatch.setattr(counter, "_encoded", counted)
    text = "9" * 3_000_000
    assert counter.count_messages([ChatMessage("user", text)]) >= counter.most
    assert counter.count_message(ChatMessage("user", text)) >= counter.most
    many = [ChatMessage("user", "9" * 100_000)] * 30
    assert counter.count_messages(many) >= counter.most


def test_counting_stops_at_twice_the_context() -> None:
    pieces = []

    class Watched(TokenCounter):
        def _encoded(self, texts: list[str]) -> int:
            pieces.append(sum(map(len, texts)))
            return super()._encoded(texts)

    counter = Watched(replace(SPEC, context_tokens=5_000))
    counter._most_bytes_a_token = None
    assert counter.count("9" * 3_000_000) >= counter.most == 10_000
    pieces.clear()
    assert counter.count_messages([ChatMessage("user", "9" * 6_000)] * 500) >= counter.most
    assert sum(pieces) < 20_000


def test_pieces_of_a_long_text_have_the_tokens_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "PIECE_CHARACTERS", 2_000)
    text = "The quick brown fox, jumping over the lazy dog's 2 tails; " * 400
    counter = TokenCounter(replace(SPEC, context_tokens=1_000_000))
    assert list(map(len, counting._pieces(text)))[:-1] == [
        pytest.approx(2_000, abs=60) for _ in list(counting._pieces(text))[:-1]
    ]
    assert "".join(counting._pieces(text)) == text
    assert counter.count(text) == len(counter._tokenizer.encode(text, add_special_tokens=False).ids)
    unbroken = "9" * 7_001
    assert "".join(counting._pieces(unbroken)) == unbroken


def test_a_file_that_cuts_or_fills_texts_counts_all_the_same(tmp_path: Path) -> None:
    tokenizer = tokenizers.Tokenizer.from_file(str(SHIPPED_TOKENIZER))
    tokenizer.enable_truncation(max_length=4)
    tokenizer.enable_padding(length=4)
    own = tmp_path / "tokenizer.json"
    tokenizer.save(str(own))
    counter = TokenCounter(replace(SPEC, tokenizer=own))
    for text in ("a", "The quick brown fox jumps over the lazy dog."):
        assert counter.count(text) == TokenCounter.of(SPEC).count(text)


def test_counting_lets_other_threads_run() -> None:
    """Another thread gets on while one text of a piece's length is counted: `encode` would let it stand still."""
    counter = TokenCounter.of(SPEC)
    text = "9" * counting.PIECE_CHARACTERS
    counting_now, ran_s, done = threading.Event(), 0.0, threading.Event()

    def other() -> None:
        nonlocal ran_s
        counting_now.wait()
        while not done.is_set():
            ran_s = time.thread_time() - began_s

    began_s = 0.0
    thread = threading.Thread(target=other)
    thread.start()
    counting_now.set()
    before = time.thread_time()
    for _ in range(5):
        counter._encoded([text])
    busy_s = time.thread_time() - before
    done.set()
    thread.join()
    # With the lock held all along the other thread would have had next to nothing, on however many cores.
    assert ran_s > busy_s / 10


@given(st.lists(st.sampled_from([*TOKENS, WORD_JOINER, WORD_JOINER * 3, "<", "<|", "end", "[", "x"])).map("".join))
def test_long_texts_are_neutralised_as_short_ones_are(text: str) -> None:
    whole = neutralise(text, TOKENS)
    before = control_tokens.WINDOW
    try:
        for window in (1, 2, 7):
            control_tokens.WINDOW = window
            assert neutralise(text, TOKENS) == whole
    finally:
        control_tokens.WINDOW = before
    assert not any(token in whole for token in TOKENS)
    assert restore(whole, TOKENS) == text
