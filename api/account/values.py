"""The settings of a user: which there are, and what each may be. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from api.http.bodies import ApiBody
from schemas.account import SettingChange
from schemas.envelope import Content

MIN_TEXT_SIZE, MAX_TEXT_SIZE = 80, 150
MAX_SYSTEM_PROMPT_CHARACTERS = 8000
MAX_STARTS = 6
MAX_START_CHARACTERS = 500
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")


def _text_size(percent: int | None) -> int | None:
    if percent is not None and not MIN_TEXT_SIZE <= percent <= MAX_TEXT_SIZE:
        limits = {"least": MIN_TEXT_SIZE, "most": MAX_TEXT_SIZE}
        raise PydanticCustomError("out_of_range", "expected a percentage from {least} to {most}", limits)
    return percent


def _language(tag: str | None) -> str | None:
    if tag is not None and not _LANGUAGE.fullmatch(tag):
        raise PydanticCustomError("not_a_language", "expected a language tag, such as en or pt-BR")
    return tag


class Settings(ApiBody):
    """None: the default."""

    theme: Literal["system", "light", "dark"] | None = None
    language: Annotated[str | None, AfterValidator(_language)] = None
    default_model: str | None = Field(default=None, min_length=1, max_length=200)
    system_prompt: str | None = Field(default=None, max_length=MAX_SYSTEM_PROMPT_CHARACTERS)
    send_key: Literal["enter", "mod-enter"] | None = None
    text_size: Annotated[int | None, AfterValidator(_text_size)] = None
    notifications: bool | None = None
    sound: bool | None = None
    starts: (
        Annotated[
            list[Annotated[str, Field(min_length=1, max_length=MAX_START_CHARACTERS)]], Field(max_length=MAX_STARTS)
        ]
        | None
    ) = None


def changes_of(asked: Settings) -> tuple[SettingChange, ...]:
    """What a request changes: the settings that it names, null for the default again."""
    said = asked.model_dump(include=asked.model_fields_set, by_alias=True)
    return tuple(
        SettingChange(name, None if value is None else json.dumps(value, ensure_ascii=False))
        for name, value in sorted(said.items())
    )


def settings_json(kept: Mapping[str, Content]) -> dict[str, Any]:
    """The settings by name. What is sealed, or what this release does not take, reads as the default."""
    found: dict[str, Any] = {}
    for field in Settings.model_fields:
        name = to_camel(field)
        value = kept.get(name)
        if isinstance(value, str):
            try:
                shown = Settings.model_validate({name: json.loads(value)})
            except (ValueError, ValidationError):
                continue
            if (known := getattr(shown, field)) is not None:
                found[name] = known
    return found


def changed(settings: Mapping[str, Any], changes: tuple[SettingChange, ...]) -> dict[str, Any]:
    """The settings after a change."""
    after = dict(settings)
    for change in changes:
        after.pop(change.name, None)
        if isinstance(change.value, str):
            after[change.name] = json.loads(change.value)
    return after
