"""Renders messages into the one text that a completion engine reads.

Templates are Jinja in a sandbox, with the names of Hugging Face chat templates: `messages` and
`add_generation_prompt`, so that a model's own template can be used as it is. Control tokens inside messages are
neutralised: what users wrote stays text.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import jinja2
import jinja2.sandbox

from infra.models.control_tokens import control_tokens_of, neutralise
from infra.models.spec import ModelSpec
from schemas.conversation import ChatMessage
from schemas.messages import message_text

SHIPPED_TEMPLATE = Path(__file__).parents[1] / "data" / "verbatim.jinja"


class TemplateError(Exception):
    """A chat template cannot be read or refuses these messages. The message holds no content of theirs."""


def render_prompt(
    spec: ModelSpec, messages: Sequence[ChatMessage], prefix: str = "", *, add_generation_prompt: bool = True
) -> str:
    """The prompt of `spec` for `messages`; `prefix` is the beginning of the answer that is to be continued.

    Raises TemplateError, and SealedContent for content that is still sealed.
    """
    tokens = control_tokens_of(spec)
    shown = [
        {"role": message.role, "content": neutralise(message_text(message), tokens)}
        | ({"name": neutralise(message.name, tokens)} if message.name else {})
        for message in messages
    ]
    path = spec.chat_template or SHIPPED_TEMPLATE
    try:
        rendered = _template(path).render(messages=shown, add_generation_prompt=add_generation_prompt)
    except jinja2.TemplateError as error:
        raise TemplateError(f"the chat template {path.name} refuses the messages: {type(error).__name__}") from None
    return rendered + neutralise(prefix, tokens)


@functools.lru_cache(maxsize=64)
def _template(path: Path) -> jinja2.Template:
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.globals["raise_exception"] = _refuse
    environment.globals.update({"bos_token": "", "eos_token": ""})
    try:
        return environment.from_string(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, jinja2.TemplateSyntaxError) as error:
        raise TemplateError(f"the chat template {path} cannot be used: {error}") from None


def _refuse(reason: str) -> NoReturn:
    raise jinja2.TemplateError(reason)
