"""What a typed line means. Pure."""

from __future__ import annotations

from dataclasses import dataclass

HELP = """\
/new            begin a new conversation
/list           your conversations, newest last
/open N|ID      continue one of them: its number in /list, or its id
/model [ID]     list the models, or use this one from now on
/stop           stop the answer that is being written (so does Ctrl-C)
/help           this
/quit           leave (so does Ctrl-D)
Anything else is a prompt. A line that begins with // is a prompt that begins with /."""


@dataclass(frozen=True, slots=True)
class Prompt:
    text: str


@dataclass(frozen=True, slots=True)
class New:
    pass


@dataclass(frozen=True, slots=True)
class List:
    pass


@dataclass(frozen=True, slots=True)
class Open:
    which: str


@dataclass(frozen=True, slots=True)
class Model:
    """`id` "": show them."""

    id: str


@dataclass(frozen=True, slots=True)
class Stop:
    pass


@dataclass(frozen=True, slots=True)
class Help:
    pass


@dataclass(frozen=True, slots=True)
class Quit:
    pass


@dataclass(frozen=True, slots=True)
class Nothing:
    pass


@dataclass(frozen=True, slots=True)
class Misread:
    """`why` is for the user."""

    why: str


Command = Prompt | New | List | Open | Model | Stop | Help | Quit | Nothing | Misread

_PLAIN: dict[str, Command] = {
    "/new": New(),
    "/list": List(),
    "/stop": Stop(),
    "/help": Help(),
    "/?": Help(),
    "/quit": Quit(),
    "/exit": Quit(),
}


def command_of(line: str) -> Command:
    """The command or prompt in a line."""
    text = line.strip()
    if not text:
        return Nothing()
    if text.startswith("//"):
        return Prompt(text[1:])
    if not text.startswith("/"):
        return Prompt(text)
    name, _, argument = text.partition(" ")
    argument = argument.strip()
    if name == "/open":
        return Open(argument) if argument else Misread("/open needs the number of a conversation in /list, or its id")
    if name == "/model":
        return Model(argument)
    if name not in _PLAIN:
        return Misread(f"unknown command {name}: /help lists the commands, // begins a prompt with /")
    return Misread(f"{name} takes no argument") if argument else _PLAIN[name]
