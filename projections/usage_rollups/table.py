"""Sums of what was used, by hour, day and month; and of each bill how far it is counted in them. No content.

A row of sums counts the records of one partition of usage-records, its `source`: readers add the rows of several. It
holds up to which record of that partition it counts (`counted`, an order key): at or below it nothing changes it.

A place of `usage_sums` is a scope, a kind of bucket and a span of time: all its buckets lie within the span.

    scope               rows tell apart                          buckets
    user:<id>           account, key, model, tier, currency      hour, day, month
    organisation:<id>   account, user, key, model, tier, curr.   hour, day, month
    everyone            the same                                 day, month
    total               model, tier, currency                    hour, day, month
"""

from __future__ import annotations

from projections.rows import Table

USAGE_SUMS = Table(
    name="usage_sums",
    partition_key={"scope": "text", "period": "text", "span": "int"},
    clustering={
        # When the bucket begins.
        "at_us": "bigint",
        "account": "text",
        "user_id": "text",
        "key_id": "text",
        "model": "text",
        "tier": "text",
        "currency": "text",
        "source": "int",
    },
    cells={
        # Bills: generations, and requests for embeddings.
        "requests": "bigint",
        "embeddings": "bigint",
        "estimated": "bigint",
        "prompt_tokens": "bigint",
        "completion_tokens": "bigint",
        "cached_tokens": "bigint",
        "reasoning_tokens": "bigint",
        "unbilled_tokens": "bigint",
        # What was billed, and what it comes to at the newest price.
        "billed_micros": "bigint",
        "rated_micros": "bigint",
        "counted": "bigint",
    },
)

USAGE_BILLS = Table(
    name="usage_bills",
    partition_key={"bill_id": "text"},
    cells={
        # Of one that was re-rated before its own record came only these two are known.
        "rated_micros": "bigint",
        "counted": "bigint",
        "at_us": "bigint",
        "account": "text",
        "organisation_id": "text",
        "user_id": "text",
        "key_id": "text",
        "model": "text",
        "tier": "text",
        "currency": "text",
        "billed_micros": "bigint",
    },
)
