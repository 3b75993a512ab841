"""`faust -A infra.cli.conversation_app`: the name by which the release before starts the conversation process."""

from __future__ import annotations

from infra.former_names import become_for_faust

become_for_faust("conversation")
