"""Tiers from files: what they say, and that every mistake is told with its file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.settings import Settings
from infra.settings.processes import ApiSettings
from infra.tiers.tier import Limits, Tier, Tiers
from infra.tiers.tiers_file import SHIPPED_FILE, TiersFileError, load_tiers, read_tiers_file


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "tiers.toml"
    file.write_text(text)
    return file


def test_the_shipped_tiers() -> None:
    tiers = load_tiers(Settings())
    assert tiers.names == ("default", "unlimited", "free", "plus")
    assert [tiers.of(name).user.messages_per_hour for name in tiers.names] == [None, None, 10, 100]
    assert tiers.of("unlimited") == Tier(name="unlimited", weight_milli=4000)
    assert "plus" in tiers and "gold" not in tiers
    assert list(read_tiers_file(SHIPPED_FILE)) == ["default", "free", "plus", "unlimited"]


def test_the_default_tier_is_what_installations_had() -> None:
    """Each key has so many requests a minute, and nothing else is limited."""
    tiers = load_tiers(Settings(api=ApiSettings(requests_per_minute=77)))
    assert tiers.of("default") == Tier(name="default", key=Limits(requests_per_minute=77))
    assert tiers.of("a tier that is gone") is tiers.of("default")


def test_a_file_replaces_the_shipped_one_and_need_not_say_everything(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        """
[[tier]]
id = "team"
models = ["llama-*", "verbatim-scripted"]
queue_weight = 2.5
tokens_per_minute = 1000
[tier.key]
requests_per_minute = 5
[tier.organisation]
concurrent_streams = 3
""",
    )
    tiers = load_tiers(Settings(tiers=file))
    assert tiers.names == ("default", "unlimited", "team")
    team = tiers.of("team")
    assert team == Tier(
        name="team",
        user=Limits(tokens_per_minute=1000),
        key=Limits(requests_per_minute=5),
        organisation=Limits(concurrent_streams=3),
        models=("llama-*", "verbatim-scripted"),
        weight_milli=2500,
    )
    assert team.allows("llama-3.1-8b") and not team.allows("gpt-x") and not team.allows("Llama-3")
    assert tiers.of("default").key == Limits(requests_per_minute=6000)


def test_a_default_tier_that_says_how_many_requests_is_taken_at_its_word(tmp_path: Path) -> None:
    file = written(tmp_path, '[[tier]]\nid = "default"\nrequests_per_minute = 9\n')
    default = load_tiers(Settings(tiers=file)).of("default")
    assert (default.user, default.key) == (Limits(requests_per_minute=9), Limits())


def test_without_a_file_there_are_the_two_that_limit_nothing() -> None:
    assert Tiers().names == ("default", "unlimited")
    assert Tiers().of("x") == Tier(name="default")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "messages_per_hour = -1",
            "3: tier 'x': messages_per_hour = -1 is wrong, expected: greater than or",
        ),
        ("messages_per_hour = 0", "messages_per_hour = 0 is wrong, expected: greater than or equal to 1"),
        ("tokens_per_minute = 1e12", "expected: a valid integer"),
        ("tokens_per_minute = 1000000000000", "expected: less than or equal to 1000000000"),
        ("concurrent_streams = true", "concurrent_streams = True is wrong, expected: a valid integer"),
        ("mesages_per_hour = 1", "3: tier 'x': unknown key 'mesages_per_hour', did you mean 'messages_per_hour'?"),
        ("queue_weight = 0", "queue_weight: 0 is not a weight, expected a number from 0.001 to 1000"),
        ("queue_weight = 0.0001", "with at most 3 decimals"),
        ("queue_weight = inf", "is not a weight"),
        ("queue_weight = 1001", "expected a number from 0.001 to 1000"),
        ('queue_weight = "2"', "'2' is not a weight"),
        ("models = []", "at least 1 item"),
        ('models = [""]', "at least 1 character"),
        ("longest_wait_s = 86401", "less than or equal to 86400"),
        ("[tier.key]\nrequests_per_minute = 0", "4: tier 'x': requests_per_minute = 0 is wrong"),
        ("[tier.user]\nrequests_per_minute = 1", "unknown key 'user', expected one of"),
        ('[[tier]]\nid = "x"', "4: the tier 'x' is already declared, ids must be unique"),
        ("[[tier]]\nmax_queued = 1", "3: the key 'id' is missing, every tier needs it"),
        ('[[tier]]\nid = "A tier"', "id = 'A tier' is wrong"),
        ('[[teir]]\nid = "y"', "3: unknown key 'teir', did you mean 'tier'?"),
        ("max_queued = ", "valid TOML is expected"),
    ],
)
def test_mistakes_are_told_with_their_place(tmp_path: Path, line: str, told: str) -> None:
    file = written(tmp_path, f'[[tier]]\nid = "x"\n{line}\n')
    with pytest.raises(TiersFileError) as error:
        read_tiers_file(file)
    assert str(error.value).startswith(f"{file}:")
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for file in (tmp_path / "none.toml", written(tmp_path, "")):
        with pytest.raises(TiersFileError, match=r"toml:1: "):
            read_tiers_file(file)
