"""Prints a user's mistake in a setting or a file in one line, without a traceback."""

from __future__ import annotations

from infra.models.chat_templates import TemplateError
from infra.models.spec import ModelsFileError
from infra.models.tokenizers import TokenizerError
from infra.moderation.policy_file import PolicyError
from infra.settings.errors import SettingsError
from infra.tiers.tiers_file import TiersFileError

MISTAKES = (SettingsError, ModelsFileError, PolicyError, TiersFileError, TokenizerError, TemplateError)
