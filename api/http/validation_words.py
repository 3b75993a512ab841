"""Plain texts for validation errors. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_WORDS = {
    "string_type": "expected a string",
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "int_parsing_size": "the number is too large",
    "float_type": "expected a number",
    "finite_number": "expected a finite number",
    "bool_type": "expected true or false",
    "list_type": "expected a list",
    "dict_type": "expected an object",
    "model_type": "expected an object",
    "model_attributes_type": "expected an object",
    "none_required": "it is not supported by this server; leave it out or send null",
    "literal_error": "expected {expected}",
    "string_too_long": "it is longer than {max_length} characters",
    "string_too_short": "it is shorter than {min_length} characters",
    "too_long": "it holds more than {max_length} entries",
    "too_short": "it holds fewer than {min_length} entries",
    "less_than_equal": "it must be at most {le}",
    "greater_than_equal": "it must be at least {ge}",
}


def in_words(kind: str, limits: Mapping[str, Any], message: str) -> str:
    """The mistake `kind` in plain words. `limits`: what the field allows; `message`: the library's own words.

    Holds nothing of the value itself.
    """
    words = _WORDS.get(kind)
    if words is not None and (limits or "{" not in words):
        return words.format_map(limits)
    # Our own rules speak plainly themselves.
    return message.replace("Input should be", "expected", 1).removeprefix("Value error, ")
