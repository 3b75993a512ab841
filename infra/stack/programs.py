"""Which programs run the local servers here, where they come from, and what is known against them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from infra.settings import ServersSettings
from infra.stack.errors import CannotStart
from infra.stack.java import chosen_java
from infra.stack.known_faults import java_faults, redis_faults
from infra.stack.redis import chosen_redis
from infra.stack.triton import libpython_folder, require_numpy_1, stub_binary


@dataclass(frozen=True, slots=True)
class Program:
    """One program. `known`: what is known against it. `problem`: why there is none, and what to do."""

    name: str
    found: str
    known: str = ""
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
        found.append(_or_problem("triton", _triton))
    return tuple(found)


def _or_problem(name: str, look: Callable[[], Program]) -> Program:
    try:
        return look()
    except CannotStart as error:
        return Program(name, "not usable", problem=str(error))


def _java(wanted: str, environment: Mapping[str, str]) -> Program:
    java = chosen_java(wanted, environment)
    origin = _origin(java.packaged)
    return Program("java", f"{java.version_text}, {origin} ({java.binary})", java_faults(java.version))


def _redis(wanted: str, environment: Mapping[str, str]) -> Program:
    server = chosen_redis(wanted, environment)
    found = f"{server.kind} {server.version_text}, {_origin(server.packaged)} ({server.binary})"
    known = redis_faults(server.kind, server.version)
    if known and not server.packaged:
        known += "; a distribution may have mended it without another number"
    return Program("redis", found, known)


def _triton() -> Program:
    require_numpy_1()
    libpython_folder()
    return Program("triton", f"packaged ({stub_binary()})")


def _origin(packaged: bool) -> str:
    return "packaged" if packaged else "the host's"
