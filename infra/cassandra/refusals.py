"""What an error of the driver means to the one who asked."""

from __future__ import annotations

import re

from cassandra import (
    AuthenticationFailed,
    InvalidRequest,
    RequestExecutionException,
    RequestValidationException,
    UnresolvableContactPoints,
)
from cassandra.cluster import NoHostAvailable

from infra.cassandra.errors import StoreError, StoreRefused, StoreUnavailable, ValueRefused

_OF_THE_SCHEMA = re.compile(
    r"unconfigured|does not exist|doesn't exist|unknown|undefined|not found|keyspace|unauthori[sz]ed|permission", re.I
)
"""In the server's words for an invalid request that is invalid whatever its values are."""


def translate(error: BaseException, where: str) -> StoreError:
    """`where` the cluster is, for the message. No value of a statement is quoted."""
    if isinstance(error, NoHostAvailable):
        causes = [cause for cause in error.errors.values() if isinstance(cause, BaseException)]
        for cause in causes:
            if isinstance(cause, AuthenticationFailed):
                return StoreRefused(f"Cassandra ({where}) refused the credentials")
        names = sorted({type(cause).__name__ for cause in causes})
        return StoreUnavailable(f"no node of Cassandra answers ({where}){': ' + ', '.join(names) if names else ''}")
    if isinstance(error, UnresolvableContactPoints):
        return StoreUnavailable(f"no contact point of Cassandra has an address ({where})")
    if isinstance(error, AuthenticationFailed):
        return StoreRefused(f"Cassandra ({where}) refused the credentials")
    if isinstance(error, RequestValidationException | TypeError | ValueError):
        # The driver's own complaints about a value may quote it; the server's name tables and columns alone.
        said = str(error) if isinstance(error, RequestValidationException) else type(error).__name__
        kind = ValueRefused if _is_of_a_value(error) else StoreRefused
        return kind(f"Cassandra refused a statement: {said}")
    if isinstance(error, RequestExecutionException):
        return StoreUnavailable(f"Cassandra ({where}) could not carry out a request: {type(error).__name__}")
    return StoreUnavailable(f"Cassandra ({where}) did not answer: {type(error).__name__}")


def _is_of_a_value(error: BaseException) -> bool:
    """Whether a refusal is of the values, not of who asks or of tables that are not there."""
    if isinstance(error, RequestValidationException):
        return isinstance(error, InvalidRequest) and not _OF_THE_SCHEMA.search(str(error))
    return True
