"""Cuts: for each topic-partition the offset below which records count. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

TopicPartition = tuple[str, int]
Cut = Mapping[TopicPartition, int]
"""A record counts if its offset is smaller than its partition's. Of a partition that is left out none counts."""

_PART = re.compile(r"([A-Za-z0-9._-]{1,249}):([0-9]{1,9})=([0-9]{1,18})")


class BadCut(ValueError):
    """A text that names no cut, or a cut of places that the log does not have. The message says which, in one line."""


def parse_cut(text: str) -> dict[TopicPartition, int]:
    """The cut that `format_cut` wrote: `topic:partition=offset`, joined by commas. Raises BadCut."""
    cut: dict[TopicPartition, int] = {}
    for part in text.split(","):
        found = _PART.fullmatch(part.strip())
        if found is None:
            raise BadCut(f"{part.strip()[:80]!r} is not part of a cut: use topic:partition=offset, joined by commas")
        place = found[1], int(found[2])
        if place in cut:
            raise BadCut(f"{found[1]}:{found[2]} appears twice in the cut")
        cut[place] = int(found[3])
    return cut


def format_cut(cut: Cut) -> str:
    """A cut as text, sorted: the same cut is the same text."""
    return ",".join(f"{topic}:{partition}={offset}" for (topic, partition), offset in sorted(cut.items()))


def checked_cut(cut: Cut, first: Cut, end: Cut) -> Cut:
    """The cut itself, if each of its offsets lies between the first one held and the end (both included).

    Raises BadCut, which names the first place that is not.
    """
    for (topic, partition), offset in sorted(cut.items()):
        place = topic, partition
        if place not in end:
            raise BadCut(f"the log has no {topic}:{partition}")
        if offset > end[place]:
            raise BadCut(f"{topic}:{partition}={offset} lies beyond the end, which is {end[place]}")
        if offset < first[place]:
            raise BadCut(
                f"{topic}:{partition}={offset} lies below {first[place]}, the first offset that is still held: "
                "neither the topic nor an archive has what came before"
            )
    return cut
