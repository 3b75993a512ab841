"""Last, since it takes the stack down and up again: what was said is still there, and nothing leaked into a log."""

from __future__ import annotations

import pytest

from tests.e2e.client import Client, text_of
from tests.e2e.stack import CANARY, Stack
from tests.eventually import eventually_sync

pytestmark = pytest.mark.timeout(240)


@pytest.mark.slow("a whole stack goes down and comes up")
def test_data_survive_down_and_up(stack: Stack, client: Client) -> None:
    conversation = client.new_conversation(title="Durable")
    text = text_of(client.ask(conversation["id"], f"What is 100 - 1? {CANARY}"))
    assert "99" in text

    def stored() -> None:
        messages = client.get(f"/api/v1/conversations/{conversation['id']}/messages").json()["data"]
        assert messages[1]["status"] == "completed"

    eventually_sync(stored, 20)
    key = stack.key

    down = stack.verbatim("down")
    assert down.returncode == 0, down.stdout + down.stderr
    up = stack.up()
    assert up.returncode == 0, up.stdout + up.stderr

    assert stack.key == key
    messages = client.get(f"/api/v1/conversations/{conversation['id']}/messages").json()["data"]
    assert messages[1]["content"] == text
    assert text_of(client.ask(conversation["id"], f"Hello again {CANARY}"))


def test_logs_hold_no_prompt_and_no_key(stack: Stack) -> None:
    logs = sorted((stack.state / "logs").iterdir())
    assert logs
    for log in logs:
        content = log.read_text(errors="replace")
        assert CANARY not in content, log.name
        assert stack.key not in content, log.name


def test_the_state_file_is_private(stack: Stack) -> None:
    assert (stack.state / "stack.json").stat().st_mode & 0o777 == 0o600
