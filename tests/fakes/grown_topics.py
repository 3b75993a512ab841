"""Topics as they are after they were grown: writers use the second epoch."""

from __future__ import annotations

from dataclasses import replace

from topics.catalogue import Catalogue
from topics.growing import can_grow


def grown(topics: Catalogue, more: int = 3) -> Catalogue:
    """The same topics after each that can was grown by `more` partitions."""
    wider = {
        spec.name: replace(spec, partitions=spec.partitions + more, seams=(*spec.seams, spec.partitions))
        for spec in topics
        if can_grow(spec.name)
    }
    return Catalogue({**topics.specs, **wider})
