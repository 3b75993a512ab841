"""What the local model says. Pure and deterministic: the same messages and seed give the same answer.

It works with what it is given: arithmetic, counting, repeating, words by number, passages of the conversation.
"""

from __future__ import annotations

import random
import re
import zlib
from dataclasses import dataclass

from infra.local_model.arithmetic import results_in

MAX_ANSWER_CHARS = 400_000
MAX_COUNT = 100_000

WHO = (
    "I am Verbatim's local stand-in: a small programme without model weights, served by the real Triton. "
    "I can do arithmetic, count, repeat, write any number of words and quote what you gave me. "
    "For real answers, add a model to models.toml."
)
_PLAIN = "I am a small programme without model weights and can only work with what you give me."

_ASKS_WHO = re.compile(
    r"\b(who|what)\s+(are|r)\s+(you|u)\b|\byour\s+name\b|\b(which|what)\s+(ai|llm|language\s+)?model\b|\bare\s+you\s+"
    r"(a|an|human|real|gpt|chatgpt|claude|llama)|\bwhat\s+can\s+you\s+do\b",
    re.IGNORECASE,
)
_COUNT = re.compile(
    r"\bcount\b(?:\s+(?:up|down|slowly|for\s+me))*(?:\s+from\s+(-?\d{1,9}))?\s+(?:up\s+|down\s+)?to\s+(-?\d{1,9})", re.I
)
_MARKED = re.compile(r"\s*,?\s+each\s+marked\s+(\w{1,40})\b", re.I)
_WORDS = re.compile(r"\b(\d[\d,.]*)\s*(?:-\s*)?words?\b", re.I)
_REPEAT_TIMES = re.compile(r"\b(?:repeat|say|write)\s+(.+?)\s+(\d+)\s+times\b", re.I | re.S)
_REPEAT = re.compile(r"^\s*(?:please\s+)?(?:repeat(?:\s+after\s+me)?|say|echo)\b\s*[:,]?\s*(.+)$", re.I | re.S)
_LONG = re.compile(r"\b(long|lengthy|detailed)\s+(answer|story|text|essay|poem)\b|\bessay\b|\bstory\b|\bpoem\b", re.I)
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")
_WORD = re.compile(r"\w{3,}")
_COMMON_WORDS = """
the and for are was were that this with what when where which who whom how why did does can could
would should you your yours has have had not but from about into tell say said his her its our their
they them there then than will just please give all any more most some such only also
"""
_VOCABULARY_WORDS = """
log event record stream token answer question partition offset order reader writer broker topic
moment place word line page letter river stone bridge garden window morning evening winter summer
light shadow small large quiet quick patient careful plain open follows carries keeps reads writes
begins ends waits moves returns holds names counts joins under over beside between before after
within until again always often never
"""
_COMMON = frozenset(_COMMON_WORDS.split())
_VOCABULARY = tuple(_VOCABULARY_WORDS.split())


@dataclass(frozen=True, slots=True)
class Message:
    """One message as the chat template had it: role system, user or assistant."""

    role: str
    content: str


def answer(messages: list[Message], seed: int | None = None) -> str:
    """The whole answer to the last user message, at most MAX_ANSWER_CHARS long."""
    asked = next((message.content for message in reversed(messages) if message.role == "user"), "")
    return _answer(asked, messages, seed)[:MAX_ANSWER_CHARS]


def asks_to_count(text: str) -> bool:
    """Whether it asks for counting, in words."""
    return _COUNT.search(text) is not None


def _answer(asked: str, messages: list[Message], seed: int | None) -> str:
    if not asked.strip():
        return f"{_PLAIN} There was no question."
    if _ASKS_WHO.search(asked):
        return WHO
    if match := _COUNT.search(asked):
        marked = _MARKED.match(asked, match.end())
        return counted(int(match[1]) if match[1] else 1, int(match[2]), marked[1] if marked else None)
    if match := _REPEAT_TIMES.search(asked):
        return _repeated(_unquoted(match[1]), int(match[2][:9]))
    if match := _REPEAT.match(asked):
        return _unquoted(match[1])
    if match := _WORDS.search(asked):
        return words(int(re.sub(r"\D", "", match[1])[:9]), asked, seed)
    if results := results_in(asked):
        return "\n".join(f"{expression} = {value}" for expression, value in results)
    if _LONG.search(asked):
        return words(400, asked, seed)
    return _quoted(asked, messages)


def counted(first: int, last: int, mark: str | None = None) -> str:
    """The numbers; with a mark each says whose it is, so that any piece of the text can be checked by itself."""
    step = 1 if last >= first else -1
    last = first + step * min(abs(last - first), MAX_COUNT - 1)
    before = f"{mark}:" if mark else ""
    return ", ".join(f"{before}{number}" for number in range(first, last + step, step))


def _repeated(text: str, times: int) -> str:
    most = max(1, MAX_ANSWER_CHARS // (len(text) + 1))
    return " ".join([text] * max(1, min(times, most)))


def _unquoted(text: str) -> str:
    text = text.strip()
    pairs = {'"': '"', "'": "'", "“": "”", "«": "»", "`": "`"}
    return text[1:-1] if len(text) > 2 and pairs.get(text[0]) == text[-1] else text


def words(count: int, asked: str, seed: int | None) -> str:
    """Sentences of exactly `count` words, among them the request's own."""
    chance = random.Random(zlib.crc32(asked.encode()) if seed is None else seed)
    pool = [*_VOCABULARY, *{word.lower(): None for word in _WORD.findall(asked) if word.lower() not in _COMMON}]
    left = max(1, min(count, MAX_ANSWER_CHARS // 8))
    sentences = []
    while left:
        length = min(left, chance.randint(6, 14))
        chosen = [chance.choice(pool) for _ in range(length)]
        chosen[0] = chosen[0].capitalize()
        sentences.append(" ".join(chosen) + ".")
        left -= length
    paragraphs = [" ".join(sentences[at : at + 6]) for at in range(0, len(sentences), 6)]
    return "\n\n".join(paragraphs)


def _quoted(asked: str, messages: list[Message]) -> str:
    """The passages that share most words with the question, each said to be whose it is; else the question itself."""
    wanted = _keywords(asked)
    last_user = max(at for at, message in enumerate(messages) if message.role == "user")
    found: list[tuple[int, int, str, str]] = []
    for at, message in enumerate(messages):
        for sentence in _SENTENCE.findall(message.content):
            shared = len(wanted & _keywords(sentence))
            if shared and not (at == last_user and sentence.strip().endswith("?")):
                found.append((shared, at, message.role, sentence.strip()))
    if at_best := sorted(found, key=lambda hit: (-hit[0], -hit[1]))[:2]:
        whose = {"system": "The instructions say", "user": "You wrote", "assistant": "I said"}
        return f"{_PLAIN}\n\n" + "\n".join(f"{whose.get(hit[2], 'It says')}: “{hit[3]}”" for hit in at_best)
    shown = asked.strip()
    return f"{_PLAIN} You wrote: “{shown if len(shown) <= 500 else shown[:499] + '…'}”"


def _keywords(text: str) -> set[str]:
    return {word.lower().rstrip("s") for word in _WORD.findall(text)} - _COMMON
