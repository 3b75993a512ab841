"""Checks whether this host can run a stack: facts are gathered in one place and judged by a pure function."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from infra.cache import cache_dir
from infra.models.catalogue import ModelCatalogue, ModelsFileError
from infra.settings import Settings
from infra.settings.errors import SettingsError
from infra.stack.addresses import external_servers
from infra.stack.errors import CannotStart
from infra.stack.gguf_models import packaged
from infra.stack.jars import is_cached
from infra.stack.layout import Layout
from infra.stack.memory import memory_available
from infra.stack.models_that_run import SCRIPTED
from infra.stack.openmp import INSTALL, LIBRARY, has_openmp
from infra.stack.ports import is_free
from infra.stack.programs import Program, local_programs
from infra.stack.timer_slack import SERVERS_NS, refused_note, settable_ns, slack_text

GIB = 1024**3
MIB = 1024**2
NEEDED_GLIBC = (2, 35)
# What each part needs once everything runs idle, with room to work.
NEEDED_MEMORY = {"kafka": 600 * MIB, "cassandra": 1100 * MIB, "redis": 80 * MIB, "triton": 200 * MIB}
OWN_MEMORY = 700 * MIB
LANGUAGE_MODEL_MEMORY = 350 * MIB
"""Of the one that comes along, in Triton. Users' own files are judged by what their heads say, as `up` starts."""
NEEDED_DISK = 2 * GIB
NEEDED_CACHE = 700 * MIB
MODULES = (
    ("aiokafka", "aiokafka"),
    ("cassandra", "cassandra-driver"),
    ("confluent_kafka", "confluent-kafka"),
    ("fastapi", "fastapi"),
    ("fastavro", "fastavro"),
    ("faust", "faust-streaming"),
    ("jgo", "jgo"),
    ("numpy", "numpy"),
    ("redis", "redis"),
    ("structlog", "structlog"),
    ("tokenizers", "tokenizers"),
    ("tritonclient", "tritonclient"),
    ("uvicorn", "uvicorn"),
    ("uvloop", "uvloop"),
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found. Bytes; `None` where it could not be told."""

    system: str
    python: tuple[int, int]
    glibc: tuple[int, int] | None
    memory_available: int | None
    disk_free: int
    disk_place: Path
    cache_free: int
    cache_place: Path
    jars_missing: bool
    modules_missing: tuple[str, ...]
    programs: tuple[Program, ...]
    api_port: int
    api_port_free: bool
    java_servers: tuple[str, ...]
    openmp: bool
    timer_slack_ns: int
    language_model: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `doctor`: `advice` is empty when nothing keeps a stack from starting. `note`: what else to know."""

    what: str
    found: str
    advice: str = ""
    note: str = ""


def gather(settings: Settings, layout: Layout) -> Facts:
    """Look at the host. Fast; touches nothing."""
    external = external_servers(settings)
    missing = tuple(package for module, package in MODULES if find_spec(module) is None)
    cache = cache_dir()
    port = settings.api.port
    java_servers = tuple(server for server in ("kafka", "cassandra") if server not in external)
    return Facts(
        system=f"{platform.system()} {platform.machine()}",
        python=sys.version_info[:2],
        glibc=_glibc(),
        memory_available=memory_available(),
        disk_free=shutil.disk_usage(_existing(layout.root)).free,
        disk_place=layout.root,
        cache_free=shutil.disk_usage(_existing(cache)).free,
        cache_place=cache,
        jars_missing=not all(is_cached(server, cache) for server in java_servers),
        modules_missing=missing,
        programs=local_programs(settings.servers, external, os.environ),
        api_port=port,
        api_port_free=port == 0 or is_free(port, settings.api.host),
        java_servers=java_servers,
        openmp=has_openmp(),
        timer_slack_ns=settable_ns(SERVERS_NS),
        language_model=_has_language_model(settings),
    )


def judge(facts: Facts, external: frozenset[str]) -> list[Finding]:
    """What `doctor` says, in its order. Pure."""
    needed_memory = OWN_MEMORY + sum(n for server, n in NEEDED_MEMORY.items() if server not in external)
    needed_memory += LANGUAGE_MODEL_MEMORY if facts.language_model and "triton" not in external else 0
    findings = [
        Finding(
            "system",
            facts.system,
            "" if facts.system.startswith("Linux ") else "Verbatim's servers run on Linux",
        ),
        Finding(
            "python",
            ".".join(map(str, facts.python)),
            "" if (3, 11) <= facts.python < (3, 15) else "install Python 3.11 to 3.14 and delete .venv",
        ),
        _glibc_finding(facts.glibc, "triton" in external),
        Finding(
            "modules",
            "all there" if not facts.modules_missing else "missing: " + ", ".join(facts.modules_missing),
            "delete .venv and run ./verbatim again" if facts.modules_missing else "",
        ),
        *(Finding(program.name, program.found, program.problem, program.note) for program in facts.programs),
        _at_least("memory", facts.memory_available, needed_memory, "stop other programs or use a larger machine"),
        _at_least(
            "disk",
            facts.disk_free,
            NEEDED_DISK,
            f"free disk space at {facts.disk_place}, or use --state DIR",
        ),
    ]
    cache = "all downloaded" if not facts.jars_missing else "to be downloaded at the next start"
    short = facts.jars_missing and facts.cache_free < NEEDED_CACHE
    advice = f"free disk space at {facts.cache_place}, or set VERBATIM_CACHE" if short else ""
    findings.append(Finding("java servers", f"{cache} ({facts.cache_place})", advice))
    if facts.java_servers:
        refused = refused_note(SERVERS_NS, facts.timer_slack_ns)
        findings.append(
            Finding("timer slack", f"{slack_text(facts.timer_slack_ns)} for the Java servers", note=refused)
        )
    findings.append(
        Finding(
            "openmp",
            f"{LIBRARY} is {'there' if facts.openmp else 'missing'}",
            note="" if facts.openmp else f"{INSTALL}: the language model needs it, until then {SCRIPTED} answers",
        )
    )
    findings.append(
        Finding(
            "port",
            f"{facts.api_port} is {'free' if facts.api_port_free else 'taken'}",
            "" if facts.api_port_free else f"port {facts.api_port} is taken by another program: use --port N",
        )
    )
    return findings


def require(findings: Sequence[Finding]) -> None:
    """Raise CannotStart for the first finding with an advice."""
    for finding in findings:
        if finding.advice:
            raise CannotStart(f"{finding.what}: {finding.found}; {finding.advice}")


def _at_least(what: str, found: int | None, needed: int, advice: str) -> Finding:
    if found is None:
        return Finding(what, "unknown")
    said = f"{found / GIB:.1f} GiB free, {needed / GIB:.1f} GiB needed"
    return Finding(what, said, advice if found < needed else "")


def _glibc_finding(glibc: tuple[int, int] | None, no_triton: bool) -> Finding:
    if glibc is None:
        return Finding("glibc", "none", "" if no_triton else "Triton needs a Linux with glibc 2.35 or newer")
    found = ".".join(map(str, glibc))
    if glibc < NEEDED_GLIBC and not no_triton:
        return Finding("glibc", found, "Triton needs glibc 2.35 or newer (Ubuntu 22.04, Debian 12 and later)")
    return Finding("glibc", found)


def _has_language_model(settings: Settings) -> bool:
    """Whether the one that comes along is offered. What is wrong with a models file is told elsewhere."""
    try:
        return bool(packaged(ModelCatalogue.of(settings).gguf_models))
    except (ModelsFileError, SettingsError):
        return False


def _glibc() -> tuple[int, int] | None:
    name, version = platform.libc_ver()
    parts = version.split(".")
    if name != "glibc" or len(parts) < 2:
        return None
    return int(parts[0]), int(parts[1])


def _existing(path: Path) -> Path:
    """The nearest folder above that exists, whose disk will be used."""
    for folder in (path, *path.parents):
        if os.path.isdir(folder):
            return folder
    return Path("/")
