"""Which programs run the local servers here, where they come from, and what is known against them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from infra.cache import cache_dir
from infra.settings.servers import ServersSettings
from infra.stack.errors import CannotStart
from infra.stack.java import chosen_java
from infra.stack.known_faults import KNOWN_UNTIL, TRITON_FAULTS, java_faults, redis_faults
from infra.stack.redis import chosen_redis
from infra.stack.triton import STAND_IN, TRITON_VERSION
from infra.stack.triton_environment import triton_environment
from infra.stack.triton_python import NoTritonPython, find_triton_python


@dataclass(frozen=True, slots=True)
class Program:
    """One program. `note`: what is known against it. `problem`: why there is none, and what to do."""

    name: str
    found: str
    note: str = ""
    problem: str = ""


def local_programs(
    servers: ServersSettings, external: frozenset[str], environment: Mapping[str, str]
) -> tuple[Program, ...]:
    """The programs of the servers that are started here. Asks binaries for their versions; touches nothing."""
    found: list[Program] = []
    if not {"kafka", "cassandra"} <= external:
        found.append(_or_problem("java", lambda: _java(servers.java, environment)))
    if "redis" not in external:
        found.append(_or_problem("redis", lambda: _redis(servers.redis, environment)))
    if "triton" not in external:
        found.append(_triton(environment))
    return tuple(found)


def _or_problem(name: str, look: Callable[[], Program]) -> Program:
    try:
        return look()
    except CannotStart as error:
        return Program(name, "not usable", problem=str(error))


def _java(wanted: str, environment: Mapping[str, str]) -> Program:
    java = chosen_java(wanted, environment)
    origin = _origin(java.packaged)
    return Program("java", f"{java.version_text}, {origin} ({java.binary})", _against(java_faults(java.version)))


def _redis(wanted: str, environment: Mapping[str, str]) -> Program:
    server = chosen_redis(wanted, environment)
    found = f"{server.kind} {server.version_text}, {_origin(server.packaged)} ({server.binary})"
    known = "; ".join(redis_faults(server.kind, server.version))
    if known and not server.packaged:
        known += "; a distribution may have mended it without another number"
    return Program("redis", found, _against(known))


def _triton(environment: Mapping[str, str]) -> Program:
    """What is missing keeps no stack from starting: a plain process serves the local model then."""
    try:
        python = find_triton_python(environment)
    except NoTritonPython as error:
        return Program("triton", f"not running: {error}", STAND_IN)
    made = triton_environment(python, cache_dir())
    where = made.root if made.is_made() else "to be installed at the next start"
    found = f"{TRITON_VERSION}, packaged, with Python {python.version} ({python.binary}; {where})"
    return Program("triton", found, _against(TRITON_FAULTS))


def _against(known: str) -> str:
    return f"known against it to this release ({KNOWN_UNTIL}): {known}" if known else ""


def _origin(packaged: bool) -> str:
    return "packaged" if packaged else "the host's"
