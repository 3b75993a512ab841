"""Reacts to a command with a verdict and a job or an end. Pure: time and ids come from the command.

Only what a policy allows reaches a model: `allow`, and `review` (noted for a person to look at, and answered meanwhile,
which is what its author asked for who did not write `block`). Any other decision refuses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, cast, get_args

from infra.models.tool_tokens import tools_message
from infra.moderation.policy import Policy
from schemas import ids
from schemas.bounding import bounded
from schemas.control import CancelRequested
from schemas.conversation import (
    ChatMessage,
    ConversationDeleted,
    GenerationDeleted,
    PromptKind,
    PromptSubmitted,
    Role,
    Sampling,
    ServiceClass,
    TitleRequested,
)
from schemas.envelope import Envelope, plain
from schemas.generation import EndReason, Failure, GenerationEnded, GenerationRecord, GenerationRequested, Turn
from schemas.limits import MAX_TOKENS
from schemas.messages import all_texts
from schemas.messages import characters as characters_of
from schemas.moderation import ModerationEvent, ModerationVerdict
from schemas.turns import Command, request_of
from streams.conversation.compaction import compaction_messages
from streams.conversation.context import Assembled, assemble
from streams.conversation.ports import Context, Counter, Model
from streams.conversation.titles import TITLE_SAMPLING, title_messages
from topics.catalogue import CONTROL, MODERATION_VERDICTS, TOKEN_CHUNKS, jobs_topic
from topics.topic import R, Topic
from topics.vocabulary import check_word

MIN_ANSWER_TOKENS = 16
MAX_SEED = 2**63
ANSWERED = frozenset({"allow", "review"})
"""The decisions after which a prompt goes to its model."""
_ACTOR = "system:conversation"
_KINDS = frozenset(get_args(PromptKind))
_CLASSES = frozenset(get_args(ServiceClass))
_ROLES = frozenset(get_args(Role))

REFUSED = Failure("content_filter", "the prompt was refused by this installation's content policy", False)
MODEL_NOT_FOUND = Failure("model_not_found", "the model is no longer offered here", False)
TOO_LONG = Failure("context_length_exceeded", "the prompt is longer than the model's context allows", False)
CONVERSATION_DELETED = Failure("conversation_deleted", "the conversation has been deleted", False)
ANSWER_DELETED = Failure("generation_deleted", "the answer has been deleted", False)
PROMPT_NOT_FOUND = Failure("message_not_found", "the prompt to answer is not part of the conversation", False)
HISTORY_UNAVAILABLE = Failure("history_unavailable", "the conversation could not be read in time; try again", True)


@dataclass(frozen=True, slots=True)
class Out(Generic[R]):
    """A record to be produced to `topic`, under `key`."""

    topic: Topic[R]
    key: str
    record: R


Verdict = Out[ModerationEvent]
End = Out[GenerationRecord]
Job = Out[GenerationRequested]
CancelNotice = Out[CancelRequested]
Deleted = ConversationDeleted | GenerationDeleted


def react(
    command: Command,
    turn: Turn,
    context: Context | None,
    model: Model | None,
    counter: Counter | None,
    policy: Policy,
    *,
    maybe_repeat: bool,
) -> tuple[Verdict, Job | End]:
    """What a command that began `turn` brings about: the verdict on it, and its job or its end.

    In the order in which they are to be produced. The job names its verdict, so that must be durable before it.
    `context` None: history could not be read in time. `model` None: it is not in the catalogue.
    Raises NewerValue for a word that only a newer release knows, where it decides.
    """
    _check_words(command)
    verdict = judge(command, context, policy)
    last: Job | End
    if verdict.decision in ANSWERED:
        last = _job_or_end(command, turn, verdict, context, model, counter, maybe_repeat)
    else:
        last = _end(command, turn, "refused", REFUSED)
    return Out(MODERATION_VERDICTS, turn.conversation_id, verdict), last


def given(command: Command, context: Context, model: Model, counter: Counter) -> Assembled | None:
    """What the model would be given for a command that follows `context`; None if that leaves no room for an answer."""
    messages = _conversation(command, context)
    return _assembled(command, messages, context, model, model.sampling(_asked_sampling(command)), counter)


def for_choice(last: Job | End, command: Command, turn: Turn) -> Job | End:
    """What `react` brought about for a command's first answer, for another one: all come of the same prompt.

    A seed grows with the choice: the same one would give the same answer again.
    """
    record = last.record
    if isinstance(record, GenerationEnded) and record.failure is not None:
        return _end(command, turn, record.reason, record.failure)
    if not isinstance(record, GenerationRequested):
        raise TypeError(f"a {type(record).__name__} is neither a job nor a failure")
    seed = record.sampling.seed
    job = replace(
        record,
        envelope=_envelope(command.envelope, turn.generation_id, "GenerationRequested"),
        turn=turn,
        sampling=record.sampling if seed is None else replace(record.sampling, seed=(seed + turn.choice) % MAX_SEED),
    )
    return replace(cast(Job, last), record=job)


def _check_words(command: Command) -> None:
    check_word("the command's service class", command.service_class, _CLASSES)
    if isinstance(command, PromptSubmitted):
        check_word("the prompt's kind", command.kind, _KINDS)
        for message in command.messages:
            check_word("a message's role", message.role, _ROLES)


def _job_or_end(
    command: Command,
    turn: Turn,
    verdict: ModerationVerdict,
    context: Context | None,
    model: Model | None,
    counter: Counter | None,
    maybe_repeat: bool,
) -> Job | End:
    if context is None:
        return _end(command, turn, "failed", HISTORY_UNAVAILABLE)
    if context.deleted:
        return _end(command, turn, "failed", CONVERSATION_DELETED)
    if model is None or counter is None:
        return _end(command, turn, "failed", MODEL_NOT_FOUND)
    messages = _conversation(command, context)
    if not messages or (turn.kind == "chat" and messages[-1].role == "assistant" and not _prompt(command)):
        return _end(command, turn, "failed", PROMPT_NOT_FOUND)
    sampling = model.sampling(_asked_sampling(command))
    assembled = _assembled(command, messages, context, model, sampling, counter)
    if assembled is None:
        return too_large(command, turn)
    job = _job(command, turn, verdict, assembled, model, sampling, maybe_repeat)
    return Out(jobs_topic(model.pool, command.service_class), turn.conversation_id, job)


def react_to_deletion(deleted: Deleted, turns: tuple[Turn, ...]) -> tuple[End | CancelNotice, ...]:
    """The ends of what still runs in a deleted conversation, or of a deleted answer, and the cancel notices that stop
    it. What it has made until then is billed."""
    why = CONVERSATION_DELETED if isinstance(deleted, ConversationDeleted) else ANSWER_DELETED
    outs: list[End | CancelNotice] = []
    for turn in map(bounded, turns):
        envelope = _envelope(deleted.envelope, turn.generation_id, "GenerationEnded/deleted")
        ended = GenerationEnded(envelope, turn, "deleted", None, why)
        outs.append(Out(TOKEN_CHUNKS, turn.conversation_id, ended))
        envelope = _envelope(deleted.envelope, turn.generation_id, "CancelRequested/deleted")
        cancel = CancelRequested(envelope, turn.generation_id, turn.conversation_id, "deleted")
        outs.append(Out(CONTROL, turn.generation_id, cancel))
    return tuple(outs)


def too_large(command: Command, turn: Turn) -> End:
    """The end of a turn whose prompt is more than the model's context, or its job more than a record, can hold."""
    return _end(command, turn, "failed", TOO_LONG)


def judge(command: Command, context: Context | None, policy: Policy) -> ModerationVerdict:
    """The verdict on what the user wrote: the prompt, or all that a stateless request brings; and on what was appended
    or imported before it, when a prompt is first given with that, whoever is said to have written it.

    Of the request for a title it is on the beginning of the prompt.
    """
    ruling = policy.judge(_texts(command, context))
    verdict = ModerationVerdict(
        envelope=_envelope(command.envelope, command.generation_id, "ModerationVerdict/prompt"),
        conversation_id=command.conversation_id,
        user_id=command.user_id,
        message_id=command.message_id,
        generation_id=command.generation_id,
        stage="prompt",
        decision=ruling.decision,
        categories=ruling.categories,
        policy_version=policy.version,
        rule=ruling.rule,
    )
    return bounded(verdict)


def counted_tokens(command: PromptSubmitted) -> int | None:
    """The tokens of a prompt of the command's own texts, as the API counted them; None: it did not say, or cannot."""
    return command.prompt_tokens if 0 < command.prompt_tokens <= MAX_TOKENS else None


def characters(command: Command, context: Context | None) -> int:
    """How much text a reaction has to look at and count."""
    own = len(plain(command.content or "")) if isinstance(command, PromptSubmitted) else 0
    inline = command.messages if isinstance(command, PromptSubmitted) else ()
    history = () if context is None else context.messages
    asked = sum(map(len, _asked_texts(command)))
    return own + asked + sum(characters_of(message) for message in (*inline, *history))


def _asked_sampling(command: Command) -> Sampling:
    return TITLE_SAMPLING if isinstance(command, TitleRequested) else command.sampling


def _texts(command: Command, context: Context | None) -> tuple[str, ...]:
    if isinstance(command, TitleRequested):
        return (plain(command.prompt),)
    if isinstance(command, PromptSubmitted):
        own = () if command.content is None else (plain(command.content),)
        inline = [message for message in command.messages if message.role != "assistant"]
        judged = [*_unjudged(context), *inline]
        return (*own, *_asked_texts(command), *(text for message in judged for text in all_texts(message)))
    prompt = context.messages[-1:] if context is not None else ()
    judged = [*_unjudged(context), *prompt]
    return (*_asked_texts(command), *(text for message in judged for text in all_texts(message)))


def _unjudged(context: Context | None) -> Sequence[ChatMessage]:
    return () if context is None else context.unjudged


def _asked_texts(command: Command) -> tuple[str, ...]:
    """What a request has the model read beside its messages: instructions, what it puts into the chat template, and the
    tools that it offers."""
    request = request_of(command)
    tools = tools_message(None if request is None else request.tooling)
    arguments = _asked_sampling(command).template_kwargs
    told = (arguments,) if arguments else ()
    return (*_instructions(command), *told, *(plain(message.content) for message in tools))


def _instructions(command: Command) -> tuple[str, ...]:
    """What a request puts before the messages of this answer alone."""
    request = request_of(command)
    said = None if request is None else request.instructions
    return () if said is None else (plain(said),)


def _assembled(
    command: Command,
    messages: list[ChatMessage],
    context: Context,
    model: Model,
    sampling: Sampling,
    counter: Counter,
) -> Assembled | None:
    """What the model is given of the conversation `messages`; None if it leaves no room for an answer."""
    if isinstance(command, TitleRequested):
        # Neither the conversation's system prompt nor the model's: a title needs none.
        tokens = counter.count_messages(messages)
        return Assembled(tuple(messages), tokens) if tokens + MIN_ANSWER_TOKENS <= model.context_tokens else None
    system = [message for message in messages if message.role in ("system", "developer")]
    own = context.system_prompt or model.system_prompt
    default = [ChatMessage("system", own)] if own and not system else []
    default = [ChatMessage("system", said) for said in _instructions(command)] or default
    request = request_of(command)
    tools = tools_message(None if request is None else request.tooling)
    if isinstance(command, PromptSubmitted) and command.kind == "stateless":
        # Nothing is trimmed or moved: the API has refused what does not fit.
        whole = (*default, *messages)
        counted = counted_tokens(command)
        if counted is None:
            tokens = counter.count_messages((*tools, *whole))
        else:
            # The tools are in it.
            tokens = counted + sum(map(counter.count_message, default))
        return Assembled(whole, tokens) if tokens < model.context_tokens else None
    rest = [message for message in messages if message.role not in ("system", "developer")]
    wanted = sampling.max_tokens or 0
    reserve = min(wanted, model.context_tokens // 4) if command.sampling.max_tokens is None else wanted
    asked = max(sum(message.role not in ("system", "developer") for message in _prompt(command)), 1)
    while asked < len(rest) and rest[-asked].role == "tool":
        asked += 1  # no result without its call
    offered = sum(map(counter.count_message, tools))
    found = assemble(
        [*default, *system],
        rest[:-asked],
        rest[-asked:],
        counter,
        limit=model.context_tokens - offered,
        reserve=max(reserve, MIN_ANSWER_TOKENS),
        unanswered=context.unanswered and bool(_prompt(command)),
    )
    return None if found is None else replace(found, prompt_tokens=found.prompt_tokens + offered)


def _job(
    command: Command,
    turn: Turn,
    verdict: ModerationVerdict,
    assembled: Assembled,
    model: Model,
    sampling: Sampling,
    maybe_repeat: bool,
) -> GenerationRequested:
    left, request = model.context_tokens - assembled.prompt_tokens, request_of(command)
    return GenerationRequested(
        envelope=_envelope(command.envelope, command.generation_id, "GenerationRequested"),
        turn=turn,
        messages=assembled.messages,
        prompt_tokens=assembled.prompt_tokens,
        sampling=replace(sampling, max_tokens=min(sampling.max_tokens or left, left)),
        service_class=command.service_class,
        tier=command.tier,
        maybe_repeat=maybe_repeat,
        first_token_timeout_ms=int(model.deadlines.first_token_s * 1000),
        inter_token_timeout_ms=int(model.deadlines.inter_token_s * 1000),
        deadline_at_us=command.deadline_at_us,
        verdict_id=verdict.envelope.event_id,
        tooling=None if request is None else request.tooling,
    )


def _conversation(command: Command, context: Context) -> list[ChatMessage]:
    """History and prompt, in order."""
    if isinstance(command, TitleRequested):
        return list(title_messages(command))
    if not isinstance(command, PromptSubmitted):
        return list(context.messages)
    if command.kind == "stateless":
        return list(command.messages)
    return [*context.messages, *_prompt(command)]


def _prompt(command: Command) -> Sequence[ChatMessage]:
    """The messages that a command adds to its conversation; none for another answer to a prompt that is there.

    System messages among them are put before the history, with those of the conversation.
    """
    if not isinstance(command, PromptSubmitted):
        return ()
    if command.kind == "compaction":
        return compaction_messages(command.messages)
    if command.content is not None or not command.messages:
        return (ChatMessage("user", command.content or ""),)
    return command.messages


def ended(cause: Envelope, turn: Turn, failure: Failure) -> End:
    """The end of a turn whose job (of the envelope `cause`) may not leave."""
    envelope = _envelope(cause, turn.generation_id, "GenerationEnded/failed")
    return Out(TOKEN_CHUNKS, turn.conversation_id, GenerationEnded(envelope, turn, "failed", None, failure))


def _end(command: Command, turn: Turn, reason: EndReason, failure: Failure) -> End:
    envelope = _envelope(command.envelope, turn.generation_id, f"GenerationEnded/{reason}")
    return Out(TOKEN_CHUNKS, turn.conversation_id, GenerationEnded(envelope, turn, reason, None, failure))


def _envelope(cause: Envelope, generation_id: str, event_type: str) -> Envelope:
    envelope = Envelope(
        event_id=ids.event_id(f"{cause.event_id}/{generation_id}", event_type),
        occurred_at_us=cause.occurred_at_us,
        causation_id=cause.event_id,
        correlation_id=cause.correlation_id,
        actor=_ACTOR,
    )
    return bounded(envelope)
