"""Renders messages into the one text that a completion engine reads.

Templates are Jinja in a sandbox, with the names of Hugging Face chat templates: `messages` and
`add_generation_prompt`, so that a model's own template can be used as it is. Control tokens inside messages are
neutralised: what users wrote stays text.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import jinja2
import jinja2.meta
import jinja2.sandbox

from infra.models.control_tokens import control_tokens_of, neutralise
from infra.models.spec import ModelSpec
from infra.models.tool_prompts import Clean, offered, shown_as_text, shown_natively, tool_objects
from schemas.conversation import ChatMessage
from schemas.parts import Tooling

SHIPPED_TEMPLATE = Path(__file__).parents[1] / "data" / "verbatim.jinja"


class TemplateError(Exception):
    """A chat template cannot be read or refuses these messages. The message holds no content of theirs."""


def render_prompt(
    spec: ModelSpec,
    messages: Sequence[ChatMessage],
    prefix: str = "",
    tooling: Tooling | None = None,
    *,
    add_generation_prompt: bool = True,
    template_kwargs: str = "",
) -> str:
    """The prompt of `spec` for `messages`; `prefix` is the beginning of the answer that is to be continued.

    `tooling`: what the model may call. A template that names `tools` shows them, calls and results in its own way; for
    others they are text (infra.models.tool_prompts). `template_kwargs`: a JSON object of more variables.
    Raises TemplateError, and SealedContent for content that is still sealed.
    """
    tokens = control_tokens_of(spec)

    def clean(text: str) -> str:
        return neutralise(text, tokens)

    path = spec.chat_template or SHIPPED_TEMPLATE
    variables: dict[str, Any] = _cleaned(_object(template_kwargs), clean)
    variables["add_generation_prompt"] = add_generation_prompt
    try:
        if _knows_tools(path):
            tools = tool_objects(offered(tooling))
            variables |= {"messages": shown_natively(messages, clean), "tools": _cleaned(tools, clean) or None}
        else:
            variables["messages"] = shown_as_text(messages, tooling, clean)
        rendered = _template(path).render(variables)
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


@functools.lru_cache(maxsize=64)
def _knows_tools(path: Path) -> bool:
    """Whether the template looks at `tools`. Raises TemplateError."""
    _template(path)  # says what is wrong with it
    return "tools" in jinja2.meta.find_undeclared_variables(
        jinja2.sandbox.ImmutableSandboxedEnvironment().parse(path.read_text(encoding="utf-8"))
    )


def _cleaned(value: Any, clean: Clean) -> Any:
    """JSON with every text in it cleaned."""
    match value:
        case str():
            return clean(value)
        case list():
            return [_cleaned(each, clean) for each in value]
        case dict():
            return {clean(name): _cleaned(each, clean) for name, each in value.items()}
        case _:
            return value


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text) if text else {}
    except ValueError:
        value = {}
    return value if isinstance(value, dict) else {}


def _refuse(reason: str) -> NoReturn:
    raise jinja2.TemplateError(reason)
