"""Metrics of the API process. No label holds a user, a key or a conversation."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("verbatim_api_requests_total", "Answers given.", ("route", "method", "status"))
FIRST_FRAME_SECONDS = Histogram(
    "verbatim_api_first_token_seconds",
    "From a prompt's arrival to the write of its first text.",
    buckets=(0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
ACTIVE_STREAMS = Gauge("verbatim_api_active_streams", "Clients that are reading a stream.")
DROPPED_READERS = Counter(
    "verbatim_api_dropped_readers_total", "Streams that the server cut before their end.", ("reason",)
)
PRODUCE_FAILURES = Counter("verbatim_api_produce_failures_total", "Commands that the log did not acknowledge in time.")
LOOKS_LIMITED = Counter(
    "verbatim_api_log_looks_limited_total",
    "Looks at the log as it grows that met a bound: no room for one more, or too slow for what came.",
    ("bound",),
)
LIMITED = Counter(
    "verbatim_api_rate_limited_total", "Requests refused by a limit of requests, messages, tokens or streams.", ["kind"]
)
LIMIT_FILLS = Counter(
    "verbatim_api_rate_limit_fills_total",
    "Buckets of an hour that were filled from the log, or could not be because the projections could not be asked.",
    ["result"],
)
UNKNOWN_KEYS_LIMITED = Counter(
    "verbatim_api_unknown_keys_limited_total", "Requests refused because too many unknown keys came from their address."
)
LIMITER_OPEN = Counter(
    "verbatim_api_rate_limit_unavailable_total",
    "Requests whose limits a process decided alone because Redis was not reachable.",
)
READS_BEHIND = Counter(
    "verbatim_api_reads_behind_total", "Reads answered before the projections reached the requested position."
)
