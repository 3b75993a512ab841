"""The port to a service that tells people from programs, where somebody tries to sign in or to sign up.

None comes along: `NoChallenge` asks nothing of anybody. Another one is named by the setting `api.challenge`, as
MODULE:NAME of something that is called without arguments and gives a Challenge.
"""

from __future__ import annotations

from importlib import import_module
from typing import Protocol

from infra.settings.errors import SettingsError

HEADER = "x-challenge-answer"
"""The header in which a client brings its answer; its meaning is the service's."""


class Challenge(Protocol):
    """A CAPTCHA, a proof of work, or whatever an operator trusts."""

    async def passed(self, answer: str, address: str) -> bool:
        """Whether `answer` ("": none was brought) shows a person at `address`. It has a bound of its own on how long
        it takes, and decides itself what holds while its service is away."""


class NoChallenge:
    """Lets everybody pass."""

    async def passed(self, answer: str, address: str) -> bool:
        return True


def challenge_named(named: str) -> Challenge:
    """What the setting names; empty: NoChallenge. Raises SettingsError."""
    if not named:
        return NoChallenge()
    module, _, name = named.partition(":")
    try:
        made: Challenge = getattr(import_module(module), name)()
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        expected = "MODULE:NAME of something that is called without arguments and gives a Challenge"
        raise SettingsError(
            f"api.challenge: {named!r} cannot be used ({type(error).__name__}), expected {expected}"
        ) from None
    if not callable(getattr(made, "passed", None)):
        raise SettingsError(f"api.challenge: what {named!r} gives has no 'passed', see api.access.challenge")
    return made
