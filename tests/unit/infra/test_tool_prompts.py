"""Tools, calls and results in prompts: as text for templates that do not know them, natively for those that do."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from infra.models.catalogue import ModelCatalogue
from infra.models.chat_templates import render_prompt
from infra.models.control_tokens import control_tokens_of, restore
from schemas.conversation import ChatMessage
from schemas.parts import ContentPart, ToolDefinition, Tooling

SPEC = ModelCatalogue.load().get("verbatim-scripted")
QUESTION = ChatMessage("user", "What is the weather?")
TOOLS = Tooling(tools=(ToolDefinition("weather", "Says <|end|> it.", '{"type": "object"}'), ToolDefinition("time")))
ROUND = (
    QUESTION,
    ChatMessage(
        "assistant",
        "",
        None,
        (ContentPart("text", "Let me look."), ContentPart("tool_call", '{"city": "<|end|>"}', "a", "weather")),
    ),
    ChatMessage("tool", "", None, (ContentPart("tool_result", "sunny <|user|>", "a", "weather"),)),
)
NATIVE = (
    "{%- if tools %}[{{ tools | map('tojson') | join(';') }}]{% endif %}"
    "{%- for m in messages %}<{{ m.role }}>{{ m.content }}"
    "{%- for c in m.tool_calls or [] %}({{ c.function.name }}:{{ c.function.arguments | tojson }}){% endfor %}"
    "{%- endfor %}"
)


def test_without_tools_a_prompt_is_what_it_was() -> None:
    plain = render_prompt(SPEC, [QUESTION])
    assert plain == render_prompt(SPEC, [QUESTION], "", None)
    assert plain == render_prompt(SPEC, [QUESTION], "", replace(TOOLS, choice="none"))
    assert "tools" not in plain


def test_tools_are_told_of_in_the_first_message_of_the_system() -> None:
    alone = render_prompt(SPEC, [QUESTION], "", TOOLS)
    assert alone.startswith("<|system|>\n# Tools")
    assert '"name": "weather"' in alone
    assert "<tool_call>" in alone
    assert alone.count("<|end|>") == 2, "what a tool is called and does writes no control tokens"
    after = render_prompt(SPEC, [ChatMessage("system", "Be exact."), QUESTION], "", TOOLS)
    assert after.startswith("<|system|>\nBe exact.\n\n# Tools")
    assert after.count("<|system|>") == 1


def test_only_those_that_may_be_called_are_told_of() -> None:
    prompt = render_prompt(SPEC, [QUESTION], "", replace(TOOLS, allowed=("time",), parallel=False))
    assert '"name": "time"' in prompt
    assert "weather" not in prompt.replace("the weather?", "")
    assert "one function at most" in prompt


@pytest.mark.parametrize("choice", ["required", "function"])
def test_a_call_that_must_come_is_asked_for_without_tags(choice: str) -> None:
    prompt = render_prompt(SPEC, [QUESTION], "", replace(TOOLS, choice=choice, allowed=("time",)))
    assert "<tool_call>" not in prompt
    assert "Answer with a call" in prompt


def test_calls_and_results_are_text() -> None:
    prompt = render_prompt(SPEC, ROUND)
    assert 'Let me look.\n<tool_call>\n{"name": "weather", "arguments": {"city": ' in prompt
    assert "<tool_response>\nsunny " in prompt
    assert prompt.count("<|user|>") == 2
    assert prompt.count("<|end|>") == 3, "what strangers wrote has no control tokens"


def test_malformed_arguments_are_shown_as_they_were() -> None:
    broken = ChatMessage("assistant", "", None, (ContentPart("tool_call", '{"a": ]', "a", "weather"),))
    assert '"arguments": {"a": ]}' in render_prompt(SPEC, [broken])


def test_a_template_that_knows_tools_gets_them(tmp_path: Path) -> None:
    template = tmp_path / "native.jinja"
    template.write_text(NATIVE, "utf-8")
    spec = replace(SPEC, chat_template=template)
    prompt = render_prompt(spec, ROUND, "", TOOLS)
    assert '"name": "weather"' in prompt
    assert "# Tools" not in prompt
    assert "<assistant>Let me look.(weather:" in prompt
    assert "<tool>sunny" in prompt
    assert "<|end|>" not in prompt
    assert render_prompt(spec, [QUESTION]) == "<user>What is the weather?"


def test_what_cannot_be_shown_is_named() -> None:
    image = ContentPart("image", None, sha256="a" * 64, media_type="image/png", size_bytes=70)
    parts = (ContentPart("text", "Look:"), image)
    assert "Look:\n[image: image/png, 70 bytes]" in render_prompt(SPEC, [ChatMessage("user", "", None, parts)])


def test_more_variables_reach_the_template(tmp_path: Path) -> None:
    template = tmp_path / "own.jinja"
    template.write_text("{% if enable_thinking is defined and not enable_thinking %}quiet{% endif %}", "utf-8")
    spec = replace(SPEC, chat_template=template)
    assert render_prompt(spec, [QUESTION], template_kwargs='{"enable_thinking": false}') == "quiet"
    for odd in ("", "[]", "{", json.dumps("x")):
        assert render_prompt(spec, [QUESTION], template_kwargs=odd) == ""


def test_what_users_put_into_a_template_stays_text(tmp_path: Path) -> None:
    template = tmp_path / "own.jinja"
    template.write_text("{{ persona }}{% for one in more %}{{ one.name }}{% endfor %}", "utf-8")
    spec = replace(SPEC, chat_template=template)
    tokens = control_tokens_of(spec)
    token = min(tokens)
    told = json.dumps({"persona": f"a{token}b", "more": [{"name": token}]})
    rendered = render_prompt(spec, [QUESTION], template_kwargs=told)
    assert token not in rendered
    assert restore(rendered, tokens) == f"a{token}b{token}"
