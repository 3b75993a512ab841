"""What a command says of its answers, without content, as one cell: with the command's place, as its price has it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from schemas.envelope import Position
from schemas.turns import Command, choices_of, request_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How an answer was asked for. `choice`: which of the command's `choices` answers it is.

    The rest as in schemas.conversation.Request.
    """

    choice: int = 0
    choices: int = 1
    surface: str = ""
    store: bool = False
    background: bool = False


NOTHING = Asked()


def asked_of(command: Command, choice: int) -> Asked | None:
    """How the answer `choice` of a command was asked for; None for one that says nothing of it."""
    request = request_of(command)
    if request is None:
        return None
    return Asked(
        choice=choice,
        choices=choices_of(command),
        surface=request.surface,
        store=request.store,
        background=request.background,
    )


def asked_to_cell(asked: Asked, cause: Position) -> str:
    """The cell of an answer to the command at `cause`."""
    return json.dumps([_place(cause), [getattr(asked, name) for name in _FIELDS]], ensure_ascii=False)


def asked_from_cell(cell: str | None, cause: Position) -> Asked:
    """How it was asked for; of a cell that belongs to another command (a repeat of this one), nothing."""
    if cell is None:
        return NOTHING
    place, values = json.loads(cell)
    return Asked(**dict(zip(_FIELDS, values, strict=True))) if place == _place(cause) else NOTHING


_FIELDS = ("choice", "choices", "surface", "store", "background")


def _place(cause: Position) -> list[int]:
    return [cause.epoch, cause.partition, cause.offset]
