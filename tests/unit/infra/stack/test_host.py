from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from infra.stack.errors import CannotStart
from infra.stack.host import GIB, Facts, judge, require
from infra.stack.programs import Program

WELL = Facts(
    system="Linux x86_64",
    python=(3, 11),
    glibc=(2, 36),
    memory_available=8 * GIB,
    disk_free=50 * GIB,
    disk_place=Path("/state"),
    cache_free=50 * GIB,
    cache_place=Path("/cache"),
    jars_missing=True,
    modules_missing=(),
    programs=(Program("java", "17.0.9, packaged", note="updates are missing"), Program("redis", "Redis 7.2.11")),
    api_port=8080,
    api_port_free=True,
    java_servers=("kafka", "cassandra"),
    openmp=True,
    timer_slack_ns=2_000_000,
    language_model=True,
)
NOTHING: frozenset[str] = frozenset()


def test_a_good_host_may_start() -> None:
    findings = judge(WELL, NOTHING)
    assert [finding.advice for finding in findings] == [""] * len(findings)
    require(findings)


def test_the_language_model_takes_memory_too() -> None:
    def needed(**change: Any) -> str:
        findings = {finding.what: finding for finding in judge(dataclasses.replace(WELL, **change), NOTHING)}
        return findings["memory"].found

    assert needed() == "8.0 GiB free, 3.0 GiB needed"
    assert needed(language_model=False) == "8.0 GiB free, 2.6 GiB needed"


@pytest.mark.parametrize(
    ("change", "found", "note"),
    [
        ({}, "2 ms for the Java servers", ""),
        (
            {"timer_slack_ns": 50_000},
            "50 µs for the Java servers",
            "timer slack is 50 µs, 2 ms was refused: it uses more CPU while it waits",
        ),
        (
            {"timer_slack_ns": -1},
            "unknown for the Java servers",
            "timer slack is unknown, 2 ms was refused: it uses more CPU while it waits",
        ),
    ],
)
def test_a_host_that_forbids_timer_slack_is_told_of(change: dict[str, Any], found: str, note: str) -> None:
    findings = {finding.what: finding for finding in judge(dataclasses.replace(WELL, **change), NOTHING)}
    assert (findings["timer slack"].found, findings["timer slack"].note) == (found, note)
    assert findings["timer slack"].advice == ""


def test_a_host_without_openmp_starts_and_is_told_what_to_install() -> None:
    findings = judge(dataclasses.replace(WELL, openmp=False), NOTHING)
    (finding,) = (finding for finding in findings if finding.what == "openmp")
    assert (finding.found, finding.advice) == ("libgomp.so.1 is missing", "")
    assert "install the package libgomp1" in finding.note
    require(findings)


def test_without_java_servers_of_ours_timer_slack_is_no_matter() -> None:
    findings = judge(dataclasses.replace(WELL, java_servers=()), NOTHING)
    assert "timer slack" not in {finding.what for finding in findings}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"api_port_free": False}, r"port: 8080 is taken; .*--port N"),
        ({"memory_available": GIB}, r"memory: 1.0 GiB free, 3.0 GiB needed; stop other programs"),
        ({"disk_free": GIB}, r"disk: 1.0 GiB free, 2.0 GiB needed; free disk space at /state"),
        ({"cache_free": 1}, r"java servers: .*; free disk space at /cache, or set VERBATIM_CACHE"),
        ({"modules_missing": ("faust-streaming",)}, r"modules: missing: faust-streaming; delete .venv"),
        ({"glibc": (2, 31)}, r"glibc: 2.31; Triton needs glibc 2.35"),
        ({"glibc": None}, r"glibc: none; Triton needs"),
        ({"python": (3, 10)}, r"python: 3.10; install Python 3.11 to 3.14"),
        ({"python": (3, 15)}, r"python: 3.15; install Python 3.11 to 3.14"),
        ({"system": "Darwin arm64"}, r"system: Darwin arm64; Verbatim's servers run on Linux"),
        (
            {"programs": (Program("triton", "not usable", problem="libpython3.11.so.1.0 is missing"),)},
            r"triton: not usable; libpython3.11.so.1.0 is missing",
        ),
    ],
)
def test_every_lack_is_one_clear_line(change: dict[str, Any], said: str) -> None:
    with pytest.raises(CannotStart, match=said) as caught:
        require(judge(dataclasses.replace(WELL, **change), NOTHING))
    assert "\n" not in str(caught.value)


def test_external_servers_need_no_memory_and_no_glibc_here() -> None:
    facts = dataclasses.replace(WELL, memory_available=GIB, glibc=None)
    require(judge(facts, frozenset({"kafka", "cassandra", "redis", "triton"})))


def test_what_cannot_be_told_stops_nothing() -> None:
    require(judge(dataclasses.replace(WELL, memory_available=None), NOTHING))


def test_a_full_cache_does_not_matter_once_the_jars_are_there() -> None:
    require(judge(dataclasses.replace(WELL, jars_missing=False, cache_free=1), NOTHING))
