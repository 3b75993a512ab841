"""The consumer groups that read a topic: trimming must not delete what one of them has not read."""

from __future__ import annotations

from topics.catalogue import (
    ACCOUNT_EVENTS,
    ADMISSIONS,
    CONVERSATION_EVENTS,
    GENERATION_OUTCOMES,
    TOKEN_CHUNKS,
    USAGE_RECORDS,
)

_JOBS = "generation-jobs."
# The conversation agent reads outcomes too, where titles are made. It wants those of the last minute only, and reads
# none while they are off: nothing waits for it.
_GROUPS = {
    ADMISSIONS: ("verbatim-conversation",),
    CONVERSATION_EVENTS: ("verbatim-conversation", "verbatim-projections", "verbatim-watchdog"),
    GENERATION_OUTCOMES: ("verbatim-metering", "verbatim-projections", "verbatim-watchdog"),
    USAGE_RECORDS: ("verbatim-projections",),
    ACCOUNT_EVENTS: ("verbatim-projections",),
    TOKEN_CHUNKS: ("verbatim-recorder",),
}


def groups_of(topic: str) -> tuple[str, ...]:
    """The groups that must have read a topic; () for one that is only looked into."""
    if topic.startswith(_JOBS):
        pool = topic.removeprefix(_JOBS).rpartition(".")[0]
        return (f"verbatim-workers-{pool}",)
    return _GROUPS.get(topic, ())
