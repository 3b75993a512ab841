"""The consumer groups that read a topic: trimming must not delete what one of them has not read."""

from __future__ import annotations

from topics.catalogue import (
    ACCOUNT_EVENTS,
    ADMISSIONS,
    CONVERSATION_EVENTS,
    GENERATION_OUTCOMES,
    JOBS_PREFIX,
    TOKEN_CHUNKS,
    USAGE_RECORDS,
    pool_and_class,
)

# The conversation agent reads outcomes too, for titles and lanes. It wants those of the last minute only: nothing waits
# for it.
_GROUPS = {
    ADMISSIONS: ("verbatim-conversation", "verbatim-metering"),
    CONVERSATION_EVENTS: ("verbatim-conversation", "verbatim-projections", "verbatim-watchdog"),
    GENERATION_OUTCOMES: ("verbatim-metering", "verbatim-projections", "verbatim-watchdog"),
    USAGE_RECORDS: ("verbatim-projections",),
    ACCOUNT_EVENTS: ("verbatim-projections",),
    TOKEN_CHUNKS: ("verbatim-recorder",),
}


def groups_of(topic: str) -> tuple[str, ...]:
    """The groups that must have read a topic; () for one that is only looked into."""
    if topic.startswith(JOBS_PREFIX):
        return (f"verbatim-workers-{pool_and_class(topic)[0]}",)
    return _GROUPS.get(topic, ())
