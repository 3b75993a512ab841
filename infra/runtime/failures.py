"""Finds the errors inside an exception group. Pure."""

from __future__ import annotations


def leaves(error: BaseException) -> list[BaseException]:
    """The errors of a group, and of the groups in it, in their order; an error that is no group is its own leaf."""
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    return [leaf for inner in error.exceptions for leaf in leaves(inner)]


def first(error: BaseException) -> BaseException:
    """The first leaf: what else is in a group mostly follows from it."""
    return leaves(error)[0]
