"""Limits of records. Data from outside is checked against them before it becomes a record."""

from __future__ import annotations

MAX_RECORD_BYTES = 8 * 1024 * 1024
"""The largest record that the topics of jobs, events and outcomes take, in bytes."""

MAX_ANSWER_CHARS = 1_000_000
"""The longest answer, in code points: 4 MB of UTF-8 at most, so that an outcome holds it with its chunk marks."""

MAX_ANSWER_CHUNKS = 100_000
"""The most chunks of one answer. A mark takes 17 bytes at most (two small integers and a time): 1.7 MB."""

MAX_TOKENS = 2**31 - 1
"""The largest token count that is believed. No context is as long; a larger number is a broken counter."""
