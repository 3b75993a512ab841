"""Settings, folders, snippets and usage over HTTP: each user's own, checked, and done once a key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from api.account import folders, snippets
from infra.clock import now_us
from schemas import ids
from schemas.account import FolderChanged, SettingChange, SettingsChanged, SnippetChanged
from schemas.codec import set_write_level
from schemas.envelope import Position, Sealed
from schemas.registry import WRITE_LEVEL
from schemas.usage import UsageRecorded
from tests.fakes.projection_records import outcome, turn_of, used
from tests.unit.api.prompts import prompt
from tests.unit.api.test_idempotent_commands import KEY, REUSED, is_repeat, overtaken, refusal
from tests.unit.api.turns import CONVERSATION, USER
from tests.unit.api.world import World
from topics.catalogue import ACCOUNT_EVENTS, USAGE_RECORDS

SETTINGS, FOLDERS, SNIPPETS = "/api/v1/settings", "/api/v1/folders", "/api/v1/snippets"
__all__ = ["overtaken"]


def events(world: World, kind: type) -> list[Any]:
    return [event for event, _ in world.log.all_of(ACCOUNT_EVENTS) if isinstance(event, kind)]


async def settings(client: httpx.AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get(SETTINGS)).json()["settings"]
    return found


async def change(client: httpx.AsyncClient, **changes: Any) -> httpx.Response:
    return await client.patch(SETTINGS, json={"settings": changes})


@pytest.fixture
def level_four() -> Iterator[None]:
    set_write_level(4)
    yield
    set_write_level(WRITE_LEVEL)


async def test_settings_are_the_users_own_and_null_is_the_default(
    world: World, alice: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    assert await settings(alice) == {}
    all_of_them = {
        "theme": "dark",
        "language": "pt-BR",
        "defaultModel": "verbatim-local",
        "systemPrompt": "Be brief.",
        "sendKey": "mod-enter",
        "textSize": 110,
        "notifications": True,
        "sound": False,
        "starts": ["Name three colours."],
    }
    answer = await change(alice, **all_of_them)
    assert (answer.status_code, answer.json()) == (200, {"settings": all_of_them})
    assert answer.headers["x-verbatim-position"].startswith("account-events/")
    assert await settings(alice) == all_of_them
    assert await settings(bob) == {}
    answer = await change(alice, theme=None, textSize=80)
    left = {name: value for name, value in all_of_them.items() if name != "theme"} | {"textSize": 80}
    assert answer.json()["settings"] == await settings(alice) == left
    (first, second) = events(world, SettingsChanged)
    assert len(first.changes) == 9
    assert second.changes == (SettingChange("textSize", "80"), SettingChange("theme", None))


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("theme", "blue", "'system', 'light' or 'dark'"),
        ("language", "not a language", "a language tag"),
        ("defaultModel", "no-such-model", "there is not a model"),
        ("systemPrompt", "x" * 8001, "longer than 8000 characters"),
        ("sendKey", "tab", "'enter' or 'mod-enter'"),
        ("textSize", 79, "from 80 to 150"),
        ("textSize", 151, "from 80 to 150"),
        ("textSize", "large", "a whole number"),
        ("notifications", "yes", "true or false"),
        ("starts", ["x"] * 7, "more than 6 entries"),
    ],
)
async def test_a_setting_out_of_its_range_is_refused_by_name(
    world: World, alice: httpx.AsyncClient, name: str, value: Any, why: str
) -> None:
    answer = await change(alice, **{name: value})
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, f"settings.{name}")
    assert why in error["message"]
    assert events(world, SettingsChanged) == []


async def test_unknown_settings_and_none_at_all_are_refused(alice: httpx.AsyncClient) -> None:
    assert (await change(alice, colour="red")).json()["error"]["param"] == "settings.colour"
    assert (await change(alice)).json()["error"]["param"] == "settings"


async def test_what_cannot_be_read_is_at_its_default(world: World, alice: httpx.AsyncClient) -> None:
    sealed = Sealed("k", b"n", b"c")
    kept = (("theme", sealed), ("textSize", "1000"), ("sound", "{"), ("later", "1"), ("language", '"de"'))
    envelope = world.log.all_of(ACCOUNT_EVENTS)[0][0].envelope
    for name, value in kept:
        record = SettingsChanged(envelope=envelope, user_id=ids.user_id("alice"), changes=(SettingChange(name, value),))
        world.log.append(ACCOUNT_EVENTS, record.user_id, record)
    assert await settings(alice) == {"language": "de"}


async def test_a_change_of_settings_is_done_once(world: World, alice: httpx.AsyncClient) -> None:
    body = {"settings": {"theme": "dark"}}
    first = await alice.patch(SETTINGS, json=body, headers=KEY)
    await change(alice, theme="light")
    again = await alice.patch(SETTINGS, json=body, headers=KEY)
    assert (is_repeat(first), is_repeat(again), again.json()["settings"]) == (False, True, {"theme": "light"})
    assert refusal(await alice.patch(SETTINGS, json={"settings": {"sound": True}}, headers=KEY)) == REUSED
    assert len(events(world, SettingsChanged)) == 2


async def test_of_two_at_once_the_first_in_the_log_counts(
    alice: httpx.AsyncClient, overtaken: Callable[[Callable[[Any], Any]], None]
) -> None:
    theirs = (SettingChange("theme", '"light"'),)
    overtaken(lambda record: replace(record, changes=theirs, request_hash="theirs"))
    assert refusal(await alice.patch(SETTINGS, json={"settings": {"theme": "dark"}}, headers=KEY)) == REUSED
    assert await settings(alice) == {"theme": "light"}


async def test_folders_are_made_renamed_and_deleted(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    made = await alice.post(FOLDERS, json={"name": "Work"}, headers=KEY)
    again = await alice.post(FOLDERS, json={"name": "Work"}, headers=KEY)
    assert (made.status_code, again.status_code, is_repeat(again)) == (201, 201, True)
    assert made.json()["id"] == again.json()["id"]
    assert refusal(await alice.post(FOLDERS, json={"name": "Home"}, headers=KEY)) == REUSED
    path = f"{FOLDERS}/{made.json()['id']}"
    renamed = await alice.patch(path, json={"name": "At work"})
    assert (renamed.status_code, renamed.json()["name"]) == (200, "At work")
    assert [row["name"] for row in (await alice.get(FOLDERS)).json()["data"]] == ["At work"]
    assert (await bob.get(FOLDERS)).json()["data"] == []
    assert (await alice.delete(path, headers=KEY)).status_code == 204
    assert is_repeat(await alice.delete(path, headers=KEY))
    assert (await alice.get(FOLDERS)).json()["data"] == []
    for answer in (await alice.delete(path), await alice.patch(path, json={"name": "Again"})):
        assert refusal(answer) == (404, "not_found")


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "two\nlines", 7, None])
async def test_a_folder_needs_a_name(alice: httpx.AsyncClient, name: Any) -> None:
    answer = await alice.post(FOLDERS, json={"name": name})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "name")
    assert (await alice.post(FOLDERS, json={"name": "👩‍💻 Ideen für später"})).status_code == 201


async def test_there_are_so_many_folders_and_snippets_at_most(
    alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "MAX_FOLDERS", 1)
    monkeypatch.setattr(snippets, "MAX_SNIPPETS", 1)
    await alice.post(FOLDERS, json={"name": "a"})
    assert refusal(await alice.post(FOLDERS, json={"name": "b"})) == (400, "too_many_folders")
    await alice.post(SNIPPETS, json={"name": "a", "text": "x"})
    assert refusal(await alice.post(SNIPPETS, json={"name": "b", "text": "x"})) == (400, "too_many_snippets")


async def snippet(client: httpx.AsyncClient, name: str, text: str) -> httpx.Response:
    return await client.post(SNIPPETS, json={"name": name, "text": text})


async def test_snippets_are_made_changed_and_deleted(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    made = await alice.post(SNIPPETS, json={"name": "brief", "text": "Be brief: {{what}}"}, headers=KEY)
    again = await alice.post(SNIPPETS, json={"name": "brief", "text": "Be brief: {{what}}"}, headers=KEY)
    assert (made.status_code, is_repeat(again), made.json()) == (201, True, again.json())
    path = f"{SNIPPETS}/{made.json()['id']}"
    assert (await alice.patch(path, json={"text": "Be very brief."})).json()["name"] == "brief"
    assert (await alice.patch(path, json={"name": "kurz"})).json()["text"] == "Be very brief."
    listed = (await alice.get(SNIPPETS)).json()["data"]
    assert [(row["name"], row["text"]) for row in listed] == [("kurz", "Be very brief.")]
    assert (await bob.get(SNIPPETS)).json()["data"] == []
    assert (await alice.delete(path, headers=KEY)).status_code == 204
    assert is_repeat(await alice.delete(path, headers=KEY))
    assert refusal(await alice.patch(path, json={"text": "x"})) == (404, "not_found")
    # The name is free again.
    assert (await snippet(alice, "kurz", "x")).status_code == 201


@pytest.mark.parametrize("name", ["", "two words", "a/b", "x" * 41, "né?", "नमस्ते", "a\n"])
async def test_a_snippets_name_can_be_typed_behind_a_slash(alice: httpx.AsyncClient, name: str) -> None:
    answer = await snippet(alice, name, "x")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "name")
    assert (await snippet(alice, "grüße-2", "x")).status_code == 201


async def test_a_name_is_given_once_whatever_its_case(alice: httpx.AsyncClient) -> None:
    await snippet(alice, "brief", "x")
    assert refusal(await snippet(alice, "BRIEF", "y")) == (400, "name_taken")
    other = (await snippet(alice, "other", "y")).json()["id"]
    assert refusal(await alice.patch(f"{SNIPPETS}/{other}", json={"name": "Brief"})) == (400, "name_taken")
    assert (await alice.patch(f"{SNIPPETS}/{other}", json={"name": "Other"})).status_code == 200


async def test_a_snippet_that_names_itself_is_refused(world: World, alice: httpx.AsyncClient) -> None:
    itself = await snippet(alice, "a", "again /A, please")
    assert refusal(itself) == (400, "snippet_names_itself")
    assert itself.json()["error"]["param"] == "text"
    assert (await snippet(alice, "a", "a path /a/b and x/a are fine, and so is /nobody")).status_code == 201
    assert (await snippet(alice, "b", "/a")).status_code == 201
    last = (await snippet(alice, "c", "/b")).json()["id"]
    first = (await alice.get(SNIPPETS)).json()["data"][0]["id"]
    answer = await alice.patch(f"{SNIPPETS}/{first}", json={"text": "first\n/c."})
    assert refusal(answer) == (400, "snippet_names_itself")
    assert "through /c, /b" in answer.json()["error"]["message"]
    # A new name may close the circle as well.
    assert (await alice.patch(f"{SNIPPETS}/{first}", json={"text": "/d"})).status_code == 200
    assert refusal(await alice.patch(f"{SNIPPETS}/{last}", json={"name": "d"})) == (400, "snippet_names_itself")
    assert len(events(world, SnippetChanged)) == 4


async def test_nothing_is_decided_by_rows_that_lack_what_came_before(world: World, alice: httpx.AsyncClient) -> None:
    first = (await snippet(alice, "one", "Then /two")).json()["id"]
    folder = (await alice.post(FOLDERS, json={"name": "F"})).json()["id"]
    written = events(world, SnippetChanged) + events(world, FolderChanged)
    world.reads.caught_up = False
    for refused in (
        await snippet(alice, "two", "Then /one"),
        await alice.patch(f"{SNIPPETS}/{first}", json={"text": "Then /one"}),
        await alice.post(FOLDERS, json={"name": "G"}),
    ):
        assert refusal(refused) == (503, "projections_behind")
        assert refused.headers["retry-after"] == "1"
    assert events(world, SnippetChanged) + events(world, FolderChanged) == written
    # What the rows do show is changed: nothing else decides about it.
    assert (await alice.patch(f"{FOLDERS}/{folder}", json={"name": "H"})).status_code == 200
    world.reads.caught_up = True
    assert refusal(await snippet(alice, "two", "Then /one")) == (400, "snippet_names_itself")


async def test_usage_is_summed_by_day_and_model(world: World, alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    now, day = now_us(), 86_400_000_000
    for key, at_us in (("a", now), ("b", now), ("c", now - day), ("d", now - 40 * day)):
        asked = replace(prompt(CONVERSATION, key), user_id=USER)
        ended = outcome(turn_of(asked, Position(0, 0, 1)), at_us=at_us)
        record: UsageRecorded = replace(used(ended, Position(0, 0, 1)), user_id=ids.user_id("alice"))
        world.log.append(USAGE_RECORDS, record.user_id, record)
    answer = (await alice.get("/api/v1/usage/daily")).json()
    assert [row["generations"] for row in answer["data"]] == [2, 1]
    newest = answer["data"][0]
    assert newest["cost"] == newest["costMicros"] / 1_000_000
    assert set(newest) == {
        "date", "model", "promptTokens", "completionTokens", "generations", "cost", "costMicros", "currency",
    }  # fmt: skip
    assert answer["since"] < answer["data"][1]["date"] < newest["date"]
    assert len((await alice.get("/api/v1/usage/daily?days=41")).json()["data"]) == 3
    assert len((await alice.get("/api/v1/usage/daily?days=1")).json()["data"]) == 1
    assert (await bob.get("/api/v1/usage/daily")).json()["data"] == []
    for days in (0, 367, "x"):
        assert (await alice.get(f"/api/v1/usage/daily?days={days}")).status_code == 400


@pytest.mark.usefixtures("level_four")
async def test_until_the_upgrade_is_finished_nothing_is_kept_and_everything_reads_as_empty(
    world: World, alice: httpx.AsyncClient
) -> None:
    assert await settings(alice) == {}
    for path in (FOLDERS, SNIPPETS):
        assert (await alice.get(path)).json()["data"] == []
    refused = [
        await change(alice, theme="dark"),
        await alice.post(FOLDERS, json={"name": "a"}),
        await snippet(alice, "a", "x"),
    ]
    for answer in refused:
        assert refusal(answer) == (400, "unsupported_parameter")
        assert "until the upgrade is finished" in answer.json()["error"]["message"]
    assert events(world, SettingsChanged) == events(world, FolderChanged) == events(world, SnippetChanged) == []
