"""/api/v1/settings: the caller's own settings, the same in every browser."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.access.auth import ReadCaller, WriteCaller, author_of, limited_of
from api.account.ports import Preferences
from api.account.values import Settings, changed, changes_of, settings_json
from api.consistency.account_commands import Giving
from api.consistency.commanding import idempotency_key
from api.consistency.freshness import Fresh
from api.consistency.ports import Commands
from api.consistency.upgrading import check_kept
from api.http.answers import json_answer, openapi_body
from api.http.bodies import ApiBody, BodyReader
from api.http.errors import bad_request
from api.http.headers import POSITION_HEADER, REPLAYED_HEADER
from infra.models.catalogue import ModelCatalogue, ModelNotFound
from schemas.account import SettingsChanged
from topics.catalogue import ACCOUNT_EVENTS

router = APIRouter(prefix="/api/v1/settings", tags=["settings"])


class ChangeSettings(ApiBody):
    settings: Settings


@router.get("")
async def get_settings(caller: ReadCaller, fresh: Fresh, preferences: Preferences) -> Response:
    """What the caller has set; what is left out is at its default."""
    await fresh.catch_up_lists(caller.user_id, ACCOUNT_EVENTS)
    return json_answer({"settings": settings_json(await preferences.reads.settings(caller.user_id))})


@router.patch("", openapi_extra=openapi_body(ChangeSettings))
async def change_settings(
    request: Request,
    caller: WriteCaller,
    bodies: BodyReader,
    fresh: Fresh,
    preferences: Preferences,
    commands: Commands,
) -> Response:
    """Change those that are named; null: its default again. Answers all of them."""
    body = await bodies.read(request, ChangeSettings)
    check_kept("settings")
    changes = changes_of(body.settings)
    if not changes:
        raise bad_request("Invalid value for 'settings': it names none.", param="settings")
    _check_model(preferences.own_models.of(limited_of(caller)), body.settings.default_model)
    giving = Giving(
        fresh,
        commands,
        author_of(request, caller),
        idempotency_key(request),
        event=SettingsChanged,
        about="settings",
        asked={change.name: change.value for change in changes},
    )
    await fresh.catch_up_lists(caller.user_id, ACCOUNT_EVENTS)
    if await giving.is_repeat():
        kept = settings_json(await preferences.reads.settings(caller.user_id))
        return json_answer({"settings": kept}, 200, {REPLAYED_HEADER: "true"})
    kept = settings_json(await preferences.reads.settings(caller.user_id))
    token, _ = await giving.give(
        lambda envelope, asked_for: SettingsChanged(
            envelope=envelope, user_id=caller.user_id, changes=changes, request_hash=asked_for
        )
    )
    return json_answer({"settings": changed(kept, changes)}, 200, {POSITION_HEADER: str(token)})


def _check_model(models: ModelCatalogue, name: str | None) -> None:
    if name is not None:
        try:
            models.get(name)
        except ModelNotFound:
            param = "settings.defaultModel"
            raise bad_request(f"Invalid value for '{param}': there is not a model of this name.", param=param) from None
