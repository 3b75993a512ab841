"""Titles of conversations: when one is asked for, with which words, and what becomes of the answer. Pure.

The first answer of a conversation that completes brings about one TitleRequested, whose ids derive from the
conversation: however often it is written, one generation answers it. Its outcome brings about a ConversationRenamed by
`system:titles`, which counts only where the user gives no title.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas import ids
from schemas.conversation import ChatMessage, ConversationRenamed, Sampling, TitleRequested
from schemas.envelope import Content, Envelope, Position, plain
from schemas.graphemes import without_last_cluster
from schemas.outcome import GenerationCompleted, Outcome
from schemas.parts import visible_text
from schemas.turns import TITLES, UNBILLED
from streams.conversation.ports import FirstTurn
from streams.conversation.title_text import title_of

MAX_AGE_S = 60
"""An answer that ended longer ago gets no title: an agent that is behind, or new to an old log, asks for none."""
DEADLINE_S = 180
MAX_PROMPT_CHARACTERS = 600
MAX_ANSWER_CHARACTERS = 400
TITLE_SAMPLING = Sampling(max_tokens=32, temperature=0.0)
SAYS_LITTLE = 24
"""Characters of a prompt up to which the answer is shown to the model too: longer prompts name their topic, and a small
model takes an answer beside them for the text to go on with."""
_TIER = "default"
_INSTRUCTION = "You write a short title for each message: a few words that name its topic."
_EXAMPLES = (
    ("Can you explain how vaccines work?", "", "How vaccines work"),
    ("hello there", "Hello! What would you like to talk about?", "Greeting"),
    ("Please write me a birthday poem for my grandmother, she likes roses.", "", "Birthday poem for grandmother"),
    ("my laptop gets really hot when I play games, what can i do", "", "Laptop overheating during games"),
    ("Was kann ich in Hamburg am Wochenende machen?", "", "Wochenende in Hamburg"),
)


@dataclass(frozen=True, slots=True)
class TitleModel:
    """Who makes the titles. `version`: which model its id stands for."""

    id: str
    version: str


def may_be_titled(outcome: Outcome, now_us: int) -> bool:
    """Whether an outcome is an answer, in a conversation, that completed a moment ago: all else gets no title."""
    fresh = abs(now_us - outcome.ended_at_us) <= MAX_AGE_S * 1_000_000
    return isinstance(outcome, GenerationCompleted) and outcome.turn.kind == "chat" and fresh


def title_request(outcome: Outcome, first: FirstTurn, model: TitleModel, tail: Position) -> TitleRequested | None:
    """The request for the title of the conversation whose answer completed with `outcome`.

    None if its user has named it, a title was asked for already, it is deleted or temporary, or this is not its first
    answer.
    `tail`: a lower bound of what is appended to token-chunks from now on.
    """
    turn = outcome.turn
    prompt = first.prompt
    if first.deleted or first.temporary or first.named or first.title_asked or first.answered:
        return None
    if not isinstance(prompt, str) or not isinstance(outcome.text, str) or not prompt.strip():
        return None
    message_id = ids.title_message_id(turn.conversation_id)
    return TitleRequested(
        envelope=Envelope(
            event_id=ids.event_id(message_id, "TitleRequested"),
            occurred_at_us=outcome.ended_at_us,
            causation_id=outcome.envelope.event_id,
            correlation_id=outcome.envelope.correlation_id,
            actor=TITLES,
        ),
        conversation_id=turn.conversation_id,
        user_id=turn.user_id,
        message_id=message_id,
        generation_id=ids.generation_id(message_id),
        prompt_message_id=turn.prompt_message_id,
        answer_id=turn.generation_id,
        prompt=_beginning_of(prompt, MAX_PROMPT_CHARACTERS),
        answer=_beginning_of(visible_text(outcome.text, outcome.parts), MAX_ANSWER_CHARACTERS),
        model=model.id,
        model_version=model.version,
        service_class="background",
        tier=_TIER,
        tail=tail,
        deadline_at_us=outcome.ended_at_us + DEADLINE_S * 1_000_000,
        price=UNBILLED,
    )


def title_messages(command: TitleRequested) -> tuple[ChatMessage, ...]:
    """What the model is asked: an instruction, examples, and what was said."""
    messages = [ChatMessage("system", _INSTRUCTION)]
    for prompt, answer, title in _EXAMPLES:
        messages += (_asked(prompt, answer), ChatMessage("assistant", title))
    prompt = _one_line(command.prompt)
    return (*messages, _asked(prompt, _one_line(command.answer) if len(prompt) <= SAYS_LITTLE else ""))


def rename(outcome: Outcome) -> ConversationRenamed | None:
    """What an outcome of kind title calls the conversation; None if it is no title of use."""
    if not isinstance(outcome, GenerationCompleted) or not isinstance(outcome.text, str):
        return None
    title = title_of(visible_text(outcome.text, outcome.parts), is_whole=outcome.finish_reason == "stop")
    if title is None:
        return None
    turn = outcome.turn
    envelope = Envelope(
        event_id=ids.event_id(turn.generation_id, "ConversationRenamed"),
        occurred_at_us=outcome.ended_at_us,
        causation_id=outcome.envelope.event_id,
        correlation_id=outcome.envelope.correlation_id,
        actor=TITLES,
    )
    return ConversationRenamed(envelope, turn.conversation_id, turn.user_id, title)


def _beginning_of(text: str, most: int) -> str:
    """At most so many characters, none of them cut in the middle."""
    return text if len(text) <= most else without_last_cluster(text[: most + 1])


def _asked(prompt: str, answer: str) -> ChatMessage:
    answered = f', answered "{answer}"' if answer else ""
    return ChatMessage("user", f'Title of the message "{prompt}"{answered}')


def _one_line(content: Content) -> str:
    """As the examples are."""
    return " ".join(plain(content).split())
