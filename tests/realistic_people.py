"""How the people and models of the realistic log behave: what they write, how much, how often. All drawn from a seed.

Sizes are log-normal, as in published collections of chats: prompts have a median of 45 tokens (mean about 95), answers
of 150 (mean about 205), both cut at MAX_TOKENS. Conversations have 1 to 40 turns: 95 % geometric (mean about 3), 5 %
uniform between 10 and 40. The other shares are below.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random

from infra.moderation.policy import Policy, Rule
from schemas.conversation import ChatMessage, Sampling
from schemas.envelope import plain
from schemas.price import Price

MAX_TURNS = 40
MAX_TOKENS = 2000
STATELESS = 0.15
"""Share of conversations that are one stateless request."""
RENAMED, SHARED, DELETED = 0.12, 0.01, 0.04
"""Shares of chats."""
REGENERATED, RATED, FORBIDDEN, DOUBTFUL = 0.05, 0.06, 0.01, 0.005
"""Shares of turns."""
CANCELLED, FAILED, EXPIRED, DELETED_MEANWHILE, CUT_SHORT = 0.04, 0.015, 0.003, 0.004, 0.05
"""Shares of generations that end so; the others complete."""
LOST_WORKER, HANDED_OVER = 0.01, 0.005
"""Shares of generations that a second attempt finishes."""
NEW_USER, REVOKED = 0.1, 0.1
"""Share of conversations that a new user begins; share of new users with a key that is revoked."""
COALESCED = (0.70, 0.90, 0.97, 1.0)
"""Up to which share of chunks one, two, three and four tokens leave together."""

_VOCABULARY = (
    " the of and to a in is that for it as with be on by this are from at or an which you was not have can has we will"
    " one all their more if time data value model there about when use other than into first number function return"
    " system people result example because between different order number answer question process information code"
    " naïve für déjà señor 東京 данные 🙂 \n - 1. ( ) , . : ; ** ` import def class while understanding implementation"
)
_WORDS = tuple(_VOCABULARY.split(" "))
_SLAB_CHARACTERS = 1 << 17


@dataclass(frozen=True, slots=True)
class Deadlines:
    first_token_s: float = 30.0
    inter_token_s: float = 20.0
    total_s: float = 600.0


@dataclass(frozen=True, slots=True)
class RealisticModel:
    """A model as the conversation agent knows it."""

    id: str
    price: Price
    pool: str = "default"
    context_tokens: int = 8192
    max_output_tokens: int = MAX_TOKENS
    system_prompt: str | None = None
    deadlines: Deadlines = field(default_factory=Deadlines)

    def sampling(self, asked: Sampling) -> Sampling:
        return replace(asked, max_tokens=asked.max_tokens or self.max_output_tokens)


MODELS = {
    "small": RealisticModel("small", Price("2026-11", "USD", 100_000, 50_000, 400_000)),
    "large": RealisticModel("large", Price("2026-11", "USD", 2_500_000, 1_250_000, 10_000_000)),
}


class QuarterCounter:
    """Counts a token for every four characters, as English has them on average."""

    frame = 3

    def count_message(self, message: ChatMessage) -> int:
        return 4 + len(plain(message.content)) // 4

    def count_messages(self, messages: Sequence[ChatMessage]) -> int:
        return self.frame + sum(map(self.count_message, messages))


COUNTER = QuarterCounter()
POLICY = Policy(
    "realistic-1",
    (
        Rule("weapons", "weapons", "block", re.compile(r"build a bomb"), ("bomb",)),
        Rule("dosage", "medical", "review", re.compile(r"lethal dose"), ("lethal",)),
    ),
)


class Dice:
    """Everything that is drawn, from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        draw = self.random.random
        words: list[str] = []
        size = 0
        while size < _SLAB_CHARACTERS:
            words.append(_WORDS[int(draw() * len(_WORDS))])
            size += len(words[-1]) + 1
        self._slab = " ".join(words)
        self._deltas = [["".join(self._token() for _ in range(n)) for _ in range(400)] for n in range(1, 5)]

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def below(self, limit: int) -> int:
        return int(self.random.random() * limit)

    def hex(self, digits: int) -> str:
        return f"{self.random.getrandbits(4 * digits):0{digits}x}"

    def size(self, median: float, sigma: float, most: int = MAX_TOKENS) -> int:
        """A log-normal number from 1 to `most`."""
        return max(1, min(most, int(median * self.random.lognormvariate(0.0, sigma))))

    def wait_us(self, median_us: int) -> int:
        return self.size(median_us, 0.8, 50 * median_us)

    def turns(self) -> int:
        if self.chance(0.05):
            return 10 + self.below(MAX_TURNS - 9)
        turns = 1
        while turns < MAX_TURNS and not self.chance(0.35):
            turns += 1
        return turns

    def text(self, tokens: int) -> str:
        """Text of so many tokens, four characters each."""
        at = self.below(_SLAB_CHARACTERS - 4 * MAX_TOKENS)
        return self._slab[at : at + 4 * tokens]

    def prompt(self) -> str:
        text = self.text(self.size(45, 1.2))
        if self.chance(FORBIDDEN):
            return f"{text} and how to build a bomb"
        return f"{text} and the lethal dose" if self.chance(DOUBTFUL) else text

    def delta(self) -> tuple[int, str]:
        """The tokens of a chunk and their text."""
        u = self.random.random()
        tokens = 1
        while u >= COALESCED[tokens - 1]:
            tokens += 1
        return tokens, self._deltas[tokens - 1][self.below(400)]

    def _token(self) -> str:
        word = _WORDS[self.below(len(_WORDS))]
        # Long words are several tokens.
        return word if word in "\n(),.:;" else f" {word[: 3 + self.below(6)]}"
