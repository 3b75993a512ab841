"""Which agents share one process. Pure but for the count of cores.

An agent that is idle still wakes up for its broker, its store, its sign of life and its metrics: on a small host, where
all of them fit one core anyway, several in one process wake up less. They keep their consumer groups and their names in
them, so an installation may change between the two at any start.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

PROCESS = "agents"
"""The role of the process that carries them."""
JOINABLE = ("conversation", "metering", "projector")
"""The watchdog stays alone: it sees to what the others leave undone. So does the recorder, which feeds all of them."""
MOST_CORES = 4


def wants_joining(setting: bool | None, cores: int | None = None) -> bool:
    """Whether agents are to share a process: as the setting says, else on a host with MOST_CORES or fewer."""
    if setting is not None:
        return setting
    return (cores if cores is not None else len(os.sched_getaffinity(0))) <= MOST_CORES


def joined(scale: Mapping[str, int], wanted: bool) -> tuple[str, ...]:
    """The roles that share a process. One whose count is given has processes of its own, and nobody shares alone."""
    shared = tuple(role for role in JOINABLE if role not in scale) if wanted else ()
    return shared if len(shared) > 1 else ()
