from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra.settings import load
from infra.settings.errors import SettingsError
from infra.stack.addresses import settings_env


@pytest.fixture(autouse=True)
def empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            "VERBATIM_KAFKA__BOOTSRAP",
            "x",
            "VERBATIM_KAFKA__BOOTSRAP .* did you mean VERBATIM_KAFKA__BOOTSTRAP?",
        ),
        ("VERBATIM_NONSENSE", "x", "VERBATIM_NONSENSE in the environment is not a setting"),
        ("verbatim_kafak__bootstrap", "x", "did you mean VERBATIM_KAFKA__BOOTSTRAP"),
        ("VERBATIM_API__PORT", "70000", "api.port: .*65535"),
        ("VERBATIM_API__PORT", "eighty", "api.port: .*integer"),
        ("VERBATIM_API__SESSION_SECRET", "short", "api.session_secret: .*at least 32 characters"),
        ("VERBATIM_API__SESSION_DAYS", "0", "api.session_days: .*greater than 0"),
        (
            "VERBATIM_API__TRUSTED_PROXIES",
            '["localhost"]',
            r"api.trusted_proxies: .*addresses \(10.0.0.5\) or networks",
        ),
        (
            "VERBATIM_API__CORS_ORIGINS",
            '["https://a.example/app"]',
            "api.cors_origins: .*/app'.*no path",
        ),
        ("VERBATIM_API__CORS_ORIGINS", '["https://a.example/"]', "api.cors_origins: .*no slash at its end"),
        (
            "VERBATIM_API__CORS_ORIGINS",
            '["https://*.example"]',
            "api.cors_origins: .*wildcards inside an origin are not supported",
        ),
        ("VERBATIM_API__CORS_ORIGINS", '["*", "https://a.example"]', r"api.cors_origins: .*\* means every origin"),
        ("VERBATIM_API__CORS_ORIGINS", '["null"]', "api.cors_origins: .*null is not accepted"),
        ("VERBATIM_API__CORS_ORIGINS", '["a.example"]', "api.cors_origins: .*scheme://host"),
        (
            "VERBATIM_API__CORS_ORIGINS",
            '["https://a.example:443"]',
            "api.cors_origins: .*leave out the default port of https",
        ),
        ("VERBATIM_API__CORS_ORIGINS", '["https://A.example"]', "api.cors_origins: .*small ASCII letters"),
        ("VERBATIM_API__CORS_ORIGINS", '["https://u:p@a.example"]', "api.cors_origins: .*no user and no password"),
        ("VERBATIM_API__CORS_ORIGINS", '["https://a.example:99999"]', "api.cors_origins: .*scheme://host"),
        ("VERBATIM_API__STARTS", '["a", "b", "c", "d", "e", "f", "g"]', "api.starts: .*at most 6"),
        ("VERBATIM_API__STARTS", '[" "]', "api.starts.*at least 1 character"),
        ("VERBATIM_LOG_LEVEL", "loud", "log_level: .*'debug'"),
        ("VERBATIM_CASSANDRA__KEYSPACE", "Ü", "cassandra.keyspace"),
        ("VERBATIM_ARCHIVE__URL", "archive", "archive.url: .*file:///FOLDER .* or s3://BUCKET/PREFIX is expected"),
        ("VERBATIM_ARCHIVE__URL", "s3://key:secret@bucket/x", "archive.url: .*s3://BUCKET/PREFIX is expected"),
        ("VERBATIM_CONFIG", "/nowhere.toml", "VERBATIM_CONFIG names /nowhere.toml, which is not a file"),
    ],
)
def test_a_mistake_in_the_environment_is_one_clear_line(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=said) as caught:
        load()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [("[kafka]\nbootsrap = 'x'\n", "kafka.bootsrap"), ("a = ", "not TOML"), ("colour = 'red'", "colour")],
)
def test_a_mistake_in_the_file_is_one_clear_line(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "verbatim.toml").write_text(text)
    with pytest.raises(SettingsError, match=said):
        load()


def test_origins_are_taken_as_browsers_write_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load().api.cors_origins == ()
    good = ("https://a.example", "http://localhost:5173", "http://[::1]:3000", "app://obsidian.md", "tauri://localhost")
    for origins in (good, ("*",)):
        monkeypatch.setenv("VERBATIM_API__CORS_ORIGINS", json.dumps(origins))
        assert load().api.cors_origins == origins


def test_the_environment_goes_before_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "verbatim.toml").write_text("[api]\nport = 1\n[kafka]\nbootstrap = 'file:1'\n")
    monkeypatch.setenv("VERBATIM_API__PORT", "2")
    settings = load()
    assert (settings.api.port, settings.kafka.bootstrap) == (2, "file:1")


def test_names_that_are_no_settings_but_ours_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VERBATIM_CACHE", "VERBATIM_INSTANCE", "VERBATIM_LIFESIGN", "VERBATIM_STACK_ID"):
        monkeypatch.setenv(name, "x")
    assert load().api.port == 8080


def test_a_prefix_names_everything_that_is_shared() -> None:
    settings = load(installation={"prefix": "blue"})
    assert settings.kafka.client_properties()["verbatim.prefix"] == "blue"
    assert "verbatim.prefix" not in settings.kafka.broker_properties()
    assert settings.cassandra.keyspace == "blue_verbatim"
    assert settings.redis.key("verbatim:rate:") == "blue:verbatim:rate:"


SERVERS = """
[kafka]
bootstrap = "kafka:9092"
[cassandra]
contact_points = ["cassandra"]
[redis]
url = "redis://redis:6379/0"
"""


@pytest.mark.parametrize("said", ["in the file", "in the environment", "in both"])
def test_on_servers_of_others_a_prefix_names_everything_too(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if said != "in the environment":
        Path("verbatim.toml").write_text(SERVERS)
    if said != "in the file":
        monkeypatch.setenv("VERBATIM_KAFKA__BOOTSTRAP", "kafka:9092")
        monkeypatch.setenv("VERBATIM_CASSANDRA__PORT", "9043")
        monkeypatch.setenv("VERBATIM_REDIS__URL", "redis://redis:6379/0")
    monkeypatch.setenv("VERBATIM_INSTALLATION__PREFIX", "blue")
    settings = load()
    assert settings.kafka.bootstrap == "kafka:9092"
    assert (settings.kafka.prefix, settings.cassandra.keyspace, settings.redis.prefix) == (
        "blue",
        "blue_verbatim",
        "blue",
    )


def test_without_a_prefix_every_name_is_as_it_was() -> None:
    settings = load()
    assert "verbatim.prefix" not in settings.kafka.client_properties()
    assert settings.cassandra.keyspace == "verbatim"
    assert settings.redis.key("verbatim:rate:") == "verbatim:rate:"


def test_what_is_named_explicitly_keeps_its_name() -> None:
    settings = load(installation={"prefix": "blue"}, cassandra={"keyspace": "chat"}, kafka={"prefix": "logs"})
    assert (settings.cassandra.keyspace, settings.kafka.prefix, settings.redis.prefix) == ("chat", "logs", "blue")


def test_a_child_is_told_the_same_names() -> None:
    told = settings_env(load(installation={"prefix": "blue"}))
    assert told["VERBATIM_KAFKA__PREFIX"] == "blue"
    assert told["VERBATIM_CASSANDRA__KEYSPACE"] == "blue_verbatim"


@pytest.mark.parametrize("prefix", ["Blue", "blue-team", "blue_", "1st", "a" * 21, "blue\n", "ä", "a.b"])
def test_a_prefix_that_could_name_no_topic_keyspace_or_key_is_refused(prefix: str) -> None:
    with pytest.raises(SettingsError, match=r"installation\.prefix: .*a lower-case letter is expected"):
        load(installation={"prefix": prefix})
