"""Several agents in one process: those that VERBATIM_CARRIES names, as conversation-0,metering-0,projector-0."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from functools import partial

from infra.processes.conversation import conversation_app
from infra.processes.metering import metering_app
from infra.processes.runner import run
from infra.settings import Settings
from infra.settings.environment import CARRIES_VARIABLE
from infra.settings.errors import SettingsError
from projections.agent import make_projections_app
from streams.faust.app import StreamApp
from streams.faust.running import Member, run_apps

MAKERS: Mapping[str, Callable[[Settings], StreamApp]] = {
    "conversation": conversation_app,
    "metering": metering_app,
    "projector": make_projections_app,
}


def members(settings: Settings, carried: str) -> tuple[Member, ...]:
    """The agents named ROLE-ORDINAL, one of a role. Raises SettingsError for names that are none."""
    found = []
    for name in filter(None, carried.split(",")):
        role = name.rpartition("-")[0]
        if role not in MAKERS:
            raise SettingsError(f"{CARRIES_VARIABLE}: {name} is not an agent that can share a process")
        found.append(Member(role, name, partial(MAKERS[role], settings)))
    if not found:
        raise SettingsError(f"{CARRIES_VARIABLE} names no agents: conversation-0,metering-0 for example")
    return tuple(found)


def main() -> int:
    return run("agents", lambda settings: run_apps(members(settings, os.environ.get(CARRIES_VARIABLE, ""))))


if __name__ == "__main__":
    sys.exit(main())
