"""Composition roots end with one line for a user's mistake, not with a traceback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from infra.models.chat_templates import TemplateError
from infra.models.spec import ModelsFileError
from infra.models.tokenizers import TokenizerError
from infra.moderation.policy_file import PolicyError
from infra.settings import SettingsError

MISTAKES = (SettingsError, ModelsFileError, PolicyError, TokenizerError, TemplateError)
EXIT_STATUS = 2


@contextmanager
def explained() -> Iterator[None]:
    """Exit with status 2 and one line on stderr for wrong settings, models, tokenizers or policies."""
    try:
        yield
    except MISTAKES as error:
        print(error, file=sys.stderr)
        raise SystemExit(EXIT_STATUS) from None
