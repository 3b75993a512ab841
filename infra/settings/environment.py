"""The variables of the environment that begin with our name."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path

from infra.cache import CACHE_VARIABLE
from infra.planted import CLOCK_SKEW_VARIABLE, CRASHPOINT_VARIABLE, NEWEST_SCHEMA_VARIABLE
from infra.settings.errors import SettingsError

CONFIG_FILE_VARIABLE = "VERBATIM_CONFIG"
INSTANCE_VARIABLE = "VERBATIM_INSTANCE"
"""How a supervisor calls this process: the same over restarts, so that its consumer group knows it again."""
CARRIES_VARIABLE = "VERBATIM_CARRIES"
"""The names of the agents that this process carries, separated by commas, where it carries several."""
PREFIX = "VERBATIM_"
_HOST_NAMES = ("VERBATIM_SERVERS__JAVA", "VERBATIM_SERVERS__REDIS")
# Names of the environment that are no settings: where to look, and what a supervisor tells its children.
OTHER_NAMES = frozenset(
    {
        CONFIG_FILE_VARIABLE,
        CRASHPOINT_VARIABLE,
        CLOCK_SKEW_VARIABLE,
        NEWEST_SCHEMA_VARIABLE,
        CACHE_VARIABLE,
        INSTANCE_VARIABLE,
        CARRIES_VARIABLE,
        "VERBATIM_LIFESIGN",
        "VERBATIM_STACK_ID",
    }
)


def host_variables() -> dict[str, str]:
    """What the environment says of this host rather than of an installation: stacks of tests and demos inherit it."""
    found = {name: os.environ[name] for name in _HOST_NAMES if os.environ.get(name)}
    if cache := os.environ.get(CACHE_VARIABLE):
        found[CACHE_VARIABLE] = str(Path(cache).absolute())
    return found


def refuse_unknown_names(environment: Mapping[str, str], settings: frozenset[str]) -> None:
    """pydantic ignores variables it does not know; a typing error must not silently mean "the default"."""
    known = settings | OTHER_NAMES
    for name in environment:
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            close = difflib.get_close_matches(name.upper(), known, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise SettingsError(f"{name} in the environment is not a setting{hint}")
